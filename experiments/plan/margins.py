"""What the next unit of money brings, row by row: at the planned and at the current spend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.experiments.plan.reference import Table

# What each objective counts, in an analyst's words.
GOALS = {
    "net_profit": "profit",
    "profit": "profit",
    "revenue": "revenue",
    "conversions": "conversions",
}


@dataclass(frozen=True)
class Margins:
    """Marginal returns in what the objective counts, per unit of money, before that is paid for."""

    goal: str  # what is counted: profit, revenue or conversions
    charge: float  # what the objective charges for a unit of money: 1 for net profit, else 0
    at_planned: Floats  # [D, L]
    at_current: Floats  # [D, L] at the current mix's spend; audiences as tired as under the plan
    # [D] means of at_current over the day's mix, and of at_planned over the money that the plan
    # adds that day; not a number where there is none.
    mix: Floats
    gaining: Floats


def margins(world: World, table: Table, current: Floats) -> Margins:
    """The margins of a plan.

    Args:
        world: Its market.
        table: The plan.
        current: The current mix in cents, as money `[D, L]`.
    """
    worth, charge = world.catalog.worth(world.objective)
    per_impression = table.rate * worth[world.catalog.promotion]
    curve = world.dynamics.saturation
    # From the first cent on: some curves begin with impressions for nothing.
    spent = np.maximum(current, 0.01)
    shown = response.impressions(spent, table.unit_cost, table.reach, curve)
    next_cost = response.marginal_cost(shown, table.unit_cost, table.reach, curve)
    at_planned, at_current = per_impression / table.next_cost, per_impression / next_cost
    return Margins(
        goal=GOALS[world.objective],
        charge=charge,
        at_planned=at_planned,
        at_current=at_current,
        mix=_mean(at_current, current),
        gaining=_mean(at_planned, np.maximum(table.spend - current, 0.0)),
    )


def mean_margins(plan: pd.DataFrame, keys: list[str], name: str) -> pd.Series[float]:
    """A marginal return of sums of a plan's rows: weighted by planned spend.

    Where nothing is planned in a sum it is the plain mean.

    Args:
        plan: The contract's table.
        keys: Columns that tell the sums apart; the result has an entry for each, in the plan's
            order.
        name: `marginal_roas` or `marginal_poas`.
    """
    planned = plan["planned_budget"]
    weighted = plan[keys].assign(weighted=plan[name] * planned, planned=planned, plain=plan[name])
    groups = weighted.groupby(keys, sort=False)
    sums = groups[["weighted", "planned"]].sum()
    spent = sums["planned"]
    return (sums["weighted"] / spent.where(spent > 0)).fillna(groups["plain"].mean())


def _mean(values: Floats, weight: Floats) -> Floats:
    """Weighted means over each day's line items `[D]`."""
    total = weight.sum(axis=1)
    return np.asarray((values * weight).sum(axis=1) / np.where(total > 0, total, np.nan))
