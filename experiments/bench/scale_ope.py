"""`promopilot ope` on workers beside one process: seconds, and memory of all processes together."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from promopilot.experiments.bench.family import Taken, taken_by
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.ope_log import write_files

_ENGINES = ("local", "ray")


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
                taken[engine, rows] = taken_by(_command(folder, engine, out))
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


def _command(folder: Path, engine: str, out: Path) -> list[str]:
    files = {name: str(folder / f"{name}.parquet") for name in ("log", "policy", "qhat")}
    command = ["ope", files["log"], "--policy", files["policy"], "--qhat", files["qhat"]]
    return [*command, "--engine", engine, "--out", str(out)]
