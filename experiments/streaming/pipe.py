"""Parts through Ray Data: work on many at a time, answers one by one in the parts' order."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

_Work = Callable[[Any], Iterator[Any]]  # on a part; yields answers
_MADE: dict[str, _Work] = {}  # in a worker: the work that it does, by what it was made from


def mapped(
    make: Callable[..., _Work], given: tuple[Any, ...], parts: Sequence[Any]
) -> Iterator[tuple[float, Any]]:
    """What work on each part yields, and the share of the parts that is done.

    A part whose process is lost is begun anew in another. Few answers wait at a time, so that
    memory stays small however many parts there are.

    Args:
        make: Makes the work, once in each process.
        given: Its arguments, sent to each process once.
        parts: What is worked on.
    """
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    kept = ray.put(given)
    items = [{"part": pickle.dumps(part)} for part in parts]
    data = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        _answers,  # type: ignore[arg-type]  # whose other arguments Ray's types do not know
        fn_args=(make, [kept]),  # in a list: else it would be fetched for every part
        batch_size=1,
        batch_format="numpy",
        num_cpus=1,
    )
    done = 0
    for row in data.iter_rows():
        done += int(row["done"])
        if not row["done"]:
            yield done / len(parts), pickle.loads(row["answer"])


def _answers(
    batch: dict[str, Any], make: Callable[..., _Work], kept: list[Any]
) -> Iterator[dict[str, Any]]:
    """Answers of one part, a row each; the last row says that the part is done."""
    import ray

    [reference], [part] = kept, batch["part"]
    name = reference.hex()
    if name not in _MADE:
        _MADE.clear()
        _MADE[name] = make(*ray.get(reference))
    for answer in _MADE[name](pickle.loads(part)):
        yield _row(pickle.dumps(answer), 0)
    yield _row(b"", 1)


def _row(answer: bytes, done: int) -> dict[str, Any]:
    cell = np.empty(1, dtype=object)
    cell[0] = answer
    return {"answer": cell, "done": np.array([done])}
