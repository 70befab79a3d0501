"""The budget at which a target is just met: bisection, checked on the test flights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from promopilot.experiments.scenarios.planner import Planner, between, cents
from promopilot.experiments.scenarios.target import MEASURES, Target

_DOUBLINGS = 6  # budgets from 1/64 to 64 times the run's are looked at
_PRECISE = 1.001  # ratio of the ends at which halving stops
_NEAR = 0.002  # of the target: so near on the test flights is met
_ROUNDS = 4  # in which the test flights correct the reference flight
_STEP, _STEPS = 0.01, 8  # share of a last correction of the budget, and how many are made


def checked(
    planner: Planner, target: Target, progress: Callable[[str, float], None]
) -> float | None:
    """The budget that meets a target on the test flights; None where none is found.

    Played tables bring somewhat less than the reference flight expects (prices and supply vary), so
    the goal of the bisection is scaled by what the last check showed until both agree.

    Args:
        planner: The run's.
        target: What is asked for.
        progress: Told the share done.
    """
    goal, tried = target.value, list[float]()
    for done in range(_ROUNDS):
        progress(f"scenarios: target {target.measure}", done / _ROUNDS)
        found = _search(planner, target, goal)
        if found is None:
            break
        tried.append(found)
        shown, foreseen = target.of(planner.played(found)), target.of(planner.expected(found))
        if abs(shown - target.value) <= _NEAR * abs(target.value) or not min(shown, foreseen) > 0:
            break
        goal = target.value * foreseen / shown
    step = 1 + _STEP if target.least_budget else 1 / (1 + _STEP)
    for _ in range(_STEPS if tried else 0):  # where the luck of few flights is left over
        if any(holds(planner, target, budget) for budget in tried):
            break
        tried.append(cents(tried[-1] * step))
    good = [budget for budget in tried if holds(planner, target, budget)]
    if not good:
        return None
    return min(good) if target.least_budget else max(good)


def holds(planner: Planner, target: Target, budget: float) -> bool:
    """Whether a budget meets a target on the test flights, the rounding of the search aside.

    Args:
        planner: The run's.
        target: What is asked for.
        budget: To be looked at.
    """
    if not planner.can(budget):
        return False
    more = MEASURES[target.measure][0]
    eased = target.value - (1 if more else -1) * 2 * _NEAR * abs(target.value)
    return bool(target.met(target.of(planner.played(budget)), eased))


def ladder(planner: Planner) -> list[float]:
    """Budgets from 1/64 to 64 times the run's, without those that its limits do not allow.

    It ends where more budget would not be used.

    Args:
        planner: The run's.
    """
    covers = planner.world.covers
    steps = [cents(planner.world.budget * 2.0**k) for k in range(-_DOUBLINGS, _DOUBLINGS + 1)]
    found, used = list[float](), 0.0
    for budget in steps:
        if budget <= 0 or not planner.can(budget):
            continue
        now = planner.expected(budget).outlay(covers)
        if found and now <= used * 1.001:
            break
        found.append(budget)
        used = now
    return found


def _search(planner: Planner, target: Target, goal: float) -> float | None:
    """The budget at which the reference flight just meets a goal; None where none does."""

    def met(budget: float) -> bool:
        value = target.of(planner.expected(budget))
        return bool(np.isfinite(value) and target.met(value, goal))

    steps = ladder(planner)
    good = [at for at, budget in enumerate(steps) if met(budget)]
    if not good:
        return None
    if target.least_budget:
        inside, outside = steps[good[0]], steps[good[0] - 1] if good[0] > 0 else None
    else:
        last = good[-1]
        inside, outside = steps[last], steps[last + 1] if last + 1 < len(steps) else None
    while outside is not None and (middle := between(inside, outside, _PRECISE)) is not None:
        inside, outside = (middle, outside) if met(middle) else (inside, middle)
    return inside


def best(planner: Planner, target: Target) -> float:
    """The budget of the ladder that comes nearest to a target.

    Args:
        planner: The run's.
        target: What is asked for.
    """
    more = MEASURES[target.measure][0]

    def worth(budget: float) -> float:
        value = target.of(planner.expected(budget))
        return -np.inf if not np.isfinite(value) else value if more else -value

    return max(ladder(planner), key=worth)
