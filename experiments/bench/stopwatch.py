"""Seconds that work takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any


def seconds(work: Callable[[], Any], budget: float) -> float:
    """Returns the least seconds of one run; repeats, after one to warm up, within the budget."""
    work()
    least, end = math.inf, time.perf_counter() + budget
    while True:
        least = min(least, once(work))
        if time.perf_counter() + least > end:
            return least


def once(work: Callable[[], Any]) -> float:
    """Returns the seconds of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
