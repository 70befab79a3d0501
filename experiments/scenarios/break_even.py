"""The budget at which the next unit of money returns less than it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from promopilot.experiments.scenarios.next_unit import next_unit
from promopilot.experiments.scenarios.planner import Planner, between, cents

_DOUBLINGS = 6  # budgets from 1/64 to 64 times the run's are looked at
_PRECISE = 1.01  # ratio of the ends at which halving stops
_PROBES = 10  # budgets usually looked at: a doubling or two, then halving to that ratio

Kind = Literal["crosses", "no_use", "always_pays", "never_pays"]


@dataclass(frozen=True)
class BreakEven:
    """Where the profit of the next unit of money falls to its cost.

    `crosses`: at `budget`. `no_use`: up to `budget` every unit pays, and more would not be planned,
    since it would cost more than it brings on the day or finds no impressions. `always_pays`: still
    at the largest budget tried, `budget`. `never_pays`: not even at the smallest that was tried and
    keeps the limits, `budget`.
    """

    kind: Kind
    budget: float
    marginal_poas: float | None  # profit of the next unit of media there, before media


def break_even(planner: Planner, progress: Callable[[str, float], None]) -> BreakEven:
    """Bisect for where more money stops bringing what its media costs, on the reference flight.

    Args:
        planner: The run's.
        progress: Told the share done.
    """
    task, run, looked_at = "scenarios: where the next unit stops paying", planner.world.budget, 0

    def pays(budget: float) -> bool:
        nonlocal looked_at
        progress(task, min(looked_at / _PROBES, 0.95))
        looked_at += 1
        following = next_unit(planner, budget)
        return following is not None and following.pays

    def there(kind: Kind, budget: float) -> BreakEven:
        following = next_unit(planner, budget)
        poas = None if following is None else following.poas
        return BreakEven(kind, budget, None if poas is None else round(poas, 4))

    low = high = run
    if pays(run):
        for _ in range(_DOUBLINGS):
            low, high = high, cents(2 * high)
            if not pays(high):
                break
        else:
            return there("always_pays", high)
    else:
        for _ in range(_DOUBLINGS):
            low, high = cents(low / 2), low
            if low <= 0 or not planner.can(low):
                return there("never_pays", high)
            if pays(low):
                break
        else:
            return there("never_pays", low)
    while (middle := between(low, high, _PRECISE)) is not None:
        low, high = (middle, high) if pays(middle) else (low, middle)
    return there("no_use" if next_unit(planner, high) is None else "crosses", low)
