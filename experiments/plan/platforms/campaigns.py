"""Daily budgets of campaigns, on the dates on which they change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Bools, Ints
from promopilot.experiments.errors import DataError, Problem

_NAMED = 10  # promotions in an error
_CENT = 0.005


@dataclass(frozen=True)
class Change:
    """Campaigns whose daily budget changes on a date; on the plan's first date it is all of them.

    A budget holds until the campaign's next change.
    """

    date: str  # ISO 8601
    campaigns: tuple[str, ...]  # ids, in the order of the plan
    cents: Ints  # [C] a day, from `date` on; 0 where a campaign pauses
    resumes: Bools  # [C] whether a campaign paused the day before, by this plan


def budget_changes(plan: pd.DataFrame, least: int) -> list[Change]:
    """When which campaign's daily budget changes, and to what.

    Args:
        plan: The contract's table by day and line item.
        least: Cents; with less a campaign pauses for the day.

    Raises:
        DataError: Promotions that the plan or the current mix spends on have no campaign.
    """
    _require_campaigns(plan)
    days = _days(plan)
    table = days.to_numpy(dtype=np.int64)
    table = np.where(table < least, 0, table)
    before = np.concatenate([table[:1], table[:-1]])
    changed, resumes = table != before, (before == 0) & (table > 0)
    changed[0] = True
    return [
        Change(str(date), tuple(days.columns[which]), row[which], back[which])
        for date, row, which, back in zip(days.index, table, changed, resumes, strict=True)
        if which.any()
    ]


def cents_below(plan: pd.DataFrame, least: int) -> int:
    """Cents of the plan on days on which their campaign has less than `least`."""
    table = _days(plan).to_numpy(dtype=np.int64)
    return int(table[table < least].sum())


def _days(plan: pd.DataFrame) -> pd.DataFrame:
    """Cents of every day and campaign."""
    ours = plan[plan["campaign_id"] != ""]
    cents = (ours["planned_budget"] * 100).round().astype(np.int64)
    days = (
        cents.groupby([ours["date"], ours["campaign_id"]], sort=False).sum().unstack(fill_value=0)
    )
    # A day on which nothing may be funded has no rows and no money.
    every = pd.date_range(plan["date"].min(), plan["date"].max()).strftime("%Y-%m-%d")
    days = days.reindex(every, fill_value=0)
    return days[list(dict.fromkeys(ours["campaign_id"]))]


def _require_campaigns(plan: pd.DataFrame) -> None:
    spends = (plan["planned_budget"] >= _CENT) | (plan["current_budget"] >= _CENT)
    without = list(dict.fromkeys(plan.loc[spends & (plan["campaign_id"] == ""), "promotion_id"]))
    if not without:
        return
    more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
    named = ", ".join(without[:_NAMED]) + more
    rule = f"is empty for {named}; a platform's bulk file needs a campaign for each of them"
    mend = "fill the column with the platform's campaign ids and run again"
    raise DataError([Problem("promotions", None, "campaign_id", None, rule, mend)])
