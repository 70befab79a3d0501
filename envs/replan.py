"""The daily re-optimisation that every price-setting policy starts from.

Today's money is what is left times today's share of the expected market still to come; the
allocator splits it at the rates believed today. A policy steers by a pace (a factor on today's
money) and a tilt per promotion (a factor on what its impressions are worth); pace 1 and tilts 1 are
the re-planner.
"""

import numpy as np

from promopilot.envs.allocator import Allocator, Split
from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World


class Replan:
    """Plans one day for every flight of a market."""

    def __init__(self, world: World) -> None:
        self.world = world
        _, spend_weight = world.catalog.worth(world.objective)
        self.allocator = Allocator(world.catalog.by_pool, spend_weight, world.dynamics.saturation)
        # Expected cost of a day's whole supply, the measure of how much of the market a day is.
        mean_cost = _mean_by_pool(world)
        size = (world.supply * mean_cost * (_live_by_pool(world) > 0)).sum(axis=1)
        left = np.cumsum(size[::-1])[::-1]
        self.share_of_rest = np.divide(size, left, out=np.ones_like(size), where=left > 0)
        # [D] share of the budget that an even pace has left at the start of each day.
        self.planned_share_left = left / left[0] if left[0] > 0 else np.ones_like(left)

    def budget_today(self, market: Market) -> Floats:
        """Money for today `[N]` at pace 1."""
        today = market.budget_left * self.share_of_rest[market.day]
        return np.asarray(np.minimum(today, self.world.per_day_max))

    def __call__(
        self, market: Market, pace: Floats | None = None, tilt: Floats | None = None
    ) -> Split:
        """Split today's money.

        Args:
            market: Flights before the day's decision.
            pace: Factor on today's money `[N]`; 1 where absent.
            tilt: Factor on the worth of each promotion's impressions `[N, P]`; 1 where absent.
        """
        budget = self.budget_today(market)
        if pace is not None:
            budget = np.minimum(budget * pace, market.budget_left)
            budget = np.minimum(budget, self.world.per_day_max)
        worth = market.worth_per_impression
        catalog = self.world.catalog
        if tilt is not None:
            worth = worth * tilt[:, catalog.promotion]
        return self.allocator.split(
            worth,
            market.unit_cost,
            market.reach,
            self.world.supply[market.day],
            budget,
            self.world.max_spend,
            None if np.isinf(market.stock_left).all() else impressions_in_stock(market),
            market.subsidy_per_impression,
        )


def impressions_in_stock(market: Market) -> Floats:
    """Impressions `[N, L]` at which a promotion's line items together would just sell its stock.

    Stock is shared out in proportion to reach, which is feasible, not optimal.
    """
    catalog = market.world.catalog
    most = catalog.by_promotion.sum(market.reach * market.expected_rate)
    cover = np.divide(market.stock_left, most, out=np.full_like(most, np.inf), where=most > 0)
    return np.asarray(market.reach * np.minimum(cover, 1.0)[:, catalog.promotion])


def _mean_by_pool(world: World) -> Floats:
    pools = world.catalog.by_pool
    return pools.sum(world.unit_cost) / pools.sum(np.ones_like(world.unit_cost))


def _live_by_pool(world: World) -> Floats:
    return world.catalog.by_pool.sum(world.live.astype(np.float64))
