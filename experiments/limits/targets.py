"""A target on a flight's expected totals: the price of missing it at which a policy just meets it.

What earns too little for the target is worth less by that price (`promopilot.envs.target`), so that
a higher price leaves it out. The price is found by bisection on the reference flight; how far the
test flights' mean lies from that flight is made up for by a stricter target there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.limits import Limits, money_text
from promopilot.envs.market import Market
from promopilot.envs.target import Target
from promopilot.envs.world import World
from promopilot.experiments.plan.reference import TablePolicy, reference_table

_FIRST, _HIGHEST = 0.25, 2.0**20  # prices tried, in units of the objective per unit of money
_BISECTIONS = 14
_TRIES = 6  # of a stricter target
_CLOSE = 1e-3  # of the target: so much better is close enough
_NOTHING = 1e-6  # of the budget: spend of no more is none

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
    tries = list[_Try]()
    found, met = _met(world, make, NOTHING, target, tries)
    if not met:
        forced = all(one.spends for one in tries)
        raise InfeasibleError(_unattainable(world, target, [found.all] if forced else []))
    return _with_target(world, replace(target, price=found.price))


@dataclass(frozen=True)
class _Try:
    """A world with a price of its target, and its reference flight."""

    world: World
    price: float
    rest: Totals  # of its own days
    all: Totals  # with the days before them

    @property
    def spends(self) -> bool:
        """Whether anything to speak of is spent."""
        return self.rest.spend > _NOTHING * self.world.budget


def _met(
    world: World, make: MakePolicy, so_far: Totals, target: Target, tries: list[_Try]
) -> tuple[_Try, bool]:
    """The least price at which `target` is met, and whether any does; else the best of `tries`.

    All that is tried is added to them.
    """

    def met(price: float, aim: Target = target) -> bool:
        priced = _with_target(world, replace(aim, price=price))
        rest = _reference(make, priced)
        tries.append(_Try(priced, price, rest, so_far.plus(rest)))
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
    best = _nearest(tries, target)[-1]
    for _ in range(_TRIES):
        reached = best.all.ratio(target) if best.spends else 0.0
        if reached <= 0:
            break
        met(_HIGHEST, _stricter(target, reached))
        if not tries[-1].spends or tries[-1].all.ratio(target) <= reached * (1 + 1e-6):
            break
        best = tries[-1]
    return best, best.spends and best.all.ratio(target) >= 1.0


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
    tries = list[_Try]()
    low, high = 0.0, np.inf  # strictness that is too little, and that is too much or out of reach
    for _ in range(_TRIES):
        tried, met = _met(world, make, so_far, _stricter(target, strict), tries)
        plan = _planned(make, tried.world, seed, flights)
        reached.append(so_far.plus(plan))
        spends = plan.spend > _NOTHING * world.budget or (met and tried.price == 0)
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
    others = {f"{one.rest.spend:.3g}": one for one in _nearest(tries, target)}
    for one in list(others.values())[-2 * _TRIES :] if np.isinf(least) else []:
        plan = _planned(make, one.world, seed, flights)
        reached.append(so_far.plus(plan))
        if plan.spend > _NOTHING * world.budget and 1.0 <= reached[-1].ratio(target) < least:
            best, least = one.world, reached[-1].ratio(target)
    if np.isinf(least):
        raise InfeasibleError(_unattainable(world, target, reached))
    return best


def _nearest(tries: Sequence[_Try], target: Target) -> list[_Try]:
    """Tries by how far they are from a target, the best last; those that spend nothing first."""
    return sorted(tries, key=lambda one: one.all.ratio(target) if one.spends else 0.0)


def _planned(make: MakePolicy, world: World, seed: int, flights: int) -> Totals:
    """What the policy's plan is expected to come to on the test flights."""
    table = TablePolicy(reference_table(make(world), world).spend)
    day = roll_out(table, world, seed, np.arange(flights)).by_day
    # What is planned, also where a flight's discounts leave no money for all of it.
    spend = float(table.table.sum())
    return Totals(spend, float(day.conversion_value.sum()), float(day.conversions.sum()))


def _stricter(target: Target, factor: float) -> Target:
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


def _unattainable(world: World, target: Target, reached: Sequence[Totals]) -> str:
    """A sentence with the best that was reached by spending anything."""
    spent = [one for one in reached if one.spend > _NOTHING * world.budget]
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
