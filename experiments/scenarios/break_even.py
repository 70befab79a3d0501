"""The budget at which the next unit of money returns less than it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from promopilot.experiments.scenarios.planner import Planner, between, cents

_DOUBLINGS = 6  # budgets from 1/64 to 64 times the run's are looked at
_PRECISE = 1.005  # ratio of the ends at which halving stops

Kind = Literal["crosses", "no_use", "always_pays", "never_pays"]


@dataclass(frozen=True)
class BreakEven:
    """Where the profit of the next unit of money falls to its cost.

    `crosses`: at `budget`. `no_use`: up to `budget` every unit pays, and more would not be planned,
    since it would cost more than it brings on the day or finds no impressions. `always_pays`: still
    at the largest budget tried, `budget`. `never_pays`: not even at the smallest, `budget`.
    """

    kind: Kind
    budget: float
    marginal_poas: float | None  # profit of the next unit there, before media


def break_even(planner: Planner, progress: Callable[[str, float], None]) -> BreakEven:
    """Bisect for marginal POAS 1 on the reference flight.

    Args:
        planner: The run's.
        progress: Told the share done.
    """
    task, run = "scenarios: where the next unit stops paying", planner.world.budget

    def pays(budget: float) -> bool:
        margins = planner.margins(budget)
        return margins is not None and margins.poas >= 1.0

    def there(kind: Kind, budget: float) -> BreakEven:
        margins = planner.margins(budget)
        return BreakEven(kind, budget, None if margins is None else round(margins.poas, 4))

    progress(task, 0.0)
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
        progress(task, 0.5)
        low, high = (middle, high) if pays(middle) else (low, middle)
    return there("no_use" if planner.margins(high) is None else "crosses", low)
