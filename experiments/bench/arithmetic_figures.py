"""The figures that docs/scale.md rests on: docs/figures/scale.json, taken from a bench.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from promopilot.experiments.atomic import write_text_atomic

# What the arithmetic asks for; of sizes, as rows_mb_5 and rows_mb_50, the largest counts.
NAMES = (
    *("rows_seconds_per_million", "rows_mb", "rows_first_seconds", "rates_bytes"),
    *("ope_rows", "ope_local_seconds", "ope_ray_seconds", "ope_ray_mb"),
    *("ope_first_seconds", "ope_first_bytes", "ope_log_bytes", "ope_policy_bytes"),
    *("host_alone_requests", "tune_speedup"),
)


def named(name: str, figures: Mapping[str, object]) -> str:
    """A figure's whole name: its own, or that of its largest size.

    Raises:
        KeyError: There is none.
    """
    if name in figures:
        return name
    sizes = [key for key in figures if re.fullmatch(rf"{name}_[0-9.]+", key)]
    if not sizes:
        raise KeyError(name)
    return max(sizes, key=lambda key: float(key.rpartition("_")[2]))


@dataclass(frozen=True)
class Measured:
    """Figures by their names in bench.json, and where they were measured."""

    date: str
    note: str  # on the circumstances; may be empty
    cores: int
    memory_gb: float
    price: float  # of a core for an hour: an assumption, not a figure
    figures: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        """A figure, of several sizes the largest one's.

        Raises:
            KeyError: There is none of this name.
        """
        return self.figures[named(name, self.figures)]


def read_figures(path: Path) -> Measured:
    """Reads docs/figures/scale.json."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    machine, price = tree["machine"], tree["assumed"]["price_of_a_core_hour"]
    return Measured(
        *(tree["measured"], tree["note"], machine["cores"], machine["memory_gb"]),
        *(price, tree["figures"]),
    )


def of_bench(bench: Path, measured: Measured) -> Measured:
    """The figures of a bench.json in place of these, dated by the file.

    Raises:
        KeyError: Its bench `scale` lacks one.
    """
    tree = json.loads(bench.read_text(encoding="utf-8"))["scale"]
    names = [named(name, tree) for name in NAMES]
    date = datetime.fromtimestamp(bench.stat().st_mtime, UTC).date().isoformat()
    figures = {name: tree[name]["value"] for name in names}
    return replace(measured, date=date, note="", figures=figures)


def write_figures(path: Path, measured: Measured) -> None:
    """Writes docs/figures/scale.json."""
    tree = {
        "measured": measured.date,
        "note": measured.note,
        "machine": {"cores": measured.cores, "memory_gb": measured.memory_gb},
        "assumed": {"price_of_a_core_hour": measured.price},
        "figures": {name: float(f"{value:.4g}") for name, value in measured.figures.items()},
    }
    write_text_atomic(path, json.dumps(tree, indent=2) + "\n")
