"""The figures of `ope.json` as CSV tables: the same numbers, a row per estimator, bin or cap."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_ESTIMATES = (
    *("estimator", "params", "estimate", "ci95_low", "ci95_high"),
    *("diff_vs_logged", "diff_ci95_low", "diff_ci95_high"),
    *("ess", "max_weight", "clip_share", "interval", "interval_from", "tuned_by", "candidates"),
    "decides",
)
_WEIGHTS = ("from", "to", "units", "weight_share")
_CALIBRATION = ("of", "action", "predicted", "observed", "low", "high", "units")
_SELECTION = (
    *("policy", "estimator", "estimate", "ci95_low", "ci95_high"),
    *("gain", "gain_low", "gain_high", "gain_alone_low", "gain_alone_high"),
    *("ahead_of_others", "ahead_low", "ahead_high", "may_be_best", "verdict"),
)
_CLIPPING = ("cap", "estimate", "low", "high", "clip_share")


def tables_of(result: Mapping[str, Any]) -> dict[str, str]:
    """CSV texts by file name; a table without rows is absent.

    `estimates.csv` has a row per estimator, `weights.csv` one per bin of the weights,
    `calibration.csv` one per bin of predicted rewards (`of` is `reward`) and per action
    (`of` is `propensity`), `clipping.csv` one per cap on the weights.

    Args:
        result: the content of `ope.json`.
    """
    seen = result["diagnostics"]
    rows = {
        "weights.csv": (_WEIGHTS, seen.get("weight_histogram", ())),
        "calibration.csv": (
            _CALIBRATION,
            [
                {"of": of, **row}
                for of in ("reward", "propensity")
                for row in seen.get(f"{of}_calibration", ())
            ],
        ),
        "clipping.csv": (_CLIPPING, seen.get("clip_sensitivity", ())),
    }
    found = {"estimates.csv": file_faults(_ESTIMATES, [_estimate(r) for r in result["estimates"]])}
    return found | {name: file_faults(columns, own) for name, (columns, own) in rows.items() if own}


def selection_table(selection: Mapping[str, Any]) -> str:
    """`selection.csv`: a row per candidate of the content of `selection.json`."""
    ends = {
        "ci95": "ci95",
        "gain": "gain_interval",
        "gain_alone": "gain_interval_alone",
        "ahead": "ahead_interval",
    }
    rows = []
    for row in selection["candidates"]:
        flat = dict(row)
        for name, key in ends.items():
            flat[f"{name}_low"], flat[f"{name}_high"] = row.get(key, (None, None))
        rows.append(flat)
    return file_faults(_SELECTION, rows)


def file_faults(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV; other keys are left out, what is absent or None is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _estimate(row: Mapping[str, Any]) -> dict[str, Any]:
    flat = dict(row) | {"params": json.dumps(row["params"])}
    for interval in ("ci95", "diff_ci95"):
        flat[f"{interval}_low"], flat[f"{interval}_high"] = row[interval]
    return flat
