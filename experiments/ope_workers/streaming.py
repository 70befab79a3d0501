"""Ray Data as a stream of jobs by number: spread over workers, answered in order."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from promopilot.experiments.errors import ClusterError, LogError

G = TypeVar("G")
A = TypeVar("A")


def in_order(job: Callable[[G, int], A], given: G, count: int) -> Iterator[A]:
    """What a job gives for 0 to `count` - 1, each as soon as it and all before it are there.

    A job that is lost with its worker or node is done again, elsewhere. So it must give the same
    again, and leave nothing that another of its number would stumble over.

    Args:
        job: A function of a module, of `given` and a number; gives what can be pickled.
        given: The same for all; it is sent to each machine once.
        count: How many.

    Raises:
        LogError: The job's own; of several that of the lowest number.
        OSError: The same, such as a full disk.
        ClusterError: Jobs are lost whenever they are tried.
    """
    with _quiet():
        import ray.data
        from ray.exceptions import RayError, RayTaskError

        sent = ray.put(given)

        def answered(row: dict[str, Any]) -> dict[str, Any]:
            received: G = ray.get(sent)
            answer: object
            try:
                answer = job(received, int(row["id"]))
            except (LogError, OSError) as error:  # else it comes out of turn, as one of Ray's
                answer = error
            return {"answer": pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)}

        numbers = ray.data.range(count, override_num_blocks=count)
        answers: Iterable[Any] = numbers.map(answered).iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        )
        try:
            for batch in answers:
                for pickled in batch.column("answer"):
                    answer = pickle.loads(pickled.as_buffer())
                    if isinstance(answer, (LogError, OSError)):
                        raise answer
                    yield answer
        except RayTaskError:  # a fault of the job's own code
            raise
        except RayError as error:
            raise ClusterError(
                f"workers are lost again and again ({_first_line(error)}): see `ray status`, and "
                "whether their machines have memory left"
            ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Data in order of the numbers, and without a word on the console."""
    with warnings.catch_warnings():
        # Its own default settings touch names that it has deprecated (ray 2.60).
        warnings.simplefilter("ignore", DeprecationWarning)
        from ray.data import DataContext

        context = DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.enable_auto_log_stats = False
        context.print_on_execution_start = False
        context.execution_options.preserve_order = True
    handlers = logging.getLogger("ray.data").handlers
    consoles = [(one, one.level) for one in handlers if one.name == "console"]
    try:
        for handler, _ in consoles:
            handler.setLevel(logging.CRITICAL + 1)
        with DataContext.current(context):
            yield
    finally:
        for handler, level in consoles:
            handler.setLevel(level)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
