"""What a flight's money can buy: its line items, and how many impressions there are for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration import Calibration
from promopilot.envs.memory import require_world
from promopilot.experiments.config import AssumptionsConfig
from promopilot.experiments.economics import Sources
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.flight_items import line_items
from promopilot.experiments.own_supply import (
    own_pools,
    own_source,
    own_supply,
    pool_sums,
    recent_rows,
)
from promopilot.experiments.supply import pool_supply, stated_supply
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.keys import ITEM


@dataclass(frozen=True)
class Buyable:
    """L line items."""

    items: pd.DataFrame  # L rows: promotion_id, placement_id, segment_id, name, campaign_id, basis
    level: pd.Series[float]  # impressions of an average day, by pool
    reach_share: Floats  # [L] share of them that a line item can have
    recent: pd.DataFrame  # rows of performance that tell of the present
    sources: Sources

    @property
    def daily(self) -> Floats:
        """[L] impressions that a line item can have on an average day."""
        return self.reach_share * _of_pool(self.level, self.items)


def buyable(
    tables: Tables,
    promotions: pd.DataFrame,
    before: pd.DataFrame,
    history: pd.DataFrame,
    given: pd.Series[float],
    found: Calibration,
    assumptions: AssumptionsConfig,
    days: int,
) -> Buyable:
    """Line items with something to buy, and how much.

    Args:
        tables: The contract's tables.
        promotions: Those of the flight.
        before: Rows of performance before the flight.
        history: The latest of them, of all promotions.
        given: `given_supply`.
        found: The calibration.
        assumptions: Headroom and panel projection.
        days: Of the flight.

    Raises:
        ConfigError: There is nothing to buy.
        MarketError: The market would not fit into memory.
    """
    ours = history[history["promotion_id"].isin(promotions["promotion_id"])]
    level, source = pool_supply(tables, history, ours, given, found, assumptions)
    recent = recent_rows(before, history["date"].min())
    pools = level.index[(level > 0) | own_pools(tables, recent, level.index)]
    require_world(days, len(promotions) * len(pools))
    items = line_items(promotions, pools, before)
    own = own_supply(tables, items, recent, assumptions.supply_headroom)
    items, own = items[own != 0].reset_index(drop=True), own[own != 0]
    if items.empty:
        raise ConfigError(
            "there is nothing to buy: neither `daily_supply` nor impressions in the days before "
            "the flight give its promotions a placement to be shown in"
        )
    own = own * assumptions.panel_projection
    level = pool_sums(level, items, own, stated_supply(tables))
    shared = _of_pool(pd.Series(found.reach_share.ravel(), index=level.index), items)
    share = np.where(np.isnan(own), shared, np.minimum(own / _of_pool(level, items), 1.0))
    sources = {"supply": source}
    told = own_source(tables, recent, assumptions.supply_headroom)
    if told is not None:
        sources["own supply"] = told
    return Buyable(items, level, share, recent, sources)


def _of_pool(values: pd.Series[float], items: pd.DataFrame) -> Floats:
    """What a pool has, for each of its line items [L]."""
    pools = pd.MultiIndex.from_frame(items[ITEM[1:]])
    return np.asarray(values.reindex(pools), dtype=np.float64)
