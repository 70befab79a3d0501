"""The budget that just meets a target, or the best that any budget attains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from promopilot.experiments.scenarios.budgets import figures
from promopilot.experiments.scenarios.planner import Planner, between, cents
from promopilot.experiments.scenarios.totals import Totals

# What may be asked for: whether more of it is better, and whether the answer is the least budget
# that reaches it (sums grow with the budget) or the largest that keeps it (returns fall).
MEASURES: dict[str, tuple[bool, bool]] = {
    "profit": (True, True),
    "net_profit": (True, True),
    "revenue": (True, True),
    "conversions": (True, True),
    "roas": (True, False),
    "poas": (True, False),
    "cpa": (False, False),
}
_DOUBLINGS = 6  # budgets from 1/64 to 64 times the run's are looked at
_PRECISE = 1.001  # ratio of the ends at which halving stops
_NEAR = 0.002  # of the target: so near on the test flights is met
_ROUNDS = 4  # in which the test flights correct the reference flight
_STEP, _STEPS = 0.01, 8  # share of a last correction of the budget, and how many are made


@dataclass(frozen=True)
class Target:
    """What a flight is to attain."""

    measure: str  # one of `MEASURES`
    value: float  # at least, but at most where less is better

    @property
    def least_budget(self) -> bool:
        """Whether the least budget is asked for, else the largest."""
        return MEASURES[self.measure][1]

    def of(self, totals: Totals) -> float:
        """The measure of a mean flight."""
        return float(self.of_flights(totals.mean())[0])

    def of_flights(self, totals: Totals) -> np.ndarray:
        """The measure of each flight `[F]`."""
        return totals.of("conversion_value" if self.measure == "revenue" else self.measure)

    def met(self, value: float | np.ndarray, goal: float | None = None) -> np.ndarray:
        """Whether a measure is good enough."""
        goal = self.value if goal is None else goal
        return np.asarray(value >= goal if MEASURES[self.measure][0] else value <= goal)


def answer(
    planner: Planner, target: Target, progress: Callable[[str, float], None]
) -> dict[str, Any]:
    """Bisect over budgets on the reference flight, then check on the test flights and correct.

    Played tables bring somewhat less than the reference flight expects (prices and supply vary), so
    the goal of the bisection is scaled by what the last check showed until both agree.

    Args:
        planner: The run's.
        target: What is asked for.
        progress: Told the share done.

    Returns:
        `met`; the `budget` (without one that meets it: that of the best attainable) and its
        figures; `any_budget`, whether the largest budget tried keeps the target too; and the share
        of test flights in which the target is met.
    """
    budget = _checked(planner, target, progress)
    if budget is None:
        budget = _best(planner, target)
    totals, most = planner.played(budget), ladder(planner)[-1]
    met = _holds(planner, target, budget)
    return {
        "measure": target.measure,
        "target": target.value,
        "met": met,
        "asks": "least budget" if target.least_budget else "largest budget",
        "any_budget": met and not target.least_budget and budget == most,
        "budget": budget,
        "value": round(target.of(totals), 4),
        "share_of_flights": round(float(target.met(target.of_flights(totals)).mean()), 4),
        **figures(totals),
    }


def _checked(
    planner: Planner, target: Target, progress: Callable[[str, float], None]
) -> float | None:
    """The budget that meets a target on the test flights; None where none is found."""
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
        if any(_holds(planner, target, budget) for budget in tried):
            break
        tried.append(cents(tried[-1] * step))
    good = [budget for budget in tried if _holds(planner, target, budget)]
    if not good:
        return None
    return min(good) if target.least_budget else max(good)


def _holds(planner: Planner, target: Target, budget: float) -> bool:
    """Whether a budget meets a target on the test flights, the rounding of the search aside."""
    if not planner.can(budget):
        return False
    more = MEASURES[target.measure][0]
    eased = target.value - (1 if more else -1) * 2 * _NEAR * abs(target.value)
    return bool(target.met(target.of(planner.played(budget)), eased))


def ladder(planner: Planner) -> list[float]:
    """Budgets from 1/64 to 64 times the run's, without those that its limits do not allow.

    It ends where more budget would not be planned.
    """
    steps = [cents(planner.world.budget * 2.0**k) for k in range(-_DOUBLINGS, _DOUBLINGS + 1)]
    found, planned = list[float](), 0.0
    for budget in steps:
        if budget <= 0 or not planner.can(budget):
            continue
        now = planner.expected(budget).planned
        if found and now <= planned * 1.001:
            break
        found.append(budget)
        planned = now
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


def _best(planner: Planner, target: Target) -> float:
    """The budget of the ladder that comes nearest to a target."""
    more = MEASURES[target.measure][0]

    def worth(budget: float) -> float:
        value = target.of(planner.expected(budget))
        return -np.inf if not np.isfinite(value) else value if more else -value

    return max(ladder(planner), key=worth)
