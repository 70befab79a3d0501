"""A large export into tables: seconds and memory of `promopilot data import`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pyarrow import csv

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.process import run_alone

_MOST_SECONDS, _MOST_MB = 20.0, 2000.0
_CAMPAIGNS, _AD_GROUPS, _NETWORKS = 100, 10, ("Google search", "Search partners", "Display Network")
_DAYS = 365


def measure(rows: int = 1_000_000) -> dict[str, Figure]:
    """Measures, in about half a minute on two cores.

    Args:
        rows: of the export, which has 15 columns.

    Returns:
        `rows`, `file_mb`; `seconds` and `mb` (the process's largest resident set) of the command,
        from start to a checked data folder; `utf16_seconds` and `utf16_mb`, the same of the same
        rows as Google's own download has them: UTF-16, tabs.
    """
    figures = {"rows": figure(rows, "rows")}
    with tempfile.TemporaryDirectory(prefix="promopilot-bench-") as scratch:
        folder = Path(scratch)
        plain = folder / "report.csv"
        write_export(plain, rows)
        figures["file_mb"] = figure(plain.stat().st_size / 1e6, "MB")
        wide = folder / "utf16.csv"
        text = plain.read_text(encoding="utf-8").replace('","', '"\t"')
        wide.write_text(text, encoding="utf-16", newline="")
        del text
        for name, file in (("", plain), ("utf16_", wide)):
            command = [sys.executable, "-m", "promopilot.experiments", "data", "import"]
            command += ["--platform", "google-ads", str(file), "--out", str(folder / f"out{name}")]
            ended = run_alone(command)
            figures[f"{name}seconds"] = figure(ended.seconds, "s", at_most=_MOST_SECONDS)
            figures[f"{name}mb"] = figure(ended.peak_mb, "MB", at_most=_MOST_MB)
    return figures


def write_export(path: Path, rows: int, seed: int = 0) -> None:
    """Writes a made-up Google Ads report: a row per day, ad group, network, device and audience.

    Numbers stand there as Google writes them: thousands with a comma, per cents, "--" for nothing.
    """
    rng = np.random.default_rng(seed)
    at = np.arange(rows)
    day, rest = at % _DAYS, at // _DAYS
    network, rest = rest % len(_NETWORKS), rest // len(_NETWORKS)
    group, more = rest % (_CAMPAIGNS * _AD_GROUPS), rest // (_CAMPAIGNS * _AD_GROUPS)
    campaign = group // _AD_GROUPS
    shown = rng.integers(1, 20_000, rows)
    clicks = rng.binomial(shown, 0.03)
    cost = np.round(clicks * rng.gamma(4.0, 0.1, rows), 2)
    bought = np.round(np.minimum(clicks, rng.gamma(0.5, 0.05, rows) * clicks), 2)
    value = np.round(bought * 40, 2)
    dates = np.datetime64("2025-01-01") + day
    table = pa.table(
        {
            "Day": np.datetime_as_string(dates),
            "Campaign": _named("Campaign ", campaign),
            "Campaign ID": pa.array(10_000_000_000 + campaign).cast(pa.string()),
            "Ad group": _named("Ad group ", group),
            "Ad group ID": pa.array(20_000_000_000 + group).cast(pa.string()),
            "Network (with search partners)": pa.array(_NETWORKS).take(pa.array(network)),
            "Device": _named("Device ", more),
            "Currency code": pa.array(["EUR"]).take(pa.array(np.zeros(rows, dtype=np.int64))),
            "Impr.": _thousands(shown),
            "Clicks": _thousands(clicks),
            "CTR": pc.binary_join_element_wise(_text(clicks / shown * 100), "%", ""),
            "Avg. CPC": _or_dashes(cost / np.maximum(clicks, 1), clicks > 0),
            "Cost": _text(cost),
            "Conversions": _or_dashes(bought, clicks > 0),
            "Conv. value": _text(value),
        }
    )
    options = csv.WriteOptions(quoting_style="all_valid")
    csv.write_csv(table, path, options)


def _named(what: str, numbers: NDArray[np.int64]) -> pa.Array:
    return pc.binary_join_element_wise(what, pa.array(numbers).cast(pa.string()), "")


def _text(values: NDArray[np.floating]) -> pa.Array:
    return pa.array(np.round(values, 2)).cast(pa.string())


def _or_dashes(values: NDArray[np.floating], there: NDArray[np.bool_]) -> pa.Array:
    return pc.if_else(pa.array(there), _text(values), " --")


def _thousands(counts: NDArray[np.int64]) -> pa.Array:
    text = pa.array(counts).cast(pa.string())
    return pc.replace_substring_regex(text, r"^(\d{1,3})(\d{3})$", r"\1,\2")
