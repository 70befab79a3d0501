"""Progress with the time left, on stderr: a bar on a terminal, else a line per start and end."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress:
    """Called with (what, share done in 0..1); one bar or one pair of lines per `what`.

    Use it as a context manager, so that the terminal is left in order whatever happens.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._console = Console(file=self._stream)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}  # perf_counter at the first call

    def __enter__(self) -> Self:
        """Starts drawing where `stream` is a terminal."""
        if self._console.is_terminal:
            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
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

    def __call__(self, what: str, share: float) -> None:
        """Reports that `share` of `what` is done; 1 ends it, a later call starts it again."""
        share = min(max(share, 0.0), 1.0)
        if self._bars is not None:
            if what not in self._tasks:
                self._tasks[what] = self._bars.add_task(what, total=1.0)
            self._bars.update(self._tasks[what], completed=share)
            return
        now = time.perf_counter()
        if what not in self._started:
            self._started[what] = now
            if share < 1.0:
                self._line(f"{what} …")
        if share >= 1.0:
            self._line(f"{what} done in {now - self._started.pop(what):.1f} s")

    def _line(self, text: str) -> None:
        print(f"promopilot: {text}", file=self._stream, flush=True)


def silent(what: str, share: float) -> None:
    """Progress that nobody watches."""
