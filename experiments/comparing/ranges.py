"""How far a run's own simulated flights lie apart on the days that have happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.config import load_config
from promopilot.experiments.plan.frame import TOTAL
from promopilot.experiments.plan.reference import TablePolicy
from promopilot.experiments.seeds import Seeds

_FLIGHTS = 256  # ends of 8 of 10 are then known to about a tenth of the range
_ENDS = (0.1, 0.9)
_MEASURES = ("spend", "conversions", "conversion_value", "profit")


def played_ranges(
    run: Path, rows: pd.DataFrame, days: Sequence[pd.Timestamp]
) -> dict[str, pd.DataFrame]:
    """Ends of 8 of 10 flights, by promotion and TOTAL, summed over some of the flight's days.

    Args:
        run: A run folder.
        rows: Its plan, by day and line item.
        days: Which are summed.
    """
    world, seed = load_world(run / "market"), load_config(run / "config.yaml").seed
    table, wanted = spend_table(rows, world), {day.date() for day in days}
    market = Market(world)
    market.reset(Seeds.of(seed).test, np.arange(_FLIGHTS))
    shape = (_FLIGHTS, world.catalog.num_promotions)
    sums = {name: np.zeros(shape) for name in _MEASURES}
    policy = TablePolicy(table)
    while not market.done:
        day = world.dates[market.day]
        outcome = market.step(policy.spend(market))
        if day in wanted:
            for name, total in sums.items():
                total += world.catalog.by_promotion.sum(getattr(outcome, name))
    return {name: _ends(values, world.catalog.promotion_ids) for name, values in sums.items()}


def spend_table(rows: pd.DataFrame, world: World) -> Floats:
    """A plan's money by day and line item of its market `[D, L]`; other rows are left out."""
    catalog = world.catalog
    ids = (catalog.promotion_ids, catalog.placement_ids, catalog.segment_ids)
    index = (catalog.promotion, catalog.placement, catalog.segment)
    items = pd.MultiIndex.from_arrays(
        [np.array(names, dtype=object)[at] for names, at in zip(ids, index, strict=True)]
    )
    item = items.get_indexer(
        pd.MultiIndex.from_frame(rows[["promotion_id", "placement_id", "segment_id"]])
    )
    day = pd.DatetimeIndex([pd.Timestamp(d) for d in world.dates]).get_indexer(
        pd.DatetimeIndex(rows["date"])
    )
    known = (item >= 0) & (day >= 0)
    table = np.zeros((world.days, catalog.num_line_items))
    table[day[known], item[known]] = rows["planned_budget"].to_numpy()[known]
    return table


def _ends(values: Floats, ids: tuple[str, ...]) -> pd.DataFrame:
    whole = np.concatenate([values, values.sum(axis=1, keepdims=True)], axis=1)
    low, high = np.quantile(whole, _ENDS, axis=0)
    return pd.DataFrame({"low": low, "high": high}, index=[*ids, TOTAL])
