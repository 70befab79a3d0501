"""What a policy spends in the reference flight: the table that is exported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.limits import money_text
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.experiments.limits.enforce import enforced
from promopilot.experiments.plan.whole_cents import table_in_cents

# A pool counts as full, and a stock as gone, when less than this share of it is left; a pool also
# when less than one impression per line item is: plans are rounded to cents, which buy a few.
_LEFT = 0.01
_SLIGHT = 1e-3  # of a budget: so much is passed by chance of what is expected
# For money that discounts leave: parts of the budget set aside, then halved so often.
_PARTS, _BISECTIONS = 6, 4


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


def reference_table(policy: Policy, world: World) -> Table:
    """Roll the policy out once with every draw at its mean and outcomes at their expectation.

    Where limits force spend whose discounts pass a budget that covers them, it plans again with
    less money, for as much media as leaves enough for them.

    Raises:
        InfeasibleError: No plan near to it keeps every limit of the world, or the discounts of what
            limits force pass a budget that covers them.
    """
    table = _planned(policy, world)
    if world.limits is None or "subsidy" not in world.covers or _affords(world, table):
        return table
    left = max(world.budget - world.initial.spent, 0.0)
    tried, low = [table], 0.0
    for high in left * np.linspace(0.0, 1.0, _PARTS + 1)[1:]:
        found = _planned(policy, world, high)
        if _affords(world, found):
            break
        tried.append(found)
        low = high
    else:
        raise InfeasibleError(_unaffordable(world, min(tried, key=partial(_outlay, world))))
    for _ in range(_BISECTIONS):
        aside = 0.5 * (low + high)
        table = _planned(policy, world, aside)
        if _affords(world, table):
            found, high = table, aside
        else:
            low = aside
    return found


def _planned(policy: Policy, world: World, aside: float = 0.0) -> Table:
    """What the policy spends when it may not touch money set `aside`, moved to keep all limits.

    Limits know nothing of that money: those that refer to the budget or the mix stay as they are.
    """
    exact = enforced(world, _play(policy, world, aside)["spend"])
    spend = table_in_cents(exact, world) / 100
    return Table(**_play(TablePolicy(spend), world) | {"spend": spend, "exact": exact})


def _affords(world: World, table: Table) -> bool:
    """Whether the budget pays for a table's media and all their discounts."""
    left = max(world.budget - world.initial.spent, 0.0)
    return _outlay(world, table) <= left * (1 + _SLIGHT) + 0.01


def _outlay(world: World, table: Table) -> float:
    """Money for a table's media and the discounts they cause, were redemption never to close."""
    played = _play(TablePolicy(table.spend), replace(world, covers=("spend",)))
    return float(table.spend.sum() + played["subsidy"].sum())


def _unaffordable(world: World, least: Table) -> str:
    """A sentence on discounts that pass the budget even in the cheapest plan that was found."""
    left, media = max(world.budget - world.initial.spent, 0.0), float(least.spend.sum())
    return (
        f"No plan was found that keeps every limit: the budget leaves {money_text(left)} and "
        f"pays for discounts too, and what the limits force, {money_text(media)} of media, is "
        f"expected to cause {money_text(_outlay(world, least) - media)} of them. Raise the "
        "budget, or loosen what forces spend: minima, locks, exploration, the largest change "
        "from day to day."
    )


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
