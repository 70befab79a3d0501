"""What a worker's process does; nothing of the cluster is known here."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

# Of the work that a process was given last: that of one stage, and what runs beside it.
_KEPT = 2
_works: dict[str, Callable[[Any], Any]] = {}


def work_on(name: str, work: bytes, piece: Any) -> Any:
    """What a work makes of a piece.

    Args:
        name: The work's own.
        work: It, pickled; unpacked once in a process. So its arrays can be written to, which those
            that Ray unpacks cannot, and compiled functions are not compiled anew for them.
        piece: What it is called with.
    """
    if name not in _works:
        while len(_works) >= _KEPT:
            del _works[next(iter(_works))]
        _works[name] = pickle.loads(work)
    return _works[name](piece)
