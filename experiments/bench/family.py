"""A command, and all processes that it starts: how long they work, and what they hold together."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

_SECONDS = 0.5  # between two looks


@dataclass(frozen=True)
class Taken:
    """What a command took."""

    seconds: float
    peak_mb: float  # proportional set sizes of all its processes together: shared memory once
    first_seconds: float  # of processors, of the process that was started
    other_seconds: float  # of those that it started, directly or not
    first_mb: float  # most memory of the process that was started


def taken_by(command: Sequence[str]) -> Taken:
    """Runs a command of promopilot, and looks at its processes.

    Raises:
        RuntimeError: it failed; its last words are told.
    """
    whole = [sys.executable, "-m", "promopilot.experiments", *command]
    most = most_of_first = 0
    worked: dict[tuple[int, float], float] = {}
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            whole, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
        first = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, together(first))
            try:
                most_of_first = max(most_of_first, first.memory_info().rss)
                for one in (first, *first.children(recursive=True)):
                    times = one.cpu_times()
                    worked[one.pid, one.create_time()] = times.user + times.system
            except psutil.Error:  # one has just ended; what it took is known from before
                pass
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            said.seek(0)
            raise RuntimeError(f"{' '.join(whole)} failed: {said.read()[-2000:]}")
    own = sum(spent for (pid, _), spent in worked.items() if pid == process.pid)
    others = sum(worked.values()) - own
    return Taken(seconds, most / 1e6, own, others, most_of_first / 1e6)


def together(first: psutil.Process) -> int:
    """Bytes of a process and all that it has started, directly or not; shared ones count once."""
    total = 0
    try:
        family = [first, *first.children(recursive=True)]
    except psutil.Error:  # just ended
        return 0
    for one in family:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total
