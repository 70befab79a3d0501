"""The look-ahead optimiser: plans the rest of the flight under today's belief, every day."""

import math

import numpy as np

from promopilot.agents.lookahead.planner import Planner
from promopilot.agents.lookahead.prices import PriceForecast
from promopilot.agents.lookahead.rest import Plan, Rest
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.belief import StageBelief
from promopilot.envs.market import Market
from promopilot.envs.rates import Stage
from promopilot.envs.state import expected_reach_share
from promopilot.envs.world import World

# Moves of a plan; more gain less than .1 % (`tests/test_lookahead.py`).
_EFFORT = 6


class Mpc:
    """Model-predictive control: plans as if all went as expected, acts for a day, plans again.

    Nothing is gained by knowing that beliefs will have changed by tomorrow (certainty equivalence);
    paying for experiments by counting rates higher where they are uncertain did not win.

    Args:
        world: What is played.
        effort: Most moves of a plan, at least 1.

    Raises:
        ValueError: `effort` is below 1.
    """

    name = "mpc"

    def __init__(self, world: World, effort: int = _EFFORT) -> None:
        self.planner = Planner(world, effort)
        self._prices = PriceForecast.of(world)
        catalog, dynamics = world.catalog, world.dynamics
        reach = expected_reach_share(world) * world.supply[:, catalog.pool] * world.live
        self._reach, self._supply = reach[None], world.supply[None]
        self._worth = catalog.worth(world.objective)[0][None]
        self._exponent = dynamics.fatigue_exponent
        # A day's shocks and drift move the mean rate by this factor (rates far below 1).
        shocks = 1 - dynamics.shock_probability * -math.expm1(-dynamics.shock_size)
        self._drift = shocks * math.exp(dynamics.drift_sd**2 / 2)
        self._alike = [_days_alike(stage) for stage in world.rates.stages]

    def spend(self, market: Market) -> Floats:
        """Today's part of the plan."""
        return self.planner.today(self.believed(market), market)

    def plan(self, market: Market) -> Plan:
        """The plan itself: today's money, and the prices that steer its split."""
        return self.planner.plan(self.believed(market))

    def believed(self, market: Market) -> Rest:
        """The rest of the flight as expected before today's decision."""
        day = market.day
        beliefs = market.first_belief, market.second_belief
        first, second = (
            _rates(belief, alike, day) for belief, alike in zip(beliefs, self._alike, strict=True)
        )
        drift = self._drift ** np.arange(first.shape[1])[:, None]
        return self.planner.rest(
            day,
            rate=first * second * drift,
            price=self._prices.factor(day, market.exogenous.price_factor[:, day]),
            reach=self._reach[:, day:],
            supply=self._supply[:, day:],
            worth=self._worth,
            exponent=np.full(market.num_flights, self._exponent),
            fatigue=market.fatigue,
            stock=market.stock_left,
            budget=market.budget_left,
        )


def _days_alike(stage: Stage) -> Ints:
    """[D] a number for each day; days with the same rates have the same one."""
    which = np.unique(stage.rate, axis=0, return_inverse=True)[1]
    return np.asarray(which.reshape(-1), dtype=np.int64)


def _rates(belief: StageBelief, alike: Ints, today: int) -> Floats:
    """Expected rates `[N, H, L]` of the days to come; those that are alike are asked for once.

    Today's are asked for last: the market asks for them next.
    """
    _, first, which = np.unique(alike[today:], return_index=True, return_inverse=True)
    rates = {place: belief.expected_rate(today + place) for place in sorted(first.tolist())[::-1]}
    return np.stack([rates[int(first[kind])] for kind in which.reshape(-1)], axis=1)
