"""The best plan found with hindsight: every exogenous draw known, outcomes at their expectation."""

import numpy as np

from promopilot.agents.lookahead.planner import Planner
from promopilot.agents.lookahead.rest import Rest
from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World

# Moves of a plan.
_EFFORT = 12


class Clairvoyant:
    """Plans the rest of every flight knowing its prices, supply, reach and real rates.

    Luck of the draw it does not know: what was sold so far is seen, and the rest planned anew.
    Under a `Stress` that swaps curves it plans with those of the world.

    Args:
        world: What is played.
        effort: Most moves of a plan, at least 1.

    Raises:
        ValueError: `effort` is below 1.
    """

    name = "clairvoyant"

    def __init__(self, world: World, effort: int = _EFFORT) -> None:
        self.planner = Planner(world, effort)

    def spend(self, market: Market) -> Floats:
        """Today's part of the plan."""
        return self.planner.today(self.known(market), market)

    def known(self, market: Market) -> Rest:
        """The rest of the flight as it will be, outcomes at their expectation."""
        world, day, met = market.world, market.day, market.exogenous
        catalog = world.catalog
        share = world.reach_share * met.reach_factor[:, catalog.placement]
        supply = met.supply[:, day:]
        reach = np.minimum(share, 1.0)[:, None] * supply[:, :, catalog.pool] * world.live[day:]
        worth = catalog.worth(world.objective)[0][None]
        if world.objective in ("net_profit", "profit"):
            worth = met.incrementality * catalog.price * catalog.margin - catalog.unit_subsidy
        return self.planner.rest(
            day,
            rate=market.rested_rates_ahead,
            price=met.price_factor[:, day:],
            reach=reach,
            supply=supply,
            worth=worth,
            exponent=met.fatigue_exponent,
            fatigue=market.fatigue,
            stock=market.stock_left,
            budget=market.budget_left,
        )
