"""The best constant day: one split under prior means, without fatigue, repeated."""

import numpy as np

from promopilot.envs.allocator import Allocator
from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.state import expected_reach_share
from promopilot.envs.world import World


class StaticOptimum:
    """The allocator's split of an average day under prior means, the same every day."""

    name = "static_optimum"

    def __init__(self, world: World) -> None:
        catalog, rates = world.catalog, world.rates
        worth, spend_weight = catalog.worth(world.objective)
        rate = (rates.first * rates.second).mean(axis=0)
        ever_live = world.live.any(axis=0)
        supply = world.supply.mean(axis=0)
        left = max(world.budget - world.initial.spent, 0.0)
        split = Allocator(catalog.by_pool, spend_weight, world.dynamics.saturation).split(
            (rate * worth[catalog.promotion])[None],
            world.unit_cost[None],
            expected_reach_share(world) * supply[catalog.pool] * ever_live,
            supply,
            np.array([min(left / world.days, world.per_day_max)]),
            world.max_spend,
            subsidy=(rate * catalog.unit_subsidy[catalog.promotion])[None]
            if "subsidy" in world.covers
            else None,
        )
        self._day = split.spend[0]

    def spend(self, market: Market) -> Floats:
        """The same split whatever happened; blacked-out line items get nothing."""
        today = self._day * market.world.live[market.day]
        return np.tile(today, (market.num_flights, 1))
