"""Totals, promotions and days of several plans, and how each differs from the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.experiments.comparing.align import Aligned
from promopilot.experiments.comparing.side import SUMMED, Side

# Measure -> decimals; ratios are of sums.
MEASURES: dict[str, int] = {
    "planned_budget": 2,
    "expected_impressions": 0,
    "expected_clicks": 0,
    "expected_conversions": 1,
    "expected_conversion_value": 2,
    "expected_subsidy": 2,
    "expected_profit": 2,
    "expected_net_profit": 2,
    "expected_roas": 4,
    "expected_poas": 4,
    "expected_cpa": 2,
}
_BY_PROMOTION = ("planned_budget", "expected_conversions", "expected_profit")


@dataclass(frozen=True)
class Row:
    """One measure of every side; None where a side has none."""

    level: str  # total, promotion or day
    key: str  # promotion id or date; empty for totals
    measure: str
    values: tuple[float | None, ...]  # by side

    @property
    def differences(self) -> tuple[float | None, ...]:
        """Each side less the first, the first itself left out."""
        first, *rest = self.values
        return tuple(None if v is None or first is None else _round(self, v - first) for v in rest)


def measures(rows: pd.DataFrame) -> dict[str, float]:
    """The measures of some rows of a plan; NaN for a ratio of nothing."""
    sums = {name: float(rows[name].sum()) for name in SUMMED}
    planned, orders = sums["planned_budget"], sums["expected_conversions"]
    profit = sums["expected_profit"]
    return sums | {
        "expected_net_profit": profit - planned,
        "expected_roas": sums["expected_conversion_value"] / planned if planned > 0 else np.nan,
        "expected_poas": profit / planned if planned > 0 else np.nan,
        "expected_cpa": planned / orders if orders > 0 else np.nan,
    }


def differences(plans: Aligned) -> list[Row]:
    """Rows of all levels: totals, then promotions by the largest change of money, then days."""
    sides = plans.sides
    totals = [measures(side.rows) for side in sides]
    rows = [_row("total", "", name, [total[name] for total in totals]) for name in MEASURES]
    rows += _grouped(sides, "promotion", "promotion_id")
    return rows + _grouped(sides, "day", "date")


def names(sides: Sequence[Side]) -> dict[str, str]:
    """What promotions are called, by id; where two are called the same, each also shows its id."""
    found: dict[str, str] = {}
    for side in sides:
        first = side.rows.drop_duplicates("promotion_id")
        for key, name in zip(first["promotion_id"], first["promotion_name"], strict=True):
            found.setdefault(str(key), str(key) if pd.isna(name) else str(name))
    called = list(found.values())
    return {k: n if called.count(n) == 1 else f"{n} ({k})" for k, n in found.items()}


def _grouped(sides: Sequence[Side], level: str, column: str) -> list[Row]:
    sums = [side.rows.groupby(column)[list(_BY_PROMOTION)].sum() for side in sides]
    keys = sorted(set().union(*(set(one.index) for one in sums)))
    tables = [one.reindex(keys).fillna(0.0) for one in sums]
    if level == "promotion":
        planned = np.stack([table["planned_budget"] for table in tables])
        moved = np.abs(planned[1:] - planned[0]).max(axis=0) if len(sides) > 1 else planned[0]
        keys = [keys[at] for at in np.argsort(-moved, kind="stable")]
    return [
        _row(level, _shown(key), name, [float(table.loc[key, name]) for table in tables])
        for key in keys
        for name in _BY_PROMOTION
    ]


def _row(level: str, key: str, measure: str, values: Sequence[float]) -> Row:
    shown = [round(v, MEASURES[measure]) if np.isfinite(v) else None for v in values]
    return Row(level, key, measure, tuple(shown))


def _round(row: Row, value: float) -> float:
    return round(value, MEASURES[row.measure])


def _shown(key: object) -> str:
    return key.date().isoformat() if isinstance(key, pd.Timestamp) else str(key)
