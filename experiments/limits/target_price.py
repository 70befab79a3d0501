"""The price of missing a target at which a policy's reference flight just meets it.

What earns too little for the target is worth less by that price (`promopilot.envs.target`), so that
a higher price leaves it out. The price is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.agents.replanner import Replanner
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.limits import Limits, money_text
from promopilot.envs.market import Market
from promopilot.envs.target import Target
from promopilot.envs.world import World

_FIRST, _HIGHEST = 0.25, 2.0**20  # prices tried, in units of the objective per unit of money
_BISECTIONS = 14
_TRIES = 6  # of the best ratio
LEAST_SPEND = 1e-6  # of the budget: spend of no more is none

MakePolicy = Callable[[World], Policy]


@dataclass(frozen=True)
class Totals:
    """What a flight comes to."""

    spend: float  # money
    value: float  # money, of conversions
    conversions: float

    def ratio(self, target: Target) -> float:
        """What is reached over what is asked for; at least 1 where the target is met."""
        if self.spend <= 0:
            return 1.0
        if target.roas is not None:
            return self.value / (target.roas * self.spend)
        return (target.cpa or 0.0) * self.conversions / self.spend

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(
            self.spend + other.spend,
            self.value + other.value,
            self.conversions + other.conversions,
        )


NOTHING = Totals(0.0, 0.0, 0.0)


def priced(world: World, make: MakePolicy = Replanner) -> World:
    """The world with the least price at which the policy's reference flight meets its target.

    A world without a target stays as it is.

    Args:
        world: With limits.
        make: Makes the policy for a world.

    Raises:
        InfeasibleError: No price does it, or only a flight without spend; names the best there is.
    """
    if world.limits is None or world.limits.target is None:
        return world
    target = world.limits.target
    tries = list[Try]()
    found, met = meeting(world, make, NOTHING, target, tries)
    if not met:
        forced = all(one.spends for one in tries)
        raise InfeasibleError(unattainable(world, target, [found.all] if forced else []))
    return _with_target(world, replace(target, price=found.price))


@dataclass(frozen=True)
class Try:
    """A world with a price of its target, and its reference flight."""

    world: World
    price: float
    rest: Totals  # of its own days
    all: Totals  # with the days before them

    @property
    def spends(self) -> bool:
        """Whether anything to speak of is spent."""
        return self.rest.spend > LEAST_SPEND * self.world.budget


def meeting(
    world: World, make: MakePolicy, so_far: Totals, target: Target, tries: list[Try]
) -> tuple[Try, bool]:
    """The least price at which `target` is met, and whether any does; else the best of `tries`.

    All that is tried is added to them.
    """

    def met(price: float, aim: Target = target) -> bool:
        priced = _with_target(world, replace(aim, price=price))
        rest = _reference(make, priced)
        tries.append(Try(priced, price, rest, so_far.plus(rest)))
        return tries[-1].all.ratio(target) >= 1.0

    low, high = 0.0, target.price if _FIRST < target.price < _HIGHEST else _FIRST
    if met(0.0):
        return tries[-1], True
    while high <= _HIGHEST and not met(high):
        low, high = high, 4 * high
    if high <= _HIGHEST:
        found = tries[-1]
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            if met(middle):
                high, found = middle, tries[-1]
            else:
                low = middle
            if high - low <= 1e-4 * high:
                break
        if found.spends:
            return found, True
    # The best ratio is its own target at an endless price (Dinkelbach, Management Science, 1967).
    best = nearest_last(tries, target)[-1]
    for _ in range(_TRIES):
        reached = best.all.ratio(target) if best.spends else 0.0
        if reached <= 0:
            break
        met(_HIGHEST, stricter(target, reached))
        if not tries[-1].spends or tries[-1].all.ratio(target) <= reached * (1 + 1e-6):
            break
        best = tries[-1]
    return best, best.spends and best.all.ratio(target) >= 1.0


def nearest_last(tries: Sequence[Try], target: Target) -> list[Try]:
    """Tries by how far they are from a target, the best last; those that spend nothing first."""
    return sorted(tries, key=lambda one: one.all.ratio(target) if one.spends else 0.0)


def stricter(target: Target, factor: float) -> Target:
    """A target that asks for so many times more."""
    return replace(
        target,
        roas=None if target.roas is None else target.roas * factor,
        cpa=None if target.cpa is None else target.cpa / factor,
    )


def _with_target(world: World, target: Target) -> World:
    limits = world.limits or Limits.none(world.catalog.num_line_items)
    return replace(world, limits=replace(limits, target=target))


def _reference(make: MakePolicy, world: World) -> Totals:
    """The policy's totals with every draw at its mean and outcomes at their expectation."""
    policy, market = make(world), Market(world, expected=True)
    market.reset_to_mean()
    spend = value = conversions = 0.0
    while not market.done:
        outcome = market.step(policy.spend(market))
        spend += float(outcome.asked.sum())
        value += float(outcome.conversion_value.sum())
        conversions += float(outcome.conversions.sum())
    return Totals(spend, value, conversions)


def unattainable(world: World, target: Target, reached: Sequence[Totals]) -> str:
    """A sentence with the best that was reached by spending anything."""
    spent = [one for one in reached if one.spend > LEAST_SPEND * world.budget]
    if spent:
        totals = max(spent, key=lambda one: one.ratio(target))
        best = "the best attainable under the other limits is"
    else:  # nothing is good enough: what a first unit returns
        catalog, rates = world.catalog, world.rates
        rate = np.where(world.live, rates.first * rates.second, 0.0) / world.unit_cost
        value = catalog.conversion_value[catalog.promotion]
        totals = Totals(1.0, float((rate * value).max()), float(rate.max()))
        best = "the first money spent on the best line item is expected to bring"
    if target.roas is not None:
        asked, found = f"roas of {target.roas:g}", f"{totals.value / totals.spend:.2f}"
    else:
        asked = f"cpa of {target.cpa:g}"
        each = totals.spend / totals.conversions if totals.conversions > 0 else float("inf")
        found = money_text(each) if np.isfinite(each) else "no conversion at all"
    return f"The target {asked} cannot be met: {best} {found}. Loosen the target or the limits."
