"""The analyst's own limits that a plan touches, each with the market that would be without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.limits import Group, Limits, money_text
from promopilot.envs.target import Target
from promopilot.envs.world import World
from promopilot.experiments.limits.loosened import Part, loosened
from promopilot.experiments.scenarios.touched import CENT, NEAR, SLIGHTLY, Limit, by_promotion


def own_limits(world: World, spend: Floats, asked: Target | None) -> Iterator[Limit]:
    """The limits of `limits.yaml` that a plan comes near to.

    Args:
        world: The plan's.
        spend: The plan `[D, L]`.
        asked: The target as the analyst wrote it, where there is one.
    """
    limits = world.limits
    if limits is None:
        return
    yield from _minima(world, limits, spend)
    for name, members in by_promotion(world, limits.locked):
        yield _dropped(world, limits, f"promotion {name} is locked", Part("locked", members))
    for at, group in enumerate(limits.groups):
        yield from _ends(world, limits, at, group, spend)
    if limits.steps:
        step = f"a promotion may change by at most {limits.max_step:.0%} from day to day"
        yield _dropped(world, limits, step, Part("max_step"))
    if limits.exploration > 0:
        share = f"{limits.exploration:.0%} of a day's spend is for exploration"
        yield _dropped(world, limits, share, Part("exploration"))
    if limits.min_change > 0:
        change = f"changes below {limits.min_change:.0%} are dropped"
        yield _dropped(world, limits, change, Part("min_change"))
    if asked is not None:
        yield _dropped(world, limits, _aim(asked), Part("target"))


def _minima(world: World, limits: Limits, spend: Floats) -> Iterator[Limit]:
    """Least spends of line items, by promotion."""
    near = world.live & (spend <= limits.min_spend * (1 + NEAR) + CENT)
    for name, members in by_promotion(world, (limits.min_spend > 0) & near.any(axis=0)):
        total = float(limits.min_spend[members].sum())
        text = f"promotion {name}: its line items at least {money_text(total)} a day in total"
        yield _amount(world, limits, text, Part("min_spend", members), total, "less a day")


def _ends(world: World, limits: Limits, at: int, group: Group, spend: Floats) -> Iterator[Limit]:
    """Minimum, maximum and share of a group, each for itself, where a plan comes near to it."""
    own, all_ = spend[:, group.items].sum(axis=1), spend.sum(axis=1)
    if group.whole_flight:
        own, all_ = own.sum(keepdims=True), all_.sum(keepdims=True)
    least, most = np.asarray(group.min), np.asarray(group.max)
    of = "over the flight" if group.whole_flight else "a day"
    if ((least > 0) & (own <= least * (1 + NEAR) + CENT)).any():
        size, part = float(np.mean(least)), Part("min", group=at)
        yield _amount(world, limits, group.least_text, part, size, f"less {of}")
    ends = np.isfinite(most)
    if (ends & (own >= most * (1 - NEAR) - CENT)).any():
        size, part = float(np.mean(most[ends])), Part("max", group=at)
        yield _amount(world, limits, group.most_text, part, size, f"more {of}")
    if group.max_share < 1 and (own >= group.max_share * all_ * (1 - NEAR) - CENT).any():
        yield _dropped(world, limits, group.share_text, Part("max_share", group=at))


def _amount(world: World, limits: Limits, name: str, part: Part, size: float, unit: str) -> Limit:
    """A limit on an amount of money of that size."""
    free = _dropped(world, limits, name, part)
    if size == 0:  # a share of nothing is nothing
        return free
    looser = replace(world, limits=loosened(limits, part, SLIGHTLY))
    return replace(free, looser=looser, amount=SLIGHTLY * size, unit=unit)


def _dropped(world: World, limits: Limits, name: str, part: Part) -> Limit:
    return Limit(name, replace(world, limits=loosened(limits, part)))


def _aim(target: Target) -> str:
    parts = [] if target.roas is None else [f"a ROAS of at least {target.roas:g}"]
    parts += [] if target.cpa is None else [f"a CPA of at most {money_text(target.cpa)}"]
    return f"the target of {' and '.join(parts)}"
