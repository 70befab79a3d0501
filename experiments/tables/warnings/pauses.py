"""Days that one campaign lacks, though it ran before and after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.recent_weeks import CURRENT_DAYS
from promopilot.experiments.tables.warnings.rows import Numbered
from promopilot.experiments.tables.warnings.warning import TableWarning, items_of, some

_BESIDE = 5  # recorded days on each side of a gap on which the campaign ran without a break
_SHOWN = 20.0  # impressions on the least of them: with fewer, a day may have none by chance
_HABIT = 3  # gaps of one campaign: more are how it runs, as where weekends are off
_WEEK = 7
_PAUSING = 0.1  # of campaigns: where more pause for weeks, that is how the business works


@dataclass(frozen=True)
class _Gap:
    """Recorded days of the table without a row of a campaign."""

    name: str
    first: pd.Timestamp
    last: pd.Timestamp
    days: int  # recorded ones


def days_missing_of_one(rows: Numbered, promotions: Numbered | None) -> list[TableWarning]:
    """Whole days without a row of a campaign that ran before and after, while others have rows.

    A campaign is what promotions call so, else a promotion. Gaps of a week or more are told only
    where no more than a tenth of the campaigns have such: elsewhere promotions come and go.

    Args:
        rows: Performance.
        promotions: Promotions, if there is such a table.
    """
    shown = _by_campaign(rows, promotions)
    gaps = [gap for name in shown for gap in _gaps(str(name), shown[name])]
    long = {gap.name for gap in gaps if gap.days >= _WEEK}
    if len(long) > max(1.0, _PAUSING * shown.shape[1]):
        gaps = [gap for gap in gaps if gap.days < _WEEK]
    if not gaps:
        return []
    told = [
        f"{gap.name} {gap.first:%Y-%m-%d}"
        + (f" to {gap.last:%Y-%m-%d}" if gap.last != gap.first else "")
        for gap in gaps
    ]
    items = pd.DataFrame(
        {
            "campaign": [gap.name for gap in gaps],
            "first_day": [f"{gap.first:%Y-%m-%d}" for gap in gaps],
            "last_day": [f"{gap.last:%Y-%m-%d}" for gap in gaps],
        }
    )
    days = sum(gap.days for gap in gaps)
    first, last = min(gap.first for gap in gaps), max(gap.last for gap in gaps)
    return [
        TableWarning(
            *("campaign_days_missing", rows.file, "date, promotion_id", None, 0),
            *(first.date(), last.date()),
            f"{days:,} day{'s' if days > 1 else ''} without a row of a campaign that ran before "
            f"and after: {some(told)}",
            "Nothing of it counts as shown and spent on them; among the last "
            f"{CURRENT_DAYS} days they lower its current budget",
            "Export these days too; if it was paused, all is well",
            items_of(items),
        )
    ]


def _by_campaign(rows: Numbered, promotions: Numbered | None) -> pd.DataFrame:
    """Impressions by recorded day (rows) and campaign (columns); not a number without a row."""
    name = rows.frame["promotion_id"].astype("str")
    if promotions is not None and promotions.has("promotion_id", "campaign_id"):
        known = promotions.frame.dropna(subset=["promotion_id"]).drop_duplicates("promotion_id")
        several = known["campaign_id"].duplicated(keep=False) & known["campaign_id"].notna()
        # A campaign of one promotion is called by that, which people know better than its id.
        called = known["campaign_id"].where(several, known["promotion_id"])
        called.index = known["promotion_id"]
        name = called.reindex(name).set_axis(name.index).fillna(name)
    sums = rows.frame.groupby(["date", name])["impressions"].sum()
    return sums.unstack().sort_index()


def _gaps(name: str, shown: pd.Series) -> list[_Gap]:
    """The gaps of one campaign; none where having gaps is its habit."""
    there = shown.notna().to_numpy(dtype=bool)
    ran = np.flatnonzero(there)
    before = np.flatnonzero(np.diff(ran) > 1)
    if not 0 < len(before) <= _HABIT:
        return []
    impressions = shown.to_numpy(dtype=np.float64)
    return [
        _Gap(name, shown.index[last + 1], shown.index[first - 1], int(first - last - 1))
        for last, first in zip(ran[before].tolist(), ran[before + 1].tolist(), strict=True)
        if _steady(impressions[last - _BESIDE + 1 : last + 1])
        and _steady(impressions[first : first + _BESIDE])
    ]


def _steady(beside: NDArray[np.float64]) -> bool:
    """Whether a campaign was shown on each of the days beside a gap, and not by chance."""
    return len(beside) == _BESIDE and bool((beside >= _SHOWN).all())
