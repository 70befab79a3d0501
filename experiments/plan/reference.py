"""What a policy spends in the reference flight: the table that is exported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.experiments.limits.enforce import enforced
from promopilot.experiments.plan.discounts import Costed, affordable
from promopilot.experiments.plan.whole_cents import table_in_cents

# A pool counts as full, and a stock as gone, when less than this share of it is left; a pool also
# when less than one impression per line item is: plans are rounded to cents, which buy a few.
_LEFT = 0.01


@dataclass(frozen=True)
class Table:
    """Spend per day and line item, with what holds at the margin; all `[D, L]`."""

    spend: Floats  # whole cents, in money
    exact: Floats  # money before it was rounded to cents
    rate: Floats  # conversions per impression expected that day, fatigue included
    unit_cost: Floats  # money for a first impression
    reach: Floats  # impressions within reach; 0 where nothing may be funded
    next_cost: Floats  # money for the next impression
    pool_full: Bools  # whether the pool has nothing left
    sold_out: Bools  # whether the promotion's stock is gone by the end of the day
    subsidy: Floats  # money for discounts that the day is expected to cause


@dataclass(frozen=True)
class TablePolicy:
    """Plays a table as it stands, whatever happens."""

    table: Floats  # [D, L]
    name: str = "plan"

    def spend(self, market: Market) -> Floats:
        """Today's row in every flight."""
        return np.tile(self.table[market.day], (market.num_flights, 1))


def as_it_stands(world: World) -> World:
    """The market to play a table in that keeps the limits as a whole.

    A market with limits keeps a pace towards a group's minimum in the flight, and would move a
    table that comes to it in its own time: what is played then is not what was planned.
    """
    return replace(world, limits=None)


def reference_table(policy: Policy, world: World) -> Table:
    """Roll the policy out once with every draw at its mean and outcomes at their expectation.

    Raises:
        InfeasibleError: No plan near to it keeps every limit of the world, or the discounts of what
            limits force pass a budget that covers them.
    """

    def planned(aside: float = 0.0) -> Table:
        # Limits know nothing of that money: those that refer to the budget or the mix stay as they
        # are.
        exact = enforced(world, _play(policy, world, aside)["spend"])
        spend = table_in_cents(exact, world) / 100
        played = _play(TablePolicy(spend), as_it_stands(world))
        return Table(**played | {"spend": spend, "exact": exact})

    def costed(aside: float) -> Costed[Table]:
        table = planned(aside)
        unclosed = replace(as_it_stands(world), covers=("spend",))
        played = _play(TablePolicy(table.spend), unclosed)
        return Costed(table, float(table.spend.sum()), float(played["subsidy"].sum()))

    if world.limits is None or "subsidy" not in world.covers:
        return planned()
    return affordable(world, costed)


def _play(policy: Policy, world: World, aside: float = 0.0) -> dict[str, Any]:
    """The fields of a `Table`, but `exact`, as the policy leaves them with money set `aside`."""
    catalog, curve = world.catalog, world.dynamics.saturation
    market = Market(world, expected=True)
    market.reset_to_mean()
    market.set_aside(np.array([aside]))
    days = []
    while not market.done:
        unit_cost, supply = market.unit_cost, market.exogenous.supply[:, market.day]
        reach = np.broadcast_to(market.reach, unit_cost.shape)
        first, second = market.true_rates
        outcome = market.step(policy.spend(market))
        planned = outcome.spend
        if world.limits is not None:
            # Limits hold for what is asked for. What a full pool does not charge of that is not
            # planned once more: the sum of the plan stays within the budget.
            planned = outcome.asked
            market.set_aside((planned - outcome.spend).sum(axis=1))
        left = supply - catalog.by_pool.sum(outcome.impressions)
        crumbs = catalog.by_pool.sum(np.ones(catalog.num_line_items))
        full = left <= np.maximum(_LEFT * supply, crumbs)
        gone = market.stock_left < _LEFT * catalog.stock
        days.append(
            {
                "spend": planned,
                "rate": first * second,
                "unit_cost": unit_cost,
                "reach": reach,
                "next_cost": response.marginal_cost(outcome.impressions, unit_cost, reach, curve),
                "pool_full": full[:, catalog.pool],
                "sold_out": gone[:, catalog.promotion],
                "subsidy": outcome.subsidy,
            }
        )
    return {name: np.stack([day[name][0] for day in days]) for name in days[0]}
