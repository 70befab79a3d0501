"""The plan that leaves enough of a budget for the discounts it causes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from promopilot.envs.errors import InfeasibleError
from promopilot.envs.limits import money_text
from promopilot.envs.world import World

_Table = TypeVar("_Table")
_SLIGHT = 1e-3  # of a budget: so much is passed by chance of what is expected
# Parts of the budget set aside, then halved so often.
_PARTS, _BISECTIONS = 6, 4


@dataclass(frozen=True)
class Costed(Generic[_Table]):
    """A plan and what it takes of a budget that pays for discounts too."""

    table: _Table
    media: float  # money
    discounts: float  # money, were redemption never to close

    @property
    def outlay(self) -> float:
        """Money for both."""
        return self.media + self.discounts


def affordable(world: World, plan: Callable[[float], Costed[_Table]]) -> _Table:
    """The plan itself, or where its discounts pass the budget one that sets money aside for them.

    Limits may force spend whose discounts the policy did not expect. Then it plans again with less
    money, for as much media as leaves enough.

    Args:
        world: With a budget that covers subsidy.
        plan: Plans with so much money set aside.

    Raises:
        InfeasibleError: Whatever is set aside, discounts pass the budget.
    """
    left = max(world.budget - world.initial.spent, 0.0)

    def affords(one: Costed[_Table]) -> bool:
        return one.outlay <= left * (1 + _SLIGHT) + 0.01

    found = plan(0.0)
    if affords(found):
        return found.table
    tried, low = [found], 0.0
    for high in left * np.linspace(0.0, 1.0, _PARTS + 1)[1:]:
        found = plan(high)
        if affords(found):
            break
        tried.append(found)
        low = high
    else:
        raise InfeasibleError(_unaffordable(left, min(tried, key=lambda one: one.outlay)))
    for _ in range(_BISECTIONS):
        aside = 0.5 * (low + high)
        one = plan(aside)
        if affords(one):
            found, high = one, aside
        else:
            low = aside
    return found.table


def _unaffordable(left: float, least: Costed[_Table]) -> str:
    """A sentence on discounts that pass the budget even in the cheapest plan that was found."""
    return (
        f"No plan was found that keeps every limit: the budget leaves {money_text(left)} and "
        f"pays for discounts too, and what the limits force, {money_text(least.media)} of media, "
        f"is expected to cause {money_text(least.discounts)} of them. Raise the budget, or loosen "
        "what forces spend: minima, locks, exploration, the largest change from day to day."
    )
