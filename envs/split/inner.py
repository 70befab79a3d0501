"""Compiled functions that only compiled functions call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

# Without the wrapper for calls from Python, which unpacks every array of every argument and took
# half of the time to compile.
inner: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(  # type: ignore[call-overload]
    cache=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)
