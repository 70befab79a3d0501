"""Line items with impressions of their own, which no other promotion can be given.

What people search for is a campaign's words: no money makes one campaign be shown for another's.
Where `placements.own_supply` holds, a line item's reach is therefore what it was shown itself, or
could have been (`performance.eligible_impressions`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Bools, Floats
from promopilot.experiments.supply import stated_supply
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.keys import ITEM

_POOL = ITEM[1:]


def own_placements(tables: Tables) -> Bools:
    """[K] whether each placement's line items have impressions of their own."""
    if "own_supply" not in tables.placements:
        return np.zeros(len(tables.placements), dtype=bool)
    return np.asarray(tables.placements["own_supply"].eq(1.0), dtype=bool)


def own_pools(tables: Tables, recent: pd.DataFrame, pools: pd.Index[Any]) -> Bools:
    """Of these pools, those of such placements in which any promotion ran, be it an ended one.

    Not where the table says that the placement has nothing to sell.
    """
    sells = own_placements(tables) & stated_supply(tables).ne(0.0).to_numpy()
    rows = recent[recent["placement_id"].isin(tables.placements.loc[sells, "placement_id"])]
    return np.asarray(pools.isin(pd.MultiIndex.from_frame(rows[_POOL])), dtype=bool)


def own_supply(
    tables: Tables, items: pd.DataFrame, recent: pd.DataFrame, headroom: float
) -> Floats:
    """Recorded impressions `[L]` that each line item can have on an average day on which it runs.

    That is its eligible impressions, or where they are not known its impressions times headroom. A
    promotion that ran nowhere yet has the median of its pool; one that ran elsewhere only has
    nothing here. Not a number where a placement's promotions share what there is.

    Args:
        tables: The contract's tables.
        items: L rows with promotion, placement and segment.
        recent: `recent_rows`.
        headroom: Supply as a multiple of what was shown.
    """
    own = items["placement_id"].isin(tables.placements.loc[own_placements(tables), "placement_id"])
    could = recent["impressions"] * headroom
    if "eligible_impressions" in recent:
        could = recent["eligible_impressions"].fillna(could)
    daily = could.groupby([recent[c] for c in ITEM]).mean()
    usual = daily.groupby(level=_POOL).median()
    each = daily.reindex(pd.MultiIndex.from_frame(items[ITEM])).fillna(0.0).to_numpy()
    pooled = usual.reindex(pd.MultiIndex.from_frame(items[_POOL])).fillna(0.0).to_numpy()
    ran = items["promotion_id"].isin(recent["promotion_id"].unique())
    return np.where(own, np.where(ran, each, pooled), np.nan)


def own_source(tables: Tables, recent: pd.DataFrame, headroom: float) -> str | None:
    """Where the supply of placements with `own_supply` comes from; None where there is none."""
    own = own_placements(tables)
    if not own.any():
        return None
    shown = f"impressions of each promotion's own days x {headroom:g} (assumption: supply_headroom)"
    if "eligible_impressions" in recent and recent["eligible_impressions"].notna().any():
        shown = f"eligible impressions of each promotion's own days, else {shown}"
    return f"{', '.join(tables.placements.loc[own, 'placement_id'])}: {shown}"


def recent_rows(before: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """Rows with impressions: of each line item those from a day on, or all if there are none."""
    shown = before[before["impressions"] > 0]
    late = shown["date"] >= since
    return shown[late | ~late.groupby([shown[c] for c in ITEM]).transform("any")]


def pool_sums(
    level: pd.Series[float], items: pd.DataFrame, own: Floats, stated: pd.Series[float]
) -> pd.Series[float]:
    """Impressions a day of each pool: the sum of its line items' own where they have some.

    Where somebody says what a placement has to sell, all of its pools have no more than that.

    Args:
        level: Of each pool, as if its promotions shared it.
        items: L line items.
        own: `own_supply`, in the business.
        stated: Impressions a day of each placement; not a number where nobody says.
    """
    sums = pd.Series(own).groupby([items[c].to_numpy() for c in _POOL]).sum(min_count=1)
    most = stated.reindex(sums.index.get_level_values(0)).to_numpy() / sums.groupby(
        level=0
    ).transform("sum")
    sums = (sums * most.clip(upper=1.0).fillna(1.0)).reindex(level.index)
    return level.where(sums.isna(), sums)
