"""Whether limits can all be kept, and if not, which of them contradict each other.

Linear programs on the spend of the flight. A set that cannot hold is first cut down to the limits
that a proof of it uses (those with a price where the sum of violations is least), then by a
deletion filter to one of which each member is necessary (Chinneck, Feasibility and Infeasibility in
Optimization, 2008, chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from promopilot.envs.arrays import Floats
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.limit_rows import budget_of_flight, limits_of_days, limits_of_flight, totals
from promopilot.envs.named_rows import Named
from promopilot.envs.world import World

_SLIGHT = 1e-7  # of the largest amount: so small a violation is none
_PRICE = 1e-9


def check_limits(world: World) -> None:
    """Refuse limits that no plan of spend can keep; a world without limits is not looked at.

    Subsidy, stock and supply are left aside: what they take away is only known on the day.

    Raises:
        InfeasibleError: Names a set of limits that cannot all hold, each of them necessary.
    """
    clash = contradiction(world)
    if clash:
        day = clash[0].day
        when = "" if day is None else f" on {world.dates[day].isoformat()}"
        named = "; ".join(one.told for one in clash)
        raise InfeasibleError(
            f"These limits cannot all hold{when}: {named}. Loosen or drop one of them."
        )


def contradiction(world: World) -> list[Named]:
    """A set of limits that cannot all hold while all but any one of them can; empty if all can.

    Where one day's limits contradict each other it is of the first such day.
    """
    if world.limits is None:
        return []
    whole, sums = limits_of_flight(world, world.limits), totals(world)
    if feasible(whole, sums):
        return []
    by_day: dict[int | None, list[Named]] = {}
    for one in limits_of_days(world, world.limits):
        by_day.setdefault(one.day, []).append(one)
    budget = budget_of_flight(world, world.limits)
    for own in by_day.values():
        if not feasible([*own, budget], sums):
            clash = irreducible([*own, budget], sums)
            # The day is that of its limits: the budget is named last.
            return sorted(clash, key=lambda one: one is budget)
    return irreducible(whole, sums)


def feasible(limits: Sequence[Named], sums: csr_array) -> bool:
    """Whether some spend of at least zero keeps all of these limits.

    Args:
        limits: Of one flight.
        sums: `limit_rows.totals` of its world.
    """
    return not limits or _violation(limits, sums)[0] <= _SLIGHT


def irreducible(limits: Sequence[Named], sums: csr_array) -> list[Named]:
    """Those of limits that cannot all hold without which the others of them can."""
    kept = list(limits)
    _, prices = _violation(kept, sums)
    used = [one for one, price in zip(kept, prices, strict=True) if price > _PRICE]
    if used and not feasible(used, sums):
        kept = used
    for one in list(kept):
        rest = [other for other in kept if other is not one]
        if not feasible(rest, sums):
            kept = rest
    return kept


def _violation(limits: Sequence[Named], sums: csr_array) -> tuple[float, Floats]:
    """The least sum of violations, relative to the largest amount, and each limit's price."""
    matrix = csr_array(vstack([one.matrix for one in limits]))
    high = np.concatenate([one.high for one in limits])
    rows, width = matrix.shape
    size = max(float(np.abs(high).max()), 1e-300)
    costs = np.concatenate([np.zeros(width), np.ones(rows)])
    elastic = hstack([matrix, -eye_array(rows)], format="csr")
    exact = hstack([sums, csr_array((sums.shape[0], rows))], format="csr")
    found = linprog(
        costs,
        A_ub=elastic,
        b_ub=high / size,
        A_eq=exact,
        b_eq=np.zeros(sums.shape[0]),
        bounds=(0, None),
        method="highs",
    )
    prices = np.abs(found.ineqlin.marginals)
    starts = np.cumsum([0, *(len(one.high) for one in limits)])[:-1]
    violation = float(np.asarray(found.x)[width:].sum())
    return violation, np.asarray(np.maximum.reduceat(prices, starts))
