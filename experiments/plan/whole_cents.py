"""A table of spend in whole cents that keeps the limits that the exact one kept.

Largest remainder day by day. Where that breaks a limit, the day's cents are the solution of a small
integer program, with earlier days as rounded and later ones as they are; where days cannot be
rounded one after the other, the whole flight's are.
"""

from __future__ import annotations

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.limits import Limits
from promopilot.envs.world import World
from promopilot.experiments.limits.enforce import broken_limits
from promopilot.experiments.plan.flight_limits import CentRows, Steps, flight_rows
from promopilot.experiments.plan.nearest_cents import SLIGHT, Wish, nearest_cents
from promopilot.experiments.plan.rounding import days_in_cents
from promopilot.experiments.plan.small_cents import without_small_changes


def table_in_cents(exact: Floats, world: World) -> Ints:
    """Cents `[D, L]` of exact spend `[D, L]` of the flight.

    Days sum to their rounded totals and nothing passes budget, day budget or a line item's maximum.
    What is locked gets the cents of the current mix. In a world with limits days may sum to a few
    cents less or more where their limits ask for it.

    Args:
        exact: Money per day and line item.
        world: The plan's market, its budget and limits.

    Raises:
        InfeasibleError: The world's limits leave less room than a cent.
    """
    cents = _largest_remainder(exact, world)
    if world.limits is None:
        return cents
    mix, locked = mix_in_cents(world), world.live & world.limits.locked
    cents = np.where(locked, mix, cents)
    wish = Wish(np.where(locked, cents, exact * 100), cents.sum(axis=1), mix, locked)
    return _within_limits(exact, cents, wish, world, world.limits)


def mix_in_cents(world: World) -> Ints:
    """The current mix in cents `[D, L]`: the column `current_budget`."""
    return _largest_remainder(world.current_mix, world)


def _largest_remainder(exact: Floats, world: World) -> Ints:
    # A maximum between two cents is kept by the lower one; whole cents are never rounded up.
    kept = np.minimum(exact, np.floor(world.max_spend * 100 + 1e-7) / 100)
    left = max(world.budget - world.initial.spent, 0.0)
    return days_in_cents(kept, left, world.per_day_max)


def _within_limits(exact: Floats, cents: Ints, wish: Wish, world: World, limits: Limits) -> Ints:
    rows = flight_rows(world, limits).kept_by(exact * 100).beyond(wish.locked)
    steps = Steps.of(world, limits, exact)
    before = world.day_before * 100
    cents = _day_by_day(cents, wish, rows, steps, before)
    if _broken(cents, wish, rows, steps, before):
        whole = flight_rows(world, limits, exact).kept_by(exact * 100).beyond(wish.locked)
        found = nearest_cents(wish, whole, later=False)
        if found is None or _broken(found, wish, rows, steps, before):
            first = broken_limits(world, cents / 100)[0]
            raise InfeasibleError(
                f"No plan in whole cents keeps every limit: {first.text}, beside others. Loosen "
                "it by a cent."
            )
        cents = found
    if limits.min_change == 0:
        return cents
    return without_small_changes(cents, wish, limits.min_change, rows, steps, before)


def _day_by_day(cents: Ints, wish: Wish, rows: CentRows, steps: Steps, before: Floats) -> Ints:
    """The cents with each day's moved where they break a limit, as far as that can be done."""
    cents, plan = cents.copy(), wish.exact.copy()
    for day in range(len(cents)):
        one = slice(day, day + 1)
        today = rows.today(day, plan).joined(steps.on(day, plan[day - 1] if day else before))
        today = today.beyond(wish.locked[one])
        if today.broken(cents[one], SLIGHT):
            own = Wish(wish.exact[one], wish.totals[one], wish.mix[one], wish.locked[one])
            found = nearest_cents(own, today, later=True)
            cents[one] = cents[one] if found is None else found
        plan[day] = cents[day]
    return cents


def _broken(cents: Ints, wish: Wish, rows: CentRows, steps: Steps, before: Floats) -> bool:
    """Whether cents `[D, L]` of a flight break a limit."""
    last = np.concatenate([before[None], cents[:-1]])
    return rows.broken(cents, SLIGHT) or any(
        steps.on(day, last[day])
        .beyond(wish.locked[day : day + 1])
        .broken(cents[day : day + 1], SLIGHT)
        for day in range(len(cents))
    )
