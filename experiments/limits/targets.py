"""A target on a flight's expected totals: the price of missing it at which a policy just meets it.

What earns too little for the target is worth less by that price (`promopilot.envs.target`), so that
a higher price leaves it out. The price is found by bisection on the reference flight; how far the
test flights' mean lies from that flight is made up for by a stricter target there.
"""

from __future__ import annotations

from collections.abc import Callable
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


def priced(world: World, make: MakePolicy = Replanner) -> World:
    """The world with the least price at which the policy's reference flight meets its target.

    A world without a target stays as it is.

    Args:
        world: With limits.
        make: Makes the policy for a world.

    Raises:
        InfeasibleError: No price does it, or only a flight without spend; names the best there is.
    """
    return _priced(world, make)[0]


def _priced(world: World, make: MakePolicy) -> tuple[World, float]:
    """The world with its target's price, and the price."""
    if world.limits is None or world.limits.target is None:
        return world, 0.0
    target = world.limits.target

    def met(price: float) -> bool:
        return _reference(make, _with_price(world, price)).ratio(target) >= 1.0

    if met(0.0):
        return _with_price(world, 0.0), 0.0
    low, high = 0.0, max(target.price, _FIRST)
    while not met(high):
        low, high = high, 4 * high
        if high > _HIGHEST:
            raise InfeasibleError(_unattainable(make, _with_price(world, _HIGHEST), target))
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if met(middle) else (middle, high)
        if high - low <= 1e-4 * high:
            break
    found = _with_price(world, high)
    if _reference(make, found).spend <= 1e-6 * world.budget:
        raise InfeasibleError(_unattainable(make, found, target))
    return found, high


def aimed(world: World, make: MakePolicy, seed: int, flights: int) -> World:
    """The world with a target and price at which what a policy plans meets the world's own target.

    What is planned is what the test flights bring on average, so the target in it may be stricter.
    A world without a target stays as it is.

    Args:
        world: With limits.
        make: Makes the policy for a world.
        seed: Of the test flights.
        flights: How many of them.

    Raises:
        InfeasibleError: As `priced`.
    """
    if world.limits is None or world.limits.target is None:
        return world
    target, strict = world.limits.target, 1.0
    best, least = world, np.inf  # the price that meets the target by least
    for _ in range(_TRIES):
        tried, price = _priced(_with_target(world, _stricter(target, strict)), make)
        ratio = _planned(make, tried, seed, flights).ratio(target)
        if 1.0 <= ratio < least:
            best, least = tried, ratio
        if least <= 1 + _CLOSE or (price == 0 and ratio >= 1):
            break
        strict *= (1 + 0.5 * _CLOSE) / ratio
    if np.isinf(least):
        raise InfeasibleError(_unattainable(make, tried, target))
    return best


def _planned(make: MakePolicy, world: World, seed: int, flights: int) -> Totals:
    """What the policy's plan is expected to come to on the test flights."""
    table = TablePolicy(reference_table(make(world), world).spend)
    day = roll_out(table, world, seed, np.arange(flights)).by_day
    return Totals(*(float(of.sum()) for of in (day.asked, day.conversion_value, day.conversions)))


def _stricter(target: Target, factor: float) -> Target:
    return replace(
        target,
        roas=None if target.roas is None else target.roas * factor,
        cpa=None if target.cpa is None else target.cpa / factor,
    )


def _with_target(world: World, target: Target) -> World:
    limits = world.limits or Limits.none(world.catalog.num_line_items)
    return replace(world, limits=replace(limits, target=target))


def _with_price(world: World, price: float) -> World:
    limits = world.limits
    target = limits.target if limits is not None else None
    return _with_target(world, replace(target or Target(), price=price))


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


def _unattainable(make: MakePolicy, world: World, target: Target) -> str:
    """A sentence with the best that can be had."""
    totals = _reference(make, world)
    if totals.spend <= 1e-6 * world.budget:  # nothing is good enough: what a first unit returns
        catalog, rates = world.catalog, world.rates
        rate = np.where(world.live, rates.first * rates.second, 0.0) / world.unit_cost
        value = catalog.conversion_value[catalog.promotion]
        totals = Totals(1.0, float((rate * value).max()), float(rate.max()))
        best = "the first money spent on the best line item is expected to bring"
    else:
        best = "the best attainable under the other limits is"
    if target.roas is not None:
        asked, found = f"roas of {target.roas:g}", f"{totals.value / totals.spend:.2f}"
    else:
        asked = f"cpa of {target.cpa:g}"
        each = totals.spend / totals.conversions if totals.conversions > 0 else float("inf")
        found = money_text(each) if np.isfinite(each) else "no conversion at all"
    return f"The target {asked} cannot be met: {best} {found}. Loosen the target or the limits."
