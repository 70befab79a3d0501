"""What of `predict` and `ope` on Ray the first process does and holds: no further machine helps it.

Work is counted in seconds of its processor, not of the clock: where it works while others do, the
time that more machines cannot shorten is less.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from promopilot.experiments.bench.family import Taken, taken_by
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.ope_log import ACTIONS, write_files
from promopilot.experiments.bench.scale_rows import fit_quickly, write_tables

SIZES = (1_000_000, 3_000_000)
LARGE = (10_000_000, 30_000_000)
_BLOCK = 500_000  # decisions


def measure(sizes: tuple[int, int] = SIZES, large: tuple[int, int] = LARGE) -> dict[str, Figure]:
    """Measures, in some ten minutes on two cores.

    Args:
        sizes: Of two tables and of two logs of 20 actions; what both sizes take does not count.
        large: Of two logs whose policy is named, for memory: smaller ones show less than its law.

    Returns:
        `rows_first_seconds`, of the first process for each further million rows, and
        `rows_other_seconds`, of all others; `ope_first_seconds` and `ope_other_seconds` likewise
        for a million decisions; `ope_first_bytes`, by which the first process grows with each
        further decision; `rates_bytes` of a row of rates.csv, `ope_log_bytes` of a decision of the
        log, and `ope_policy_bytes` of its 20 probabilities in a policy's file.
    """
    found: dict[str, Figure] = {}
    for part, given in ((_rows, sizes), (_ope, sizes), (_ope_memory, large)):
        with tempfile.TemporaryDirectory(prefix="promopilot-bench-") as scratch:
            found |= part(Path(scratch), given)
    return found


def _rows(folder: Path, sizes: tuple[int, int]) -> dict[str, Figure]:
    fit_quickly(folder / "model", folder / "shop")
    data, rates = folder / "data", folder / "rates.csv"
    data.mkdir()
    spent = []
    for size in sizes:
        write_tables(data, size)
        command = ["predictor", "predict", str(folder / "model"), "--data", str(data)]
        spent.append(taken_by([*command, "--engine", "ray", "--out", str(rates)]))
    return _further("rows", spent, sizes) | {"rates_bytes": _bytes(rates, sizes[1])}


def _ope(folder: Path, sizes: tuple[int, int]) -> dict[str, Figure]:
    spent = []
    for size in sizes:
        log = folder / f"{size}"
        write_files(size, log)
        command = ["ope", str(log / "log.parquet"), "--policy", str(log / "policy.parquet")]
        command += ["--qhat", str(log / "qhat.parquet"), "--engine", "ray"]
        spent.append(taken_by([*command, "--out", str(log / "out")]))
    return _further("ope", spent, sizes) | {
        "ope_log_bytes": _bytes(log / "log.parquet", sizes[1]),
        "ope_policy_bytes": _bytes(log / "policy.parquet", sizes[1]),
    }


def _ope_memory(folder: Path, sizes: tuple[int, int]) -> dict[str, Figure]:
    log, held = folder / "log.parquet", []
    for size in sizes:
        write_log(size, log)
        command = ["ope", str(log), "--policy", "always:a03", "--set", "ope.model_rows=20000"]
        out = folder / f"{size}"
        held.append(1e6 * taken_by([*command, "--engine", "ray", "--out", str(out)]).first_mb)
    each = (held[1] - held[0]) / (sizes[1] - sizes[0])
    return {"ope_first_bytes": figure(each, "B")}


def write_log(count: int, path: Path) -> None:
    """Writes a log of 20 actions drawn evenly, with two features, block by block."""
    rng = np.random.default_rng(0)
    names = pa.array([f"a{action:02d}" for action in range(ACTIONS)])
    writer = None
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        columns = {
            "decision_id": rows,
            "action": names.take(pa.array(rng.integers(ACTIONS, size=len(rows)))),
            "reward": (rng.random(len(rows)) < 0.1).astype(float),
            "propensity": np.full(len(rows), 1 / ACTIONS),
            "x_0": rng.standard_normal(len(rows)),
            "x_1": rng.standard_normal(len(rows)),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _further(name: str, spent: list[Taken], sizes: tuple[int, int]) -> dict[str, Figure]:
    """Seconds of each further million."""
    millions = (sizes[1] - sizes[0]) / 1e6
    small, large = spent
    return {
        f"{name}_first_seconds": figure(
            (large.first_seconds - small.first_seconds) / millions, "s/million"
        ),
        f"{name}_other_seconds": figure(
            (large.other_seconds - small.other_seconds) / millions, "s/million"
        ),
    }


def _bytes(file: Path, count: int) -> Figure:
    return figure(file.stat().st_size / count, "B")
