"""`promopilot ope` on workers beside one process: seconds, and memory of all processes together."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.ope_log import write_files

_ENGINES = ("local", "ray")
_SECONDS = 0.5  # between two looks at memory


@dataclass(frozen=True)
class Taken:
    """What a command took."""

    seconds: float
    peak_mb: float  # proportional set sizes of all its processes together: shared memory once


def measure(decisions: int = 1_000_000, streamed: int = 5_000_000) -> dict[str, Figure]:
    """Measures, in some eight minutes on two cores.

    Args:
        decisions: Rows of the smaller log, of 20 actions each.
        streamed: Rows of the larger one.

    Returns:
        Of log, policy and reward estimates in Parquet files, by each engine: `ope_local_seconds`,
        `ope_local_mb`, `ope_ray_seconds` and `ope_ray_mb`, for the larger log;
        `ope_local_bytes_per_decision` and `ope_ray_bytes_per_decision`, by which memory grew for
        each further decision; `ope_same`, 1 if both engines wrote the same figures.
    """
    taken: dict[tuple[str, int], Taken] = {}
    written = []
    for rows in (decisions, streamed):
        with tempfile.TemporaryDirectory(prefix="promopilot-bench-") as scratch:
            folder = Path(scratch) / "log"
            write_files(rows, folder)
            for engine in _ENGINES:
                out = folder / engine
                taken[engine, rows] = family_of(_command(folder, engine, out))
                written.append(json.loads((out / "ope.json").read_text(encoding="utf-8")))
    found = {
        "ope_rows": figure(streamed, "rows"),
        "ope_same": figure(written[0::2] == written[1::2], "", at_least=1.0),
    }
    for engine in _ENGINES:
        small, large = taken[engine, decisions], taken[engine, streamed]
        grown = 1e6 * (large.peak_mb - small.peak_mb) / (streamed - decisions)
        found |= {
            f"ope_{engine}_seconds": figure(large.seconds, "s"),
            f"ope_{engine}_mb": figure(large.peak_mb, "MB"),
            f"ope_{engine}_bytes_per_decision": figure(grown, "B"),
        }
    return found


def family_of(command: Sequence[str]) -> Taken:
    """Runs a command, and looks at all processes that it starts.

    Raises:
        CalledProcessError: It failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peak = [0]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_SECONDS):
            peak[0] = max(peak[0], _together(process.pid))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code != 0:
        raise subprocess.CalledProcessError(code, command)
    return Taken(time.perf_counter() - start, peak[0] / 1e6)


def _together(process: int) -> int:
    """Bytes of a process and all that it has started, directly or not."""
    total = 0
    try:
        first = psutil.Process(process)
        family = [first, *first.children(recursive=True)]
    except psutil.Error:  # just ended
        return 0
    for one in family:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def _command(folder: Path, engine: str, out: Path) -> list[str]:
    files = {name: str(folder / f"{name}.parquet") for name in ("log", "policy", "qhat")}
    command = [sys.executable, "-m", "promopilot.experiments", "ope", files["log"]]
    command += ["--policy", files["policy"], "--qhat", files["qhat"]]
    return [*command, "--engine", engine, "--out", str(out)]
