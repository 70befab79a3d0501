"""What the next unit of a budget brings: the plan again with a little more of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promopilot.experiments.scenarios.planner import Planner

_BUMP, _LEAST = 0.02, 1.0  # a little more: this share of the budget, and this much money at least
# Where less than this share of the added budget gets into the plan, it finds no use.
_USED = 0.25


@dataclass(frozen=True)
class NextUnit:
    """What one more unit of budget changes in the reference flight."""

    # Per unit of planned media, None where more budget plans no more of it, but for discounts:
    roas: float | None  # conversion value
    poas: float | None  # profit before media
    net_profit: float  # profit after media, per unit of budget, whatever that pays for
    objective: float  # what the plan maximises, per unit of budget

    @property
    def pays(self) -> bool:
        """Whether it brings more profit than its media costs."""
        return self.net_profit >= 0 if self.poas is None else self.poas >= 1.0


def next_unit(planner: Planner, budget: float) -> NextUnit | None:
    """Gain per money added, between the plans of a budget and of one 2 % larger.

    What the money does to later days is included. None where the larger budget would not be used:
    what it adds would cost more than it brings on the day, or finds no exposures; or where it has
    no plan.

    Args:
        planner: The run's.
        budget: One that has a plan.
    """
    larger = round(budget + max(_BUMP * budget, _LEAST), 2)
    if not planner.can(larger):
        return None
    less, more = planner.expected(budget), planner.expected(larger)
    covers, objective = planner.world.covers, planner.world.objective
    media, added = more.planned - less.planned, larger - budget
    if more.outlay(covers) - less.outlay(covers) < _USED * added:
        return None

    def gained(name: str) -> float:
        return more.value(name) - less.value(name)

    value = float(more.objective(objective)[0] - less.objective(objective)[0])
    roas = gained("conversion_value") / media if media > 0 else None
    poas = gained("profit") / media if media > 0 else None
    return NextUnit(roas, poas, gained("net_profit") / added, value / added)
