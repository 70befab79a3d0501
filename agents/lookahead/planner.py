"""Plans for the rest of a world's flights, and what they make of today."""

import numpy as np

from promopilot.agents.lookahead.ascent import look_ahead
from promopilot.agents.lookahead.rest import Plan, Rest
from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.state import usual_exposure
from promopilot.envs.world import World

# Where the objective does not charge for spend, money is still worth this much, as in
# `promopilot.envs.allocator`.
_LEAST_PRICE = 1e-6


class Planner:
    """Plans the rest of flights, whatever of it is believed or known.

    Args:
        world: What is played.
        effort: Most moves of a plan, at least 1.

    Raises:
        ValueError: `effort` is below 1.
    """

    def __init__(self, world: World, effort: int) -> None:
        if effort < 1:
            raise ValueError(f"effort is {effort}; it must be at least 1.")
        self._effort = effort
        self._replan = Replan(world)
        catalog, dynamics = world.catalog, world.dynamics
        pools, covered = catalog.by_pool, "subsidy" in world.covers
        subsidy = catalog.unit_subsidy if covered else np.zeros(catalog.num_promotions)
        day, row, one = np.zeros((1, 1, 1)), np.zeros((1, 1)), np.zeros(1)
        # What a flight brings is filled in by `rest`.
        self._blank = Rest(
            *(day, day, day, day, row, _plain(subsidy)),
            *(one, row, row, one, one),
            unit_cost=_plain(world.unit_cost),
            max_spend=_plain(world.max_spend),
            per_person=1 / world.segment_size[catalog.segment],
            usual=usual_exposure(world),
            promotion=np.array(catalog.promotion, dtype=np.int64),
            placement=np.array(catalog.placement, dtype=np.int64),
            audience=np.array(catalog.audience, dtype=np.int64),
            order=np.array(pools.order, dtype=np.int64),
            ends=np.searchsorted(pools.group, np.arange(pools.size + 1)).astype(np.int64),
            day_max=float(world.per_day_max),
            least=max(float(catalog.worth(world.objective)[1]), _LEAST_PRICE),
            forget=dynamics.forget,
            family=dynamics.saturation.code,
            slope=float(dynamics.saturation.slope),
        )

    def rest(
        self,
        day: int,
        *,
        rate: Floats,
        price: Floats,
        reach: Floats,
        supply: Floats,
        worth: Floats,
        exponent: Floats,
        fatigue: Floats,
        stock: Floats,
        budget: Floats,
    ) -> Rest:
        """The rest of N flights from a day on; arguments as in `Rest`."""
        return self._blank._replace(
            rate=_plain(rate),
            price=_plain(price),
            reach=_plain(reach),
            supply=_plain(supply),
            worth=_plain(worth),
            exponent=_plain(exponent),
            fatigue=_plain(fatigue),
            stock=_plain(stock),
            budget=_plain(budget),
            share_of_rest=_plain(self._replan.share_of_rest[day:]),
        )

    def plan(self, rest: Rest) -> Plan:
        """The plan from today to the last day."""
        flights, days, _ = rest.rate.shape
        plan = Plan(
            money=np.zeros(flights),
            later_cost=np.zeros_like(rest.fatigue),
            stock_price=np.zeros_like(rest.stock),
            pool_price=np.zeros((flights, days * (len(rest.ends) - 1))),
            price=np.zeros((flights, 1 + days)),
            value=np.zeros((flights, 2)),
        )
        look_ahead(rest, self._effort, plan)
        return plan

    def today(self, rest: Rest, market: Market) -> Floats:
        """Today's spend `[N, L]`: the exact split of the plan's money at the plan's prices.

        A world's limits are kept today; later days are planned without them.
        """
        plan = self.plan(rest)
        money = np.minimum(plan.money, rest.budget)
        money, limits, max_spend = self._replan.limited(market, money)
        above_usual = np.log1p(rest.fatigue) - rest.usual
        factor = np.exp(-rest.exponent[:, None] * above_usual)[:, rest.audience]
        rate = rest.rate[:, 0] * factor
        earns = rate * (rest.worth - plan.stock_price)[:, rest.promotion]
        split = self._replan.allocator.split(
            earns - rest.per_person * plan.later_cost[:, rest.audience],
            rest.unit_cost * rest.price[:, 0, rest.placement],
            rest.reach[:, 0],
            rest.supply[:, 0],
            money,
            max_spend,
            None,
            rate * rest.subsidy[rest.promotion] if rest.subsidy.any() else None,
            limits,
        )
        return split.spend


def _plain(values: Floats) -> Floats:
    """One layout and one type, so that one version is compiled; copied only where it differs."""
    return np.require(values, np.float64, ["C", "A", "W"])
