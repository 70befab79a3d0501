"""From a file of limits to a flight's market that keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.feasibility import check_limits
from promopilot.envs.limits import Limits
from promopilot.envs.target import Target
from promopilot.envs.world import World
from promopilot.experiments.limits.file import LimitsFile
from promopilot.experiments.limits.groups import (
    ChosenBound,
    bound_groups,
    chosen_bounds,
    groups,
)
from promopilot.experiments.limits.select import chosen
from promopilot.experiments.limits.target_price import priced
from promopilot.experiments.plan.whole_cents import mix_in_cents

_ENDLESS = float("inf")
_CENT = 0.01


def limited(world: World, limits: LimitsFile, basis: Sequence[str]) -> World:
    """The market under an analyst's limits, which are checked before anything else is done.

    Args:
        world: The flight's market without such limits.
        limits: The file's content.
        basis: `data` or `prior` for each line item `[L]`, as `market/line_items.csv` has it.

    Raises:
        ConfigError: An entry names something that the flight has not.
        InfeasibleError: The limits cannot all hold; names those that contradict each other, or the
            best attainable where it is the target that cannot be met.
    """
    return priced(bounded(world, limits, basis))


def bounded(world: World, limits: LimitsFile, basis: Sequence[str]) -> World:
    """As `limited`, but for the price of a target, which takes the market's own rates to find."""
    world = _with_budget(world, limits)
    world = _with_blackouts(world, limits)
    given = world.max_spend
    bounds = chosen_bounds(world, limits)
    world, least = _with_own_bounds(world, bounds)
    # Limits that refer to what is spent now mean the column `current_budget`, which is in cents.
    world = replace(world, current_spend=mix_in_cents(world) / 100)
    shared = groups(world, limits)
    found = Limits(
        min_spend=least,
        locked=_locked(world, limits),
        explored=_explored(world, basis),
        groups=(*bound_groups(world, bounds, own=False), *shared),
        max_step=_ENDLESS if limits.step.max_change is None else limits.step.max_change,
        exploration=limits.exploration,
        min_change=limits.step.min_change or 0.0,
        target=_target(limits),
    )
    # Checked as they were written, so that a message can name the entry.
    every = (*bound_groups(world, bounds, own=True), *shared)
    written = replace(found, min_spend=np.zeros_like(least), groups=every)
    check_limits(replace(world, max_spend=given, limits=written))
    return replace(world, limits=found if _says_something(found) else None)


def _with_budget(world: World, limits: LimitsFile) -> World:
    budget = limits.budget
    per_day, covers = budget.per_day.max, budget.covers or world.covers
    total = world.budget if budget.total is None else budget.total
    if budget.total is None and covers != world.covers:
        stated = abs(world.budget - _mix_budget(world, world.covers)) >= _CENT
        total = world.budget if stated else _mix_budget(world, covers)
    return replace(
        world,
        budget=total,
        per_day_max=world.per_day_max if per_day is None else per_day,
        covers=covers,
    )


def _mix_budget(world: World, covers: Sequence[str]) -> float:
    """The budget of a config that states none: the current mix's spend, and its discounts.

    A world does not say whether its budget was stated. One that is this to the cent is taken for
    the default, which follows from what a budget covers.
    """
    catalog, mix = world.catalog, world.current_spend
    first, second = world.rates.stages
    orders = mix / world.unit_cost * first.rate * second.rate
    discounts = float((orders * catalog.unit_subsidy[catalog.promotion]).sum())
    return round(float(mix.sum()) + ("subsidy" in covers) * discounts, 2)


def _with_blackouts(world: World, limits: LimitsFile) -> World:
    """Days outside the flight are passed over: a file may serve several flights."""
    live = world.live.copy()
    for at, entry in enumerate(limits.blackout):
        items = chosen(entry, world.catalog, limits.source, f"$.blackout[{at}]")
        days = np.isin(np.array(world.dates), np.array(entry.days))
        live &= ~(days[:, None] & items)
    return replace(world, live=live)


def _with_own_bounds(world: World, bounds: Sequence[ChosenBound]) -> tuple[World, Floats]:
    """The market with bounds of one line item as its own maximum, and such minima `[L]`."""
    least, most = np.zeros(world.catalog.num_line_items), world.max_spend.copy()
    for bound in bounds:
        if bound.own:
            low, high = bound.entry.min, bound.entry.max
            least[bound.items] = np.maximum(least[bound.items], low or 0.0)
            most[bound.items] = np.minimum(most[bound.items], _ENDLESS if high is None else high)
    return replace(world, max_spend=most), least


def _locked(world: World, limits: LimitsFile) -> Bools:
    locked = np.zeros(world.catalog.num_line_items, dtype=bool)
    for at, entry in enumerate(limits.locks):
        locked |= chosen(entry, world.catalog, limits.source, f"$.locks[{at}]")
    return locked


def _target(limits: LimitsFile) -> Target | None:
    asked = limits.targets
    return None if asked.roas is None and asked.cpa is None else Target(asked.roas, asked.cpa)


def _explored(world: World, basis: Sequence[str]) -> Bools:
    """Line items whose response is not learnt yet; all where it is of every one."""
    unknown = np.array([one == "prior" for one in basis])
    live = world.live.any(axis=0)
    return unknown if (unknown & live).any() else np.ones_like(unknown)


def _says_something(limits: Limits) -> bool:
    return bool(
        limits.min_spend.any()
        or limits.locked.any()
        or limits.groups
        or limits.steps
        or limits.exploration > 0
        or limits.min_change > 0
        or limits.target is not None
    )
