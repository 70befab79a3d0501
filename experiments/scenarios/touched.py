"""The limits that a plan touches, each with the market that would be without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.limits import money_text
from promopilot.envs.world import World

SLIGHTLY = 0.02  # share by which a limit is loosened to see what 1.00 of it is worth
# A limit with more room than this share of it, and than a cent, is left aside: it does not bind.
NEAR, CENT = 0.02, 0.01
_FREE = 64.0  # times the budget: no budget at all


@dataclass(frozen=True)
class Limit:
    """One limit."""

    name: str  # as an analyst would say it
    without: World | None  # None where nothing else would end the plan
    looser: World | None = None  # by `amount`; None for limits that are no amounts of money
    amount: float = 0.0  # money by which `looser` is looser
    unit: str = ""  # of what 1.00 is: "more over the flight", "less a day"


def budget_limit(world: World) -> Limit:
    """The budget of the flight; what 1.00 more of it brings is asked of the planner."""
    # An objective that does not charge for media would spend without end.
    ends = world.catalog.worth(world.objective)[1] > 0
    return Limit(
        f"the budget of {money_text(world.budget)} for the flight",
        world.with_budget(round(_FREE * world.budget, 2)) if ends else None,
        unit="more over the flight",
    )


def maxima(world: World, spend: Floats) -> Iterator[Limit]:
    """The most of a day and of line items, where a plan comes near to them.

    Args:
        world: The plan's.
        spend: The plan `[D, L]`.
    """
    if (spend.sum(axis=1) >= world.per_day_max * (1 - NEAR) - CENT).any():
        more = SLIGHTLY * world.per_day_max
        yield Limit(
            f"a day: at most {money_text(world.per_day_max)}",
            replace(world, per_day_max=np.inf),
            replace(world, per_day_max=world.per_day_max + more),
            more,
            "more a day",
        )
    yield from _line_items(world, spend)


def _line_items(world: World, spend: Floats) -> Iterator[Limit]:
    """Maxima of line items: one limit where they are all the same, else by promotion."""
    bounded = np.isfinite(world.max_spend)
    touched = bounded & (spend >= world.max_spend * (1 - NEAR) - CENT).any(axis=0)
    if not touched.any():
        return
    first = float(world.max_spend[bounded][0])
    if bounded.all() and (world.max_spend == first).all():
        name = f"any one promotion, placement and segment: at most {money_text(first)} a day"
        yield _maximum(world, bounded, name, first, "more a day for each")
        return
    for name, members in by_promotion(world, touched):
        total = float(world.max_spend[members].sum())
        text = f"promotion {name}: its line items at most {money_text(total)} a day in total"
        yield _maximum(world, members, text, total, "more a day")


def by_promotion(world: World, items: Bools) -> Iterator[tuple[str, Bools]]:
    """Line items `[L]` of each promotion that has some of `items`, with the promotion's id."""
    catalog = world.catalog
    for at in np.unique(catalog.promotion[items]):
        yield catalog.promotion_ids[at], np.asarray(catalog.promotion == at) & items


def _maximum(world: World, items: Bools, name: str, money: float, unit: str) -> Limit:
    """The maxima of some line items, of so much money."""

    def at_most(most: Floats | float) -> World:
        return replace(world, max_spend=np.where(items, most, world.max_spend))

    free = Limit(name, at_most(np.inf))
    if money == 0:  # a share of nothing is nothing
        return free
    looser = at_most(world.max_spend * (1 + SLIGHTLY))
    return replace(free, looser=looser, amount=SLIGHTLY * money, unit=unit)
