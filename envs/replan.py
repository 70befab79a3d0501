"""The daily re-optimisation that every price-setting policy starts from.

Today's money is what is left times today's share of the expected market still to come; the
allocator splits it at the rates believed today. A policy steers by a pace (a factor on today's
money), and for each promotion a tilt (a factor on what its impressions are worth) and a toll (money
that each of its impressions costs later); pace 1, tilts 1 and tolls 0 are the re-planner.
In a world with limits the split keeps them, and the day has money for its minima if any is left.
"""

import numpy as np

from promopilot.envs.allocator import Allocator, Split
from promopilot.envs.arrays import Floats
from promopilot.envs.day_limits import DayLimits
from promopilot.envs.market import Market
from promopilot.envs.target import Target
from promopilot.envs.world import World


class Replan:
    """Plans one day for every flight of a market.

    Args:
        world: What is played.
        target: On the flight's totals, with its price; that of the world's limits where absent.
    """

    def __init__(self, world: World, target: Target | None = None) -> None:
        own = world.limits.target if world.limits is not None else None
        self.world, self.target = world, target or own or Target()
        self._worth = self.target.worth(world)[world.catalog.promotion]  # [L] of a conversion
        self.allocator = Allocator(
            world.catalog.by_pool, self.target.spend_weight(world), world.dynamics.saturation
        )
        # Expected cost of a day's whole supply, the measure of how much of the market a day is.
        mean_cost = _mean_by_pool(world)
        size = (world.supply * mean_cost * (_live_by_pool(world) > 0)).sum(axis=1)
        left = np.cumsum(size[::-1])[::-1]
        self.share_of_rest = np.divide(size, left, out=np.ones_like(size), where=left > 0)
        # [D] share of the budget that an even pace has left at the start of each day.
        self.planned_share_left = left / left[0] if left[0] > 0 else np.ones_like(left)
        self.outlook = _outlook(world, size)

    def budget_today(self, market: Market) -> Floats:
        """Money for today `[N]` at pace 1."""
        today = market.budget_left * self.share_of_rest[market.day]
        return np.asarray(np.minimum(today, self.world.per_day_max))

    def worth(self, market: Market) -> Floats:
        """[N, L] what one more impression should pay today, in the objective and for the target."""
        return np.asarray(market.expected_rate * self._worth)

    def __call__(
        self,
        market: Market,
        pace: Floats | None = None,
        tilt: Floats | None = None,
        toll: Floats | None = None,
    ) -> Split:
        """Split today's money.

        Args:
            market: Flights before the day's decision.
            pace: Factor on today's money `[N]`; 1 where absent.
            tilt: Factor on the worth of each promotion's impressions `[N, P]`; 1 where absent.
            toll: Money taken off the worth of each of its impressions `[N, P]`; 0 where absent.
        """
        budget = self.budget_today(market)
        if pace is not None:
            budget = np.minimum(budget * pace, market.budget_left)
            budget = np.minimum(budget, self.world.per_day_max)
        worth = self.worth(market)
        catalog = self.world.catalog
        if tilt is not None:
            worth = worth * tilt[:, catalog.promotion]
        if toll is not None:
            worth = worth - toll[:, catalog.promotion]
        budget, limits, max_spend = self.limited(market, budget)
        return self.allocator.split(
            worth,
            market.unit_cost,
            market.reach,
            self.world.supply[market.day],
            budget,
            max_spend,
            None if np.isinf(market.stock_left).all() else impressions_in_stock(market),
            market.subsidy_per_impression,
            limits,
        )

    def limited(self, market: Market, budget: Floats) -> tuple[Floats, DayLimits | None, Floats]:
        """Today's money `[N]`, limits and line items' maxima as the world's limits have them.

        Args:
            market: Flights before the day's decision.
            budget: Money wished for today `[N]`.
        """
        if market.limits is None:
            return budget, None, self.world.max_spend
        day, last, so_far = market.day, market.last_spend, market.group_spend
        most = market.limits.money(day, market.budget_left)
        least = market.limits.needed(day, last, so_far)
        budget = np.minimum(np.maximum(budget, market.outlay(least)), most)
        return budget, *market.limits.of(day, last, so_far, budget)


def impressions_in_stock(market: Market) -> Floats:
    """Impressions `[N, L]` at which a promotion's line items together would just sell its stock.

    Stock is shared out in proportion to reach, which is feasible, not optimal.
    """
    catalog = market.world.catalog
    most = catalog.by_promotion.sum(market.reach * market.expected_rate)
    cover = np.divide(market.stock_left, most, out=np.full_like(most, np.inf), where=most > 0)
    return np.asarray(market.reach * np.minimum(cover, 1.0)[:, catalog.promotion])


def _outlook(world: World, size: Floats) -> Floats:
    """[D] log of what a unit of money is expected to return in the rest of the flight over today.

    At the rates and prices believed before the flight; days count by the size of their market.
    """
    catalog, stages = world.catalog, world.rates.stages
    worth = np.maximum(catalog.worth(world.objective)[0], 0.0)[catalog.promotion]
    reach = world.reach_share * world.supply[:, catalog.pool] * world.live
    earned = (reach * stages[0].rate * stages[1].rate * worth).sum(axis=1)
    cost = (reach * world.unit_cost).sum(axis=1)
    today = np.divide(earned, cost, out=np.zeros_like(cost), where=cost > 0)
    rest = np.cumsum((size * today)[::-1])[::-1] / np.maximum(np.cumsum(size[::-1])[::-1], 1e-300)
    known = (today > 0) & (rest > 0)
    return np.log(np.where(known, rest, 1.0) / np.where(known, today, 1.0))


def _mean_by_pool(world: World) -> Floats:
    pools = world.catalog.by_pool
    return pools.sum(world.unit_cost) / pools.sum(np.ones_like(world.unit_cost))


def _live_by_pool(world: World) -> Floats:
    return world.catalog.by_pool.sum(world.live.astype(np.float64))
