"""What the last four weeks before the flight spent, and what that returned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from promopilot.experiments.tables.keys import ITEM

WEEK = 7
CURRENT_DAYS = 28  # the current mix is the mean of each weekday over this many days


@dataclass(frozen=True)
class RecentWeeks:
    """The last 28 recorded days before the flight."""

    days: pd.DatetimeIndex
    rows: pd.DataFrame  # of the flight's promotions on those days, with the `money` spent on each
    source: str  # where the money comes from

    def mix(self, weekdays: Sequence[int]) -> pd.DataFrame:
        """Mean spend of the same weekday: a row per day of the flight, a column per line item.

        Args:
            weekdays: Weekday of each day of the flight `[D]`, Monday 0.
        """
        times = pd.Series(self.days.day_of_week).value_counts().reindex(range(WEEK))
        weekday = self.rows["date"].dt.day_of_week.rename("weekday")
        money = self.rows.groupby([weekday, *ITEM])["money"].sum()
        week = money.unstack(ITEM).reindex(range(WEEK)).fillna(0.0).div(times, axis=0).fillna(0.0)
        return week.loc[list(weekdays)].reset_index(drop=True)

    def roas(self, value: pd.Series[float], projection: float) -> pd.Series[float]:
        """Conversion value per unit of spend of each line item that spent anything.

        Args:
            value: What a conversion pays, by promotion.
            projection: People in the business per panel member.
        """
        each = self.rows["promotion_id"].map(value).astype(float)
        worth = self.rows["conversions"].fillna(0.0) * each * projection
        sums = self.rows.assign(worth=worth).groupby(ITEM)[["worth", "money"]].sum()
        sums = sums[sums["money"] > 0]
        return sums["worth"] / sums["money"]


def recent_weeks(
    history: pd.DataFrame,
    recorded: pd.DatetimeIndex,
    unit_cost: pd.Series[float],
    projection: float,
) -> RecentWeeks:
    """Find the days that tell of the present, and the money spent on them.

    Args:
        history: Rows of the flight's promotions before the flight.
        recorded: First and last day that the data covers before the flight.
        unit_cost: Cost of an impression by promotion, placement and segment, used where no spend
            was recorded.
        projection: People in the business per panel member, applied to assumed spend.
    """
    first = max(recorded[0], recorded[-1] - pd.Timedelta(days=CURRENT_DAYS - 1))
    days = pd.date_range(first, recorded[-1])
    recent = history[history["date"] >= first]
    cost = unit_cost.reindex(pd.MultiIndex.from_frame(recent[ITEM])).to_numpy(dtype=float)
    money = recent["impressions"] * cost * projection
    source = f"assumption: exposures of the last {len(days)} days x cost per exposure"
    if "spend" in recent and recent["spend"].notna().any():
        if recent["spend"].notna().all():
            source = f"data: spend of the last {len(days)} days before the flight"
        else:
            source = f"data: spend of the last {len(days)} days; {source} where missing"
        money = recent["spend"].fillna(money)
    return RecentWeeks(days, recent.assign(money=money), source)
