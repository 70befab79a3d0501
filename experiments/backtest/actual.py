"""What really happened in some days: what was given to the market, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.line_items import line_items
from promopilot.experiments.tables.keys import ITEM


@dataclass(frozen=True)
class Actual:
    """Days x line items of a market."""

    given: str  # `spend`, or `exposures` where no spend was recorded
    spend: Floats  # [D, L] money
    impressions: Floats  # [D, L]
    conversions: Floats  # [D, L] seen by the reading
    recorded: Floats  # [D, L] share of impressions whose conversions were recorded: 0 or 1
    age: Floats  # [D, L] days from impression to reading; inf where that is not known
    share_covered: float  # of the days' impressions, those of the market's line items


def actual_days(performance: pd.DataFrame, world: World) -> Actual:
    """The days of `world` in `performance`, laid out by its line items."""
    days = pd.DatetimeIndex([pd.Timestamp(day) for day in world.dates])
    rows = performance[performance["date"].isin(days)]
    item = line_items(world).get_indexer(pd.MultiIndex.from_frame(rows[ITEM]))
    ours = rows[item >= 0]
    at = (days.get_indexer(pd.DatetimeIndex(ours["date"])), item[item >= 0])
    shape = (world.days, world.catalog.num_line_items)

    def laid_out(name: str, otherwise: float = 0.0) -> Floats:
        table = np.full(shape, otherwise)
        if name in ours:
            table[at] = ours[name].to_numpy(dtype=np.float64)
        return table

    conversions = laid_out("conversions", np.nan)
    spend = np.nan_to_num(laid_out("spend"))
    has_spend = "spend" in ours and bool(ours["spend"].notna().all()) and spend.sum() > 0
    age = np.full(shape, np.inf)
    if "as_of" in ours:
        read = (ours["as_of"] - ours["date"]).dt.days.to_numpy(dtype=np.float64)
        age[at] = np.where(np.isnan(read), np.inf, read)
    shown = float(rows["impressions"].sum())
    return Actual(
        given="spend" if has_spend else "exposures",
        spend=spend,
        impressions=laid_out("impressions"),
        conversions=np.nan_to_num(conversions),
        recorded=(~np.isnan(conversions)).astype(np.float64),
        age=age,
        share_covered=float(ours["impressions"].sum()) / shown if shown > 0 else 0.0,
    )
