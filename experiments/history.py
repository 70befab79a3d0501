"""What the shop recorded before a day, as the arrays that the market is calibrated on."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.history import History, Readings
from promopilot.envs.priors import PRIORS
from promopilot.envs.settings import MarketSettings
from promopilot.experiments.own_supply import own_placements
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.readings import AS_OF, KEY


def history_of(
    tables: Tables,
    start: date,
    people: Floats,
    given_supply: pd.Series[float],
    reach_share: float,
    projection: float,
    laws: MarketSettings,
) -> History:
    """Rows of `performance` before `start`, as they were known then.

    Args:
        tables: The contract's tables.
        start: First day of the flight; nothing from here on is read.
        people: Size of each segment in the business `[S]`.
        given_supply: Impressions a day of pools, by (placement_id, segment_id), where the user says
            so, else not a number; in the business.
        reach_share: Believed share of a pool that one line item can reach.
        projection: Exposures in the business per recorded one.
        laws: What the config says of curve and half-life.
    """
    rows = tables.performance
    rows = rows[rows["date"] < pd.Timestamp(start)]
    first = rows["date"].min()
    days = int((rows["date"].max() - first).days) + 1
    index = {
        "promotion": pd.Index(tables.promotions["promotion_id"]),
        "placement": pd.Index(tables.placements["placement_id"]),
        "segment": pd.Index(tables.segments["segment_id"]),
    }

    def column(name: str) -> Floats:
        if name not in rows:
            return np.full(len(rows), np.nan)
        return rows[name].to_numpy(dtype=np.float64)

    shape = (len(index["placement"]), len(index["segment"]))
    return History(
        first_day=first.date(),
        num_days=days,
        num_promotions=len(index["promotion"]),
        num_placements=shape[0],
        num_segments=shape[1],
        day=(rows["date"] - first).dt.days.to_numpy(dtype=np.int64),
        promotion=index["promotion"].get_indexer(pd.Index(rows["promotion_id"])).astype(np.int64),
        placement=index["placement"].get_indexer(pd.Index(rows["placement_id"])).astype(np.int64),
        segment=index["segment"].get_indexer(pd.Index(rows["segment_id"])).astype(np.int64),
        impressions=column("impressions"),
        clicks=column("clicks"),
        conversions=column("conversions"),
        spend=column("spend"),
        age=_age(rows),
        people=people,
        projection=projection,
        daily_supply=_positive(
            np.asarray(given_supply, dtype=np.float64).reshape(shape) / projection
        ),
        reach_share=reach_share,
        own_supply=own_placements(tables),
        events=event_factors(tables.events, first.date(), days),
        readings=_readings(tables, start),
        family=laws.saturation,
        hill_slope=laws.hill_slope,
        half_life_days=laws.fatigue_half_life_days or PRIORS["fatigue_half_life_days"].mean,
    )


def event_factors(events: pd.DataFrame, first: date, days: int) -> Floats:
    """What the known events multiply supply by on each of some days `[T]`."""
    factor = np.ones(days)
    at = (events["date"] - pd.Timestamp(first)).dt.days.to_numpy(dtype=np.float64)
    inside = (at >= 0) & (at < days)
    np.multiply.at(factor, at[inside].astype(np.int64), events["factor"].to_numpy(float)[inside])
    return factor


def _age(rows: pd.DataFrame) -> Floats:
    """Days from a row's date to its reading; not a number where no reading is dated."""
    if AS_OF not in rows:
        return np.full(len(rows), np.nan)
    return np.asarray((rows[AS_OF] - rows["date"]).dt.days, dtype=np.float64)


def _readings(tables: Tables, start: date) -> Readings | None:
    """Every reading of conversions that was made before the flight."""
    every = tables.readings
    if every is None or AS_OF not in every or "conversions" not in every:
        return None
    cut = pd.Timestamp(start)
    early = every[(every["date"] < cut) & (every[AS_OF] < cut)].dropna(subset=["conversions"])
    if early.empty:
        return None
    item = np.asarray(early.groupby(list(KEY), sort=False).ngroup(), dtype=np.int64)
    return Readings(item, _age(early), early["conversions"].to_numpy(dtype=np.float64))


def _positive(supply: Floats) -> Floats | None:
    """Supply where it was given; a pool that cannot be bought says nothing of what was."""
    known = np.where(supply > 0, supply, np.nan)
    return None if np.isnan(known).all() else known
