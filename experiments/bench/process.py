"""A command in a process of its own: what it says, and how much time and memory it takes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

_MAXRSS_PER_MB = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kibibytes on Linux
# Starts the command from a small process: one that starts another hands its own size on to it.
_LAUNCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print("\\n", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, sep="")
sys.exit(code)
"""


@dataclass(frozen=True)
class Ended:
    """A command that ended well."""

    said: str  # on stdout
    peak_mb: float  # largest resident set
    seconds: float


def run_alone(command: Sequence[str]) -> Ended:
    """Runs a command and waits for its end.

    Raises:
        RuntimeError: it failed; its last words are told.
    """
    start = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCH, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    seconds = time.perf_counter() - start
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {ended.stderr[-2000:]}")
    said, _, peak = ended.stdout.rstrip("\n").rpartition("\n")
    return Ended(said.rstrip("\n"), int(peak) / _MAXRSS_PER_MB, seconds)
