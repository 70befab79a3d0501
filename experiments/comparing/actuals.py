"""A plan beside what then happened: spend and outcomes by promotion, and what left its range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from promopilot.experiments.comparing.happened import Happened
from promopilot.experiments.comparing.notes import notes
from promopilot.experiments.comparing.ranges import played_ranges
from promopilot.experiments.comparing.side import Side
from promopilot.experiments.errors import ComparisonError
from promopilot.experiments.plan.frame import TOTAL

# Measure -> column of the plan, column of what happened.
MEASURES = {
    "spend": ("planned_budget", "spend"),
    "conversions": ("expected_conversions", "conversions"),
    "conversion_value": ("expected_conversion_value", "conversion_value"),
    "profit": ("expected_profit", "profit"),
}
_PLANNED = [planned for planned, _ in MEASURES.values()]


def check_by_day(plan: Side) -> None:
    """Refuse a plan by week.

    Raises:
        ComparisonError: It is one.
    """
    if plan.weekly:
        raise ComparisonError(f"{plan.name} is by week; export it by day to hold it against days")


def beside_plan(plan: Side, happened: Happened) -> dict[str, Any]:
    """Planned and actual figures on the days that both have, by promotion and in total.

    What came in late is allowed for: `due` is what is planned as far as it can have come in. The
    profit of a promotion's order is that of the run's market, else what the plan expects of it, and
    unknown where it expects none. What the plan does not have is in no sum.

    Args:
        plan: By day.
        happened: Read for this plan.

    Returns:
        `dates`; `rows` by promotion, `TOTAL` the last: per measure `planned`, `due`, `actual`, and
        `low`, `high` of 8 of 10 simulated flights for what is due and `outside` (`below`, `above`
        or absent) where known; `by_day`; `strangers`; `notes`.
    """
    common = happened.days
    here = plan.on(common)
    planned = here.rows.groupby("promotion_id")[_PLANNED].sum()
    due_rows = _due(here, happened.come_in)
    due = due_rows.groupby("promotion_id")[_PLANNED].sum()
    actual = _actual(happened, plan.rows).reindex(planned.index)
    for table in (planned, due):
        table.loc[TOTAL] = table.sum()
    # One that is not known makes the total unknown, too.
    actual.loc[TOTAL] = actual.sum(skipna=False)
    ranges = _ranges(here, happened.come_in)
    found = [
        _row(key, planned.loc[key], due.loc[key], actual.loc[key], ranges) for key in planned.index
    ]
    return {
        "plan": plan.name,
        "actuals": happened.file,
        "currency": plan.currency,
        "first": _day(common[0]),
        "last": _day(common[-1]),
        "read_on": _day(happened.read_on),
        "days": len(common),
        "days_planned": len(plan.dates),
        "rows": found,
        "by_day": _by_day(here, due_rows, happened),
        "strangers": _strangers(happened),
        "notes": notes(plan, happened, found, bool(ranges)),
    }


def _due(plan: Side, come_in: pd.Series) -> pd.DataFrame:
    """The plan's rows as far as what they bring can have come in; money is due at once."""
    rows = plan.rows.copy()
    earned = [name for name in _PLANNED if name != "planned_budget"]
    rows[earned] = rows[earned].mul(come_in, axis=0)
    return rows


def _actual(happened: Happened, plan: pd.DataFrame) -> pd.DataFrame:
    """What happened by promotion; missing where it is recorded of none of them.

    A promotion without rows was not shown, and brought nothing.
    """
    rows, promotions = happened.rows, plan["promotion_id"].unique()
    groups = rows.groupby("promotion_id")
    frame = pd.DataFrame(index=promotions)
    for name in ("spend", "conversions", "conversion_value"):
        absent = np.nan if rows[name].isna().all() else 0.0
        frame[name] = groups[name].sum(min_count=1).reindex(promotions, fill_value=absent)
    sums = plan.groupby("promotion_id")[["expected_profit", "expected_conversions"]].sum()
    orders = sums["expected_conversions"]
    each = sums["expected_profit"] / orders.where(orders > 0)
    each = happened.order_profit.reindex(promotions).fillna(each)
    frame["profit"] = (frame["conversions"] * each).mask(frame["conversions"] == 0, 0.0)
    return frame


def _ranges(plan: Side, come_in: pd.Series) -> dict[str, pd.DataFrame]:
    """Ends of 8 of 10 flights by promotion and TOTAL, per measure that has them."""
    if plan.run is not None:
        return played_ranges(plan.run, plan.rows, come_in)
    if plan.ranges.empty or (come_in < 1).any():
        return {}
    ends = plan.ranges[["profit_p10", "profit_p90"]].set_axis(["low", "high"], axis=1)
    return {"profit": ends}


def _row(
    key: str,
    planned: pd.Series,
    due: pd.Series,
    actual: pd.Series,
    ranges: dict[str, pd.DataFrame],
) -> dict[str, Any]:
    row: dict[str, Any] = {"promotion_id": key}
    for measure, (foreseen, name) in MEASURES.items():
        value = float(actual[name])
        cell: dict[str, Any] = {
            "planned": round(float(planned[foreseen]), 2),
            "due": round(float(due[foreseen]), 2),
            "actual": None if np.isnan(value) else round(value, 2),
        }
        table = ranges.get(measure)
        # Without planned money there is nothing that could have been foreseen.
        if table is not None and key in table.index and planned["planned_budget"] > 0:
            low, high = (round(float(table[end][key]), 2) for end in ("low", "high"))
            cell |= {"low": low, "high": high}
            if not np.isnan(value) and not low <= round(value, 2) <= high:
                cell["outside"] = "below" if value < low else "above"
        row[measure] = cell
    return row


def _by_day(plan: Side, due: pd.DataFrame, happened: Happened) -> list[dict[str, Any]]:
    days, due_orders = happened.days, due.groupby("date")["expected_conversions"].sum()
    planned = plan.rows.groupby("date")[["planned_budget", "expected_conversions"]].sum()
    groups = happened.rows.groupby("date")
    sums = {name: groups[name].sum(min_count=1).reindex(days) for name in ("spend", "conversions")}
    return [
        {
            "date": _day(day),
            "planned_budget": round(float(planned["planned_budget"][day]), 2),
            "expected_conversions": round(float(planned["expected_conversions"][day]), 2),
            "due_conversions": round(float(due_orders[day]), 2),
        }
        | {
            name: None if np.isnan(values[day]) else round(float(values[day]), 2)
            for name, values in sums.items()
        }
        for day in days
    ]


def _strangers(happened: Happened) -> dict[str, Any]:
    """What the plan does not have, apart from all sums."""
    rows = happened.strangers
    return {
        "rows": len(rows),
        "spend": round(float(rows["spend"].sum()), 2),
        "conversions": round(float(rows["conversions"].sum()), 2),
        "promotions": sorted(rows["promotion_id"].unique()),
    }


def _day(day: pd.Timestamp) -> str:
    return day.date().isoformat()
