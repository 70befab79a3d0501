"""A plan beside what then happened: spend and outcomes by promotion, and what left its range."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.experiments.comparing.ranges import played_ranges
from promopilot.experiments.comparing.side import Side, parsed_file
from promopilot.experiments.errors import ComparisonError, DataError
from promopilot.experiments.plan.frame import TOTAL
from promopilot.experiments.tables.readings import AS_OF, latest_readings
from promopilot.experiments.tables.rules import check_performance
from promopilot.experiments.tables.schema import ALL, PERFORMANCE

# Measure -> column of the plan, column of what happened.
MEASURES = {
    "spend": ("planned_budget", "spend"),
    "conversions": ("expected_conversions", "conversions"),
    "conversion_value": ("expected_conversion_value", "conversion_value"),
    "profit": ("expected_profit", "profit"),
}
# Beyond this share the money itself, not only what it brought, differs from the plan.
_OTHER_SPEND = 0.1


@dataclass(frozen=True)
class Happened:
    """Rows of `performance`, each day and line item by its latest reading."""

    file: str
    rows: pd.DataFrame
    read_on: pd.Timestamp | None  # the last `as_of`; None where none is given


def read_actuals(path: Path) -> Happened:
    """Read what happened.

    Raises:
        ComparisonError: The file is not there, or records neither spend nor conversions.
        DataError: Cells break the rules of `performance`; every problem is listed.
    """
    if not path.is_file():
        raise ComparisonError(f"{path} is not there; name a file with the columns of performance")
    parsed = parsed_file(path, PERFORMANCE)
    frame = parsed.frame.copy()
    if problems := check_performance(parsed, outcomes=True):
        raise DataError(problems)
    if not {"spend", "conversions"} & set(frame.columns):
        raise ComparisonError(
            f"{path.name} records neither spend nor conversions; add one of these columns"
        )
    for name in ("placement_id", "segment_id"):
        if name not in frame:
            frame[name] = ALL
    read_on = frame[AS_OF].max() if AS_OF in frame else pd.NaT
    return Happened(path.name, latest_readings(frame), None if pd.isna(read_on) else read_on)


def beside_plan(plan: Side, happened: Happened) -> dict[str, Any]:
    """Planned and actual figures on the days that both have, by promotion and in total.

    What was expected of a promotion's order in profit is what the plan expects of it; a promotion
    that the plan expects no order of has no actual profit.

    Returns:
        `dates`; `rows` by promotion, `TOTAL` the last: per measure `planned`, `actual`, and `low`,
        `high` of 8 of 10 simulated flights and `outside` (`below`, `above` or absent) where known;
        `notes`.

    Raises:
        ComparisonError: The plan is by week, or both share no day.
    """
    if plan.weekly:
        raise ComparisonError(f"{plan.name} is by week; export it by day to hold it against days")
    rows = happened.rows
    common = sorted(set(plan.dates) & set(rows["date"]))
    if not common:
        raise ComparisonError(
            f"{happened.file} ({_span(sorted(rows['date'].unique()))}) has no day of {plan.name} "
            f"({_span(plan.dates)}); name what happened on the plan's days"
        )
    here, rows = plan.on(common), rows[rows["date"].isin(common)]
    planned = here.rows.groupby("promotion_id")[[p for p, _ in MEASURES.values()]].sum()
    actual = _actual(rows, plan.rows)
    ids = [*planned.index, *sorted(set(actual.index) - set(planned.index))]
    planned, actual = planned.reindex(ids).fillna(0.0), actual.reindex(ids)
    planned.loc[TOTAL] = planned.sum()
    actual.loc[TOTAL] = actual.sum(min_count=1)
    ranges = _ranges(here, common)
    found = [_row(key, planned.loc[key], actual.loc[key], ranges) for key in planned.index]
    return {
        "plan": plan.name,
        "actuals": happened.file,
        "currency": plan.currency,
        "first": _day(common[0]),
        "last": _day(common[-1]),
        "days": len(common),
        "days_planned": len(plan.dates),
        "rows": found,
        "by_day": _by_day(here, rows, common),
        "notes": _notes(plan, happened, rows, found, ranges),
    }


def _actual(rows: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    """What happened by promotion; missing where it was not recorded."""
    frame = pd.DataFrame(index=sorted(rows["promotion_id"].unique()))
    groups = rows.groupby("promotion_id")
    for _, name in MEASURES.values():
        frame[name] = groups[name].sum(min_count=1) if name in rows else np.nan
    sums = plan.groupby("promotion_id")[["expected_profit", "expected_conversions"]].sum()
    orders = sums["expected_conversions"]
    each = (sums["expected_profit"] / orders.where(orders > 0)).reindex(frame.index)
    frame["profit"] = frame["conversions"] * each
    return frame


def _ranges(plan: Side, days: list[pd.Timestamp]) -> dict[str, pd.DataFrame]:
    """Ends of 8 of 10 flights by promotion and TOTAL, per measure that has them."""
    if plan.run is not None:
        return played_ranges(plan.run, plan.rows, days)
    if plan.ranges.empty:
        return {}
    ends = plan.ranges[["profit_p10", "profit_p90"]].set_axis(["low", "high"], axis=1)
    return {"profit": ends}


def _row(
    key: str, planned: pd.Series, actual: pd.Series, ranges: dict[str, pd.DataFrame]
) -> dict[str, Any]:
    row: dict[str, Any] = {"promotion_id": key}
    for measure, (foreseen, name) in MEASURES.items():
        value = float(actual[name])
        cell: dict[str, Any] = {
            "planned": round(float(planned[foreseen]), 2),
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


def _by_day(plan: Side, rows: pd.DataFrame, days: list[pd.Timestamp]) -> list[dict[str, Any]]:
    planned = plan.rows.groupby("date")[["planned_budget", "expected_conversions"]].sum()
    sums = {
        name: rows.groupby("date")[name].sum(min_count=1).reindex(days)
        for name in ("spend", "conversions")
        if name in rows
    }
    found = []
    for day in days:
        row: dict[str, Any] = {
            "date": _day(day),
            "planned_budget": round(float(planned["planned_budget"][day]), 2),
            "expected_conversions": round(float(planned["expected_conversions"][day]), 2),
        }
        for name, values in sums.items():
            row[name] = None if np.isnan(values[day]) else round(float(values[day]), 2)
        found.append(row)
    return found


def _notes(
    plan: Side,
    happened: Happened,
    rows: pd.DataFrame,
    found: list[dict[str, Any]],
    ranges: dict[str, pd.DataFrame],
) -> list[str]:
    notes, total = list[str](), found[-1]["spend"]
    left = len(plan.dates) - len(set(plan.dates) & set(rows["date"]))
    if left:
        notes.append(f"{left} of the plan's {len(plan.dates)} days are not in {happened.file} yet.")
    if total["actual"] is not None and total["planned"] > 0:
        share = total["actual"] / total["planned"] - 1
        if abs(share) > _OTHER_SPEND:
            notes.append(
                f"The money spent is {share:+.0%} of what was planned, so that what it brought "
                "differs for that reason too."
            )
    new = sorted(set(rows["promotion_id"]) - set(plan.rows["promotion_id"]))
    if new:
        some = ", ".join(new[:3]) + (f" and {len(new) - 3} more" if len(new) > 3 else "")
        notes.append(f"The plan does not have these promotions: {some}.")
    unplanned = sum(
        row["spend"]["planned"] == 0 and (row["conversions"]["actual"] or 0) > 0 for row in found
    )
    if unplanned:
        notes.append(f"{unplanned} promotions brought orders on days without planned money.")
    if not ranges:
        notes.append(
            "Ranges are of the whole plan and its summary file, or of a run: without either no "
            "range can be given."
        )
    if happened.read_on is None:
        notes.append("Orders of the last days may still be coming in.")
    else:
        notes.append(f"Read on {_day(happened.read_on)}: later orders are not in it.")
    return notes


def _span(days: list[pd.Timestamp]) -> str:
    return f"{_day(days[0])} to {_day(days[-1])}"


def _day(day: pd.Timestamp) -> str:
    return day.date().isoformat()
