"""A target on a flight's expected totals, met by what is planned for it.

What is planned is what the test flights bring on average; how far that lies from the reference
flight, on which a target is priced, is made up for by a stricter target there.
"""

from __future__ import annotations

import numpy as np

from promopilot.agents.rollout import roll_out
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.world import World
from promopilot.experiments.limits.target_price import (
    LEAST_SPEND,
    NOTHING,
    MakePolicy,
    Totals,
    Try,
    meeting,
    nearest_last,
    stricter,
    unattainable,
)
from promopilot.experiments.plan.reference import TablePolicy, as_it_stands, reference_table

_TRIES = 6  # of a stricter target
_CLOSE = 1e-3  # of the target: so much better is close enough


def aimed(
    world: World, make: MakePolicy, seed: int, flights: int, so_far: Totals = NOTHING
) -> World:
    """The world with a target and price at which what a policy plans meets the world's own target.

    What is planned is what the test flights bring on average, so the target in it may be stricter.
    A world without a target stays as it is.

    Args:
        world: With limits.
        make: Makes the policy for a world.
        seed: Of the test flights.
        flights: How many of them.
        so_far: What days before the world's first have come to, which the target counts too.

    Raises:
        InfeasibleError: As `priced`.
    """
    if world.limits is None or world.limits.target is None:
        return world
    target, strict = world.limits.target, 1.0
    best, least = world, np.inf  # the price that meets the target by least
    reached = list[Totals]()  # of what is planned, target met or not
    tries = list[Try]()
    low, high = 0.0, np.inf  # strictness that is too little, and that is too much or out of reach
    for _ in range(_TRIES):
        tried, met = meeting(world, make, so_far, stricter(target, strict), tries)
        plan = _planned(make, tried.world, seed, flights)
        reached.append(so_far.plus(plan))
        spends = plan.spend > LEAST_SPEND * world.budget or (met and tried.price == 0)
        ratio = reached[-1].ratio(target) if spends else 0.0
        if 1.0 <= ratio < least:
            best, least = tried.world, ratio
        enough = least <= 1 + _CLOSE or (tried.price == 0 and ratio >= 1)
        if enough or (strict <= 1 and not met):
            break
        low, high = (strict, high) if met and 0 < ratio < 1 else (low, min(high, strict))
        strict *= (1 + 0.5 * _CLOSE) / ratio if met and ratio > 0 else 0.0
        if not low < strict < high:
            strict = 0.5 * (max(low, 1.0) + high)
    # Tries that hardly differ in spend are one; the last chance is among those that came nearest.
    others = {f"{one.rest.spend:.3g}": one for one in nearest_last(tries, target)}
    for one in list(others.values())[-2 * _TRIES :] if np.isinf(least) else []:
        plan = _planned(make, one.world, seed, flights)
        reached.append(so_far.plus(plan))
        if plan.spend > LEAST_SPEND * world.budget and 1.0 <= reached[-1].ratio(target) < least:
            best, least = one.world, reached[-1].ratio(target)
    if np.isinf(least):
        raise InfeasibleError(unattainable(world, target, reached))
    return best


def _planned(make: MakePolicy, world: World, seed: int, flights: int) -> Totals:
    """What the policy's plan is expected to come to on the test flights."""
    table = TablePolicy(reference_table(make(world), world).spend)
    day = roll_out(table, as_it_stands(world), seed, np.arange(flights)).by_day
    # What is planned, also where a flight's discounts leave no money for all of it.
    spend = float(table.table.sum())
    return Totals(spend, float(day.conversion_value.sum()), float(day.conversions.sum()))
