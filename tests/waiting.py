"""Waits for what another process does."""

import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any


def until(
    holds: Callable[[], Any], seconds: float = 120, process: "Popen[Any] | None" = None
) -> None:
    """Returns when something holds; fails when it takes too long, or the process ends before."""
    end = time.monotonic() + seconds
    while not holds():
        assert process is None or process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
