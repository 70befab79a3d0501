"""A table of spend in whole cents that keeps the limits that the exact one kept.

Largest remainder day by day. Where that breaks a limit, the day's cents are the solution of a small
integer program: each amount is cut or lifted to a whole cent, at the least sum of moves, such that
every limit holds with earlier days as rounded and later ones as they are.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, csr_matrix, eye_array, hstack

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.limits import Limits
from promopilot.envs.world import World
from promopilot.experiments.plan.flight_limits import DayRows, flight_rows, steps_on
from promopilot.experiments.plan.rounding import days_in_cents

_BROKEN = 1e-4  # cents: so much beyond a limit breaks it
_FAR = 50  # cents by which an amount may be moved further, at a high price
_PRICE = 10.0  # of each such cent, against at most 1 for cutting or lifting to the next cent
_NODES = 2000  # of the integer program's tree: a bound on time that is the same on every machine


def table_in_cents(exact: Floats, world: World) -> Ints:
    """Cents `[D, L]` of exact spend `[D, L]` of the flight.

    Days sum to their rounded totals and nothing passes budget, day budget or a line item's maximum.
    What is locked gets the cents of the current mix. In a world with limits days may sum to a few
    cents less or more where their limits ask for it.

    Args:
        exact: Money per day and line item.
        world: The plan's market, its budget and limits.
    """
    cents = _largest_remainder(exact, world)
    if world.limits is None:
        return cents
    locked = world.live & world.limits.locked
    cents = np.where(locked, mix_in_cents(world), cents)
    return _within_limits(exact, cents, locked, world, world.limits)


def mix_in_cents(world: World) -> Ints:
    """The current mix in cents `[D, L]`: the column `current_budget`."""
    return _largest_remainder(world.current_mix, world)


def _largest_remainder(exact: Floats, world: World) -> Ints:
    # A maximum between two cents is kept by the lower one; whole cents are never rounded up.
    kept = np.minimum(exact, np.floor(world.max_spend * 100 + 1e-7) / 100)
    left = max(world.budget - world.initial.spent, 0.0)
    return days_in_cents(kept, left, world.per_day_max)


def _within_limits(exact: Floats, cents: Ints, locked: Bools, world: World, limits: Limits) -> Ints:
    rows = flight_rows(world, limits)
    plan = np.where(locked, cents.astype(float), exact * 100)
    # A limit that the exact table does not keep cannot be kept in cents.
    rows = rows.of(rows.used(exact * 100) <= rows.high + _BROKEN)
    for day in range(world.days):
        last = plan[day - 1] if day else world.current_mix[0] * 100
        today = rows.today(day, plan).joined(steps_on(day, last, plan[day], world, limits))
        today = today.of(~today.settled_by(locked[day]))
        if today.broken(cents[day], _BROKEN):
            found = _nearest(plan[day], cents[day].sum(), locked[day], today)
            cents[day] = cents[day] if found is None else found
        plan[day] = cents[day]
    return cents


def _nearest(exact: Floats, total: int, locked: Bools, rows: DayRows) -> Ints | None:
    """Cents of a day nearest to `exact` `[L]`, summing to `total` where limits allow, else freely.

    None where no cents keep the limits.
    """
    items = len(exact)
    base = np.floor(exact + 1e-5)
    lift = np.where(locked | (exact <= 0), 0.0, 1.0)
    more, less = _FAR * (1 - locked), np.minimum(_FAR * (1 - locked), base)
    # x = base + lifted + more - less, and the day's sum.
    moves = hstack([eye_array(items), eye_array(items), -eye_array(items)])
    inner = csr_array(rows.matrix @ moves)
    matrix = csr_matrix(hstack([inner, csr_array(rows.total[:, None])]))
    sums = csr_matrix(np.repeat([1.0, 1.0, -1.0, -1.0], [items, items, items, 1])[None])
    remainder = np.where(lift > 0, exact - base, 0.0)
    far = np.full(items, _PRICE)
    costs = np.concatenate([1 - 2 * remainder, far, far + 2 * (base <= 0), [0.0]])
    limits = LinearConstraint(matrix, -np.inf, rows.high - rows.matrix @ base + _BROKEN / 2)
    for low, high in ((total, total), (0, np.inf)):
        found = milp(
            costs,
            integrality=np.append(np.ones(3 * items), 0),
            bounds=Bounds(
                np.append(np.zeros(3 * items), low),
                np.concatenate([lift, more, less, [high]]),
            ),
            constraints=[limits, LinearConstraint(sums, -base.sum(), -base.sum())],
            options={"node_limit": _NODES, "mip_rel_gap": 0.0},
        )
        if found.x is not None:
            moved = np.rint(found.x[: 3 * items]).reshape(3, items)
            return np.asarray(base + moved[0] + moved[1] - moved[2], dtype=np.int64)
    return None
