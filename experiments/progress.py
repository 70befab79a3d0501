"""Progress on stderr: on a terminal a bar with the time left, else a line per start and end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text


class Progress:
    """Stages, each with a start and an end; called inside one with (what is done, share in 0..1).

    A stage has one bar, whatever is said inside it. Use it as a context manager, so that the
    terminal is left in order whatever happens.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._console = Console(file=self._stream, highlight=False)
        self._bars: Bars | None = None
        self._stage: str | None = None
        self._task: TaskID | None = None
        self._share = 0.0

    def __enter__(self) -> Self:
        """Starts drawing where `stream` is a terminal that can move its cursor."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._bars = Bars(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                _Left(),
                console=self._console,
                transient=True,
            )
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops drawing."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Says that a stage starts and, unless it fails, that it ended and after how long."""
        outer, self._stage = self._stage, name
        started = time.perf_counter()
        if self._bars is None:
            self._line(f"{name} …")
        else:
            self._draw(name, 0.0)
        try:
            yield
            self._erase()
            self._line(f"{name} done in {time.perf_counter() - started:.1f} s")
        finally:
            self._stage = outer
            self._erase()

    def __call__(self, what: str, share: float) -> None:
        """Reports that `share` of `what`, a part of the stage, is done; drawn on terminals only."""
        stage = self._stage
        named = stage is None or what == stage or what.startswith(f"{stage}:")
        self._draw(what if named else f"{stage}: {what}", min(max(share, 0.0), 1.0))

    def _draw(self, text: str, share: float) -> None:
        if self._bars is None:
            return
        now = time.monotonic()
        if self._task is None:
            self._task = self._bars.add_task(text, total=None, since=(now, share), told=now)
        elif share < self._share:  # another part begins: the time left is its own
            self._bars.update(self._task, since=(now, share))
        # Until a share is known the bar only shows that something is going on.
        total = 1.0 if share > 0 else self._bars.tasks[0].total
        self._bars.update(self._task, description=text, completed=share, total=total, told=now)
        self._share = share

    def _erase(self) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
            self._bars.refresh()  # else it is drawn once more, below the next line
        self._task, self._share = None, 0.0

    def _line(self, text: str) -> None:
        if self._bars is not None:
            self._console.print(f"promopilot: {text}", markup=False)
        else:
            print(f"promopilot: {text}", file=self._stream, flush=True)


class _Left(ProgressColumn):
    """The share done and the time left at the pace so far, counting down between reports.

    rich's own columns forget a report after half a minute; passes of training take longer.
    """

    def render(self, task: Task) -> Text:
        """Nothing before the first share above 0."""
        if task.total is None:
            return Text("")
        began, share = task.fields["since"]
        told, done = task.fields["told"], task.completed - share
        left = "-:--:--"
        if done > 0:
            seconds = (told - began) * (1 - task.completed) / done - (time.monotonic() - told)
            left = str(timedelta(seconds=max(round(seconds), 0)))
        return Text(f"{task.percentage:>3.0f} % left {left}")


@contextmanager
def stage_of(progress: Callable[[str, float], None], name: str) -> Iterator[None]:
    """A stage of a `Progress`; a plain function hears share 0 at its start and 1 at its end."""
    if isinstance(progress, Progress):
        with progress.stage(name):
            yield
        return
    progress(name, 0.0)
    yield
    progress(name, 1.0)


def silent(what: str, share: float) -> None:
    """Progress that nobody watches."""
