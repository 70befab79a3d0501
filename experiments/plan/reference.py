"""What a policy spends in the reference flight: the table that is exported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.envs import response
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.experiments.plan.rounding import days_in_cents

# A pool counts as full when less than this share of its supply is left, or less than one impression
# per line item: plans are rounded to cents, and a cent buys a few impressions.
_LEFT = 0.01


@dataclass(frozen=True)
class Table:
    """Spend per day and line item, with what holds at the margin; all `[D, L]`."""

    spend: Floats  # whole cents, in money
    rate: Floats  # conversions per impression expected that day, fatigue included
    next_cost: Floats  # money for the next impression
    pool_full: Bools  # whether the pool has nothing left


@dataclass(frozen=True)
class TablePolicy:
    """Plays a table as it stands, whatever happens."""

    table: Floats  # [D, L]
    name: str = "plan"

    def spend(self, market: Market) -> Floats:
        """Today's row in every flight."""
        return np.tile(self.table[market.day], (market.num_flights, 1))


def reference_table(policy: Policy, world: World) -> Table:
    """Roll the policy out once with every draw at its mean and outcomes at their expectation."""
    asked = _play(policy, world)[0]
    # A maximum between two cents is kept by the lower one; whole cents are never rounded up.
    asked = np.minimum(asked, np.floor(world.max_spend * 100 + 1e-7) / 100)
    cents = days_in_cents(asked, world.budget, world.per_day_max)
    spend = cents / 100
    _, rate, next_cost, full = _play(TablePolicy(spend), world)
    return Table(spend, rate, next_cost, full)


def _play(policy: Policy, world: World) -> tuple[Floats, Floats, Floats, Bools]:
    catalog = world.catalog
    market = Market(world, expected=True)
    market.reset_to_mean()
    spend, rate, cost, full = [], [], [], []
    while not market.done:
        day, unit_cost = market.day, market.unit_cost
        reach = np.broadcast_to(market.reach, unit_cost.shape)
        supply = market.exogenous.supply[:, day]
        first, second = market.true_rates
        rate.append((first * second)[0])
        outcome = market.step(policy.spend(market))
        spend.append(outcome.spend[0])
        cost.append(
            response.marginal_cost(
                outcome.impressions, unit_cost, reach, world.dynamics.saturation
            )[0]
        )
        left = supply - catalog.by_pool.sum(outcome.impressions)
        crumbs = catalog.by_pool.sum(np.ones(catalog.num_line_items))
        full.append((left <= np.maximum(_LEFT * supply, crumbs))[0, catalog.pool])
    return np.stack(spend), np.stack(rate), np.stack(cost), np.stack(full)
