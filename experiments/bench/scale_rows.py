"""Rows scored by `predictor predict --engine ray`: memory of all processes, and time by size."""

from __future__ import annotations

import itertools
import statistics
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from promopilot.experiments.bench.family import taken_by
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.config import make_config
from promopilot.experiments.example import write_example
from promopilot.experiments.progress import silent
from promopilot.experiments.scoring import fit_from_folder

SIZES = (1_000_000, 5_000_000, 50_000_000)  # at least three
_PROMOTIONS, _PLACEMENTS, _SEGMENTS = 200, 8, 8
# Of all but the largest table: a start varies by seconds, and their difference is some twenty.
_RUNS = 3
_MOST_MB = 4_000.0
_MOST_GROWTH = 1.1  # of the time of a row, from the smallest table to the largest
_GROUP = 1 << 18  # rows of a row group


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Figure]:
    """Measures, in some minutes and 10 GB of disk for 50 million rows.

    Returns:
        `rows_seconds_per_million_N` of a table of N million rows, the start of Ray and the model
        included: the median of three runs, of the largest table one; `rows_mb_N`, the largest sum
        of proportional set sizes of all its processes, and `rows_time_growth`, how the time of each
        further row grows: between the two largest tables against between the two smallest.
    """
    found: dict[str, Figure] = {}
    seconds = {}
    with tempfile.TemporaryDirectory(prefix="promopilot-bench-") as scratch:
        folder = Path(scratch)
        fit_quickly(folder / "model", folder / "shop")
        data = folder / "data"
        data.mkdir()
        for size in sizes:
            write_tables(data, size)
            command = ["predictor", "predict", str(folder / "model"), "--data", str(data)]
            command += ["--engine", "ray"]
            command += ["--out", str(folder / "rates.csv")]
            taken = [taken_by(command) for _ in range(1 if size == sizes[-1] else _RUNS)]
            seconds[size] = statistics.median(one.seconds for one in taken)
            millions = size / 1e6
            name = f"{millions:g}"
            found[f"rows_seconds_per_million_{name}"] = figure(seconds[size] / millions, "s")
            peak = max(one.peak_mb for one in taken)
            found[f"rows_mb_{name}"] = figure(peak, "MB", at_most=_MOST_MB)
    slopes = [
        (seconds[large] - seconds[small]) / (large - small)
        for small, large in itertools.pairwise(sizes)
    ]
    found["rows_time_growth"] = figure(slopes[-1] / slopes[0], "x", at_most=_MOST_GROWTH)
    return found


def fit_quickly(out: Path, shop: Path) -> None:
    """Fits a predictor to an example that is written beside; how good it is does not matter."""
    write_example(shop, seed=0)
    config = make_config({}, ["predictor.epochs=2", "predictor.mode=frozen"])
    fit_from_folder(shop / "data", out, config, 0, silent)


def write_tables(folder: Path, rows: int) -> None:
    """A catalog, and a performance.parquet of different days and line items, made of nothing."""
    ids = {
        "promotion": [f"promotion-{number:03d}" for number in range(_PROMOTIONS)],
        "placement": [f"placement-{number}" for number in range(_PLACEMENTS)],
        "segment": [f"segment-{number}" for number in range(_SEGMENTS)],
    }
    for name, names in ids.items():
        texts = [f"{10 + number % 50} % off {name} {number}" for number in range(len(names))]
        table = pd.DataFrame({f"{name}_id": names, "text": texts})
        table.to_csv(folder / f"{name}s.csv", index=False)
    first = np.datetime64("2000-01-01", "D")
    schema = pa.schema([("date", pa.date32()), *((f"{name}_id", pa.string()) for name in ids)])
    with pq.ParquetWriter(folder / "performance.parquet", schema) as writer:
        for start in range(0, rows, _GROUP):
            at = np.arange(start, min(rows, start + _GROUP))
            cells = {}
            for name, names in reversed(ids.items()):
                at, code = np.divmod(at, len(names))
                cells[f"{name}_id"] = pa.array(names).take(pa.array(code))
            cells["date"] = pa.array(first + at)
            writer.write_table(pa.table({name: cells[name] for name in schema.names}, schema))
