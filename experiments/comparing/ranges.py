"""How far a run's own simulated flights lie apart on the days that have happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.config import load_config
from promopilot.experiments.line_items import line_items
from promopilot.experiments.plan.frame import TOTAL
from promopilot.experiments.plan.reference import TablePolicy, as_it_stands
from promopilot.experiments.seeds import Seeds

_FLIGHTS = 256  # ends of 8 of 10 are then known to about a tenth of the range
_ENDS = (0.1, 0.9)
_OUTCOMES = ("conversions", "conversion_value", "profit")


def played_ranges(run: Path, rows: pd.DataFrame, come_in: pd.Series) -> dict[str, pd.DataFrame]:
    """Ends of 8 of 10 flights, by promotion and TOTAL, summed over some of the flight's days.

    Args:
        run: A run folder.
        rows: Its plan, by day and line item, of the days that are summed.
        come_in: By row, the share of its orders that can have come in.
    """
    world, seed = load_world(run / "market"), load_config(run / "config.yaml").seed
    policy = TablePolicy(spend_table(rows, world))
    shares = _table(rows, come_in, world)
    market, rng = Market(as_it_stands(world)), np.random.default_rng(Seeds.of(seed).test)
    market.reset(Seeds.of(seed).test, np.arange(_FLIGHTS))
    by = world.catalog.by_promotion
    sums = {name: np.zeros((_FLIGHTS, world.catalog.num_promotions)) for name in _OUTCOMES}
    while not market.done:
        share = shares[market.day]
        outcome = market.step(policy.spend(market))
        orders = outcome.conversions
        # Which of them have come in is chance; value and profit come with them.
        seen = rng.binomial(orders.astype(np.int64), share)
        part = np.divide(seen, orders, out=np.zeros(orders.shape), where=orders > 0)
        for name, total in sums.items():
            total += by.sum(part * getattr(outcome, name))
    return {name: _ends(values, world.catalog.promotion_ids) for name, values in sums.items()}


def spend_table(rows: pd.DataFrame, world: World) -> Floats:
    """A plan's money by day and line item of its market `[D, L]`; other rows are left out."""
    return _table(rows, rows["planned_budget"], world)


def _table(rows: pd.DataFrame, values: pd.Series, world: World) -> Floats:
    """Values of a plan's rows by day and line item `[D, L]`, 0 where it has no row."""
    items = line_items(world)
    item = items.get_indexer(pd.MultiIndex.from_frame(rows[items.names]))
    day = pd.DatetimeIndex([pd.Timestamp(d) for d in world.dates]).get_indexer(
        pd.DatetimeIndex(rows["date"])
    )
    known = (item >= 0) & (day >= 0)
    table = np.zeros((world.days, len(items)))
    table[day[known], item[known]] = values.to_numpy()[known]
    return table


def _ends(values: Floats, ids: tuple[str, ...]) -> pd.DataFrame:
    whole = np.concatenate([values, values.sum(axis=1, keepdims=True)], axis=1)
    low, high = np.quantile(whole, _ENDS, axis=0)
    return pd.DataFrame({"low": low, "high": high}, index=[*ids, TOTAL])
