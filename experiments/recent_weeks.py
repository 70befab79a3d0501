"""What the last four weeks before the flight spent, and what that returned."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

WEEK = 7
CURRENT_DAYS = 28  # the current mix is the mean of each weekday over this many days
_ITEM = ["promotion_id", "placement_id", "segment_id"]


def current_mix(
    history: pd.DataFrame,
    recorded: pd.DatetimeIndex,
    weekdays: Sequence[int],
    unit_cost: pd.Series[float],
    projection: float,
) -> tuple[pd.DataFrame, str]:
    """Mean spend of the same weekday over the last 28 recorded days before the flight.

    Args:
        history: Rows of the flight's promotions before the flight.
        recorded: First and last day that the data covers before the flight.
        weekdays: Weekday of each day of the flight `[D]`, Monday 0.
        unit_cost: Cost of an impression by promotion, placement and segment, used where no spend
            was recorded.
        projection: People in the business per panel member, applied to assumed spend.

    Returns:
        One column per line item (promotion, placement, segment), one row per day of the flight; and
        where the money comes from.
    """
    window = _last_days(recorded)
    recent, source = _with_money(history, window, unit_cost, projection)
    recent["weekday"] = recent["date"].dt.day_of_week
    times = pd.Series(window.day_of_week).value_counts().reindex(range(WEEK))
    money = recent.groupby(["weekday", *_ITEM])["money"].sum()
    week = money.unstack(_ITEM).reindex(range(WEEK)).fillna(0.0).div(times, axis=0).fillna(0.0)
    return week.loc[list(weekdays)].reset_index(drop=True), source


def recent_roas(
    history: pd.DataFrame,
    recorded: pd.DatetimeIndex,
    unit_cost: pd.Series[float],
    projection: float,
    value: pd.Series[float],
) -> pd.Series[float]:
    """Conversion value per unit of spend over the days, and with the money, of the current mix.

    Args:
        history: Rows of the flight's promotions before the flight.
        recorded: First and last day that the data covers before the flight.
        unit_cost: Cost of an impression by promotion, placement and segment, used where no spend
            was recorded.
        projection: People in the business per panel member, applied to conversions and to assumed
            spend.
        value: What a conversion pays, by promotion.

    Returns:
        One number per line item (promotion, placement, segment) that spent anything.
    """
    recent, _ = _with_money(history, _last_days(recorded), unit_cost, projection)
    each = recent["promotion_id"].map(value).astype(float)
    recent["value"] = recent["conversions"].fillna(0.0) * each * projection
    sums = recent.groupby(_ITEM)[["value", "money"]].sum()
    sums = sums[sums["money"] > 0]
    return sums["value"] / sums["money"]


def _last_days(recorded: pd.DatetimeIndex) -> pd.DatetimeIndex:
    first = max(recorded[0], recorded[-1] - pd.Timedelta(days=CURRENT_DAYS - 1))
    return pd.date_range(first, recorded[-1])


def _with_money(
    history: pd.DataFrame,
    window: pd.DatetimeIndex,
    unit_cost: pd.Series[float],
    projection: float,
) -> tuple[pd.DataFrame, str]:
    """Rows of the window with the `money` spent on each, and where it comes from."""
    recent = history[history["date"] >= window[0]].copy()
    cost = unit_cost.reindex(pd.MultiIndex.from_frame(recent[_ITEM])).to_numpy(dtype=float)
    assumed = recent["impressions"] * cost * projection
    source = f"assumption: exposures of the last {len(window)} days x cost per exposure"
    if "spend" in recent and recent["spend"].notna().any():
        if recent["spend"].notna().all():
            source = f"data: spend of the last {len(window)} days before the flight"
        else:
            source = f"data: spend of the last {len(window)} days; {source} where missing"
        assumed = recent["spend"].fillna(assumed)
    recent["money"] = assumed
    return recent, source
