"""What an update has to say of the days that are left: the new plan beside the one before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from promopilot.experiments.limits.target_price import Totals
from promopilot.experiments.plan.export import Plan
from promopilot.experiments.update.standing import Standing


def planned_of(today: Standing, before: pd.DataFrame, plan: Plan, so_far: Totals) -> dict[str, Any]:
    """What the rest of the flight is planned to be, beside what it was planned to be.

    Args:
        today: Where the flight stands.
        before: The run's own plan.
        plan: Of the rest.
        so_far: What the days that are over come to.
    """
    frame, first = plan.frame, today.world.dates[today.happened.days].isoformat()
    ahead = before[before["date"] >= first]
    rows = _promotions(today.world.catalog.promotion_ids, frame, ahead, first)
    profit = plan.rollout.profit.sum(axis=1)
    found: dict[str, Any] = {
        "plan_id": str(frame["plan_id"].iloc[0]),
        "planned": {
            "rest": _sum(frame, "planned_budget"),
            "rest_before": _sum(ahead, "planned_budget"),
            "expected_conversions": _sum(frame, "expected_conversions"),
            "expected_profit": _sum(frame, "expected_profit"),
            "profit_p10": round(float(np.quantile(profit, 0.1)), 2),
            "profit_p90": round(float(np.quantile(profit, 0.9)), 2),
            "promotions_changed": sum(
                row["planned_rest"] != row["planned_rest_before"] for row in rows
            ),
            "promotions": rows,
            "days": _days(frame, ahead),
        },
    }
    target = _target(today, frame, so_far)
    return found if target is None else found | {"target": target}


def _promotions(
    ids: tuple[str, ...], frame: pd.DataFrame, ahead: pd.DataFrame, first: str
) -> list[dict[str, Any]]:
    """Money by promotion: of all days that are left and of the first of them, now and before."""
    parts = {
        "planned_rest": frame,
        "planned_rest_before": ahead,
        "next_day": frame[frame["date"] == first],
        "next_day_before": ahead[ahead["date"] == first],
    }
    sums = {
        name: part.groupby("promotion_id")["planned_budget"].sum() for name, part in parts.items()
    }
    return [
        {"promotion_id": promotion}
        | {name: round(float(money.get(promotion, 0.0)), 2) for name, money in sums.items()}
        for promotion in ids
    ]


def _days(frame: pd.DataFrame, ahead: pd.DataFrame) -> list[dict[str, Any]]:
    before = ahead.groupby("date")["planned_budget"].sum()
    return [
        {
            "date": day,
            "planned": round(float(money), 2),
            "planned_before": round(float(before.get(day, 0.0)), 2),
        }
        for day, money in frame.groupby("date")["planned_budget"].sum().items()
    ]


def _target(today: Standing, frame: pd.DataFrame, so_far: Totals) -> dict[str, Any] | None:
    """The flight's target, and what comes of it: so far, and with what is planned."""
    limits = today.world.limits
    if limits is None or limits.target is None:
        return None
    whole = so_far.plus(Totals(*(_sum(frame, name) for name in ("planned_budget", *_EARNED))))
    name = "cpa" if limits.target.roas is None else "roas"
    return {
        "measure": name,
        "asked": getattr(limits.target, name),
        "so_far": _ratio(so_far, name),
        "expected": _ratio(whole, name),
    }


_EARNED = ("expected_conversion_value", "expected_conversions")


def _ratio(totals: Totals, measure: str) -> float | None:
    over, under = (
        (totals.value, totals.spend) if measure == "roas" else (totals.spend, totals.conversions)
    )
    return round(over / under, 4) if under > 0 else None


def _sum(frame: pd.DataFrame, column: str) -> float:
    return round(float(frame[column].sum()), 2)
