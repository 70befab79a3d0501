"""Ray Data as a stream: work on many parts at a time, answers one by one in the parts' order."""

from __future__ import annotations

import errno
import logging
import os
import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from promopilot.experiments.errors import ClusterError, LogError

G = TypeVar("G")
A = TypeVar("A")
Work = Callable[[Any], Iterator[Any]]  # on a part; yields answers
_TOLD = (LogError, OSError)  # else they come out of turn, as one of Ray's
# How often a part is begun anew whose process or machine was lost.
_RETRIES = 3
_COLUMNS = ("ended", "answer")
_MADE: dict[str, Work] = {}  # in a worker: the work that it does, by what it was made from


def worked(
    make: Callable[..., Work], given: tuple[Any, ...], parts: Sequence[Any]
) -> Iterator[tuple[float, Any]]:
    """The share of the parts that is done, and what work yields on each, in the parts' order.

    A part that is lost with its worker or node is worked on again, elsewhere. So work must yield
    the same again, and leave nothing that it would stumble over. Few answers wait at a time, so
    that memory stays small however many parts there are.

    Args:
        make: Makes the work, once in each process.
        given: Its arguments, sent to each machine once.
        parts: What is worked on; each can be pickled, and so can answers.

    Raises:
        LogError: The work's own; of several that of the first part.
        OSError: The same.
        ClusterError: A part is lost whenever it is tried, or a worker's disk is full.
    """
    with _quiet():
        import ray.data
        from ray.exceptions import RayError, RayTaskError

        sent = ray.put(given)
        items = [{"part": pickle.dumps(part)} for part in parts]
        with warnings.catch_warnings():
            # Ray (2.60) would begin a part anew for ever, and offers no other way to say otherwise.
            warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
            rows = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
                _answers,  # type: ignore[arg-type]  # whose other arguments Ray's types do not know
                fn_args=(make, [sent]),  # in a list: else it would be fetched for every part
                batch_size=1,
                batch_format="numpy",
                num_cpus=1,
                max_retries=_RETRIES,
            )
        batches: Iterable[Any] = rows.iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        )
        done = 0
        try:
            for batch in batches:
                for ended, answer in zip(
                    batch.column("ended"), batch.column("answer"), strict=True
                ):
                    found = pickle.loads(answer.as_buffer())
                    if isinstance(found, _TOLD):
                        raise _there(found)
                    if ended.as_py():
                        done += 1
                    else:
                        yield done / len(parts), found
        except RayTaskError:  # a fault of the work's own code
            raise
        except RayError as error:
            raise ClusterError(
                f"workers are lost again and again ({_first_line(error)}): see `ray status`, and "
                "whether their machines have memory left"
            ) from error


def _there(error: Exception) -> Exception:
    """A worker's error; that of a full disk says whose, which may be another machine's."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = error.filename or tempfile.gettempdir()
        return ClusterError(
            f"a worker has no room to write {where} ({os.strerror(error.errno).lower()}): free "
            "some, or name a folder on another disk with TMPDIR"
        )
    return error


def in_order(job: Callable[[G, int], A], given: G, count: int) -> Iterator[A]:
    """What a job gives for 0 to `count` - 1, each as soon as it and all before it are there.

    Args:
        job: A function of a module, of `given` and a number; gives what can be pickled.
        given: The same for all.
        count: How many.

    Raises:
        LogError, OSError, ClusterError: As `worked` does.
    """
    return (answer for _, answer in worked(_numbered, (job, given), range(count)))


def _numbered(job: Callable[[G, int], A], given: G) -> Work:
    def work(number: int) -> Iterator[A]:
        yield job(given, number)

    return work


def _answers(
    batch: dict[str, Any], make: Callable[..., Work], sent: list[Any]
) -> Iterator[dict[str, Any]]:
    """Answers of one part, a row each; the last row says that the part has ended."""
    import ray

    [reference], [part] = sent, batch["part"]
    name = reference.hex()
    try:
        if name not in _MADE:
            _MADE.clear()
            _MADE[name] = make(*ray.get(reference))
        for answer in _MADE[name](pickle.loads(part)):
            yield _row(answer)
    except _TOLD as error:
        yield _row(error)
    else:
        yield _row(None, ended=True)


def _row(answer: object, ended: bool = False) -> dict[str, Any]:
    cell = np.empty(1, dtype=object)
    cell[0] = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    return dict(zip(_COLUMNS, (np.array([ended]), cell), strict=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Data in order of the parts, and without a word on the console."""
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
