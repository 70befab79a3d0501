"""Every limit of a world by name, with the world that it would be without it or with less of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.limits import Group, Limits
from promopilot.envs.limits import money_text as _amount
from promopilot.envs.target import Target
from promopilot.envs.world import World

_SLIGHTLY = 0.02  # share by which a limit is loosened to see what 1.00 of it is worth
# A limit with more room than this share of it, and than a cent, is left aside: it does not bind.
_NEAR, _CENT = 0.02, 0.01
_FREE = 64.0  # times the budget: no budget at all


@dataclass(frozen=True)
class Limit:
    """One limit."""

    name: str  # as an analyst would say it
    without: World | None  # None where nothing else would end the plan
    looser: World | None = None  # by `amount`; None for limits that are no amounts of money
    amount: float = 0.0  # money by which `looser` is looser
    unit: str = ""  # of what 1.00 is: "more over the flight", "less a day"


def loosened(world: World, spend: Floats) -> Iterator[Limit]:
    """The limits that a plan touches; those with room to spare are left out.

    Args:
        world: With its limits.
        spend: The plan `[D, L]`.
    """
    yield from _money(world, spend)
    yield from _line_items(world, spend)
    if world.limits is not None:
        yield from _own(world, world.limits, spend)


def _money(world: World, spend: Floats) -> Iterator[Limit]:
    if spend.sum() >= (world.budget - world.initial.spent) * (1 - _NEAR):
        more = _SLIGHTLY * world.budget
        # An objective that does not charge for media would spend without end.
        ends = world.catalog.worth(world.objective)[1] > 0
        yield Limit(
            f"the budget of {_amount(world.budget)} for the flight",
            world.with_budget(_FREE * world.budget) if ends else None,
            *(world.with_budget(world.budget + more), more, "more over the flight"),
        )
    if (spend.sum(axis=1) >= world.per_day_max * (1 - _NEAR) - _CENT).any():
        more = _SLIGHTLY * world.per_day_max
        yield Limit(
            f"a day: at most {_amount(world.per_day_max)}",
            replace(world, per_day_max=np.inf),
            *(replace(world, per_day_max=world.per_day_max + more), more, "more a day"),
        )


def _line_items(world: World, spend: Floats) -> Iterator[Limit]:
    """Maxima of line items: one limit where they are all the same, else by promotion."""
    bounded = np.isfinite(world.max_spend)
    touched = bounded & (spend >= world.max_spend * (1 - _NEAR) - _CENT).any(axis=0)
    if not touched.any():
        return
    first = float(world.max_spend[bounded][0])
    if bounded.all() and (world.max_spend == first).all():
        yield Limit(
            f"any one promotion, placement and segment: at most {_amount(first)} a day",
            _max_spend(world, bounded, np.inf),
            *(_max_spend(world, bounded, 1 + _SLIGHTLY), _SLIGHTLY * first, "more a day for each"),
        )
        return
    for name, members in _by_promotion(world, touched):
        own = members & bounded
        total = float(world.max_spend[own].sum())
        yield Limit(
            f"promotion {name}: its line items at most {_amount(total)} a day in total",
            _max_spend(world, own, np.inf),
            *(_max_spend(world, own, 1 + _SLIGHTLY), _SLIGHTLY * total, "more a day"),
        )


def _own(world: World, limits: Limits, spend: Floats) -> Iterator[Limit]:
    for name, members in _by_promotion(world, limits.min_spend > 0):
        free = np.where(members, 0.0, limits.min_spend)
        least = np.where(members, (1 - _SLIGHTLY) * limits.min_spend, limits.min_spend)
        total = float(limits.min_spend[members].sum())
        yield Limit(
            f"promotion {name}: its line items at least {_amount(total)} a day in total",
            _with(world, replace(limits, min_spend=free)),
            *(_with(world, replace(limits, min_spend=least)), _SLIGHTLY * total, "less a day"),
        )
    for name, members in _by_promotion(world, limits.locked):
        yield Limit(
            f"promotion {name} is locked",
            _with(world, replace(limits, locked=limits.locked & ~members)),
        )
    for at, group in enumerate(limits.groups):
        yield from _group(world, limits, at, _touched(group, spend))
    if limits.steps:
        yield Limit(
            f"a promotion may change by at most {limits.max_step:.0%} from day to day",
            _with(world, replace(limits, max_step=np.inf)),
        )
    if limits.exploration > 0:
        yield Limit(
            f"{limits.exploration:.0%} of a day's spend is for exploration",
            _with(world, replace(limits, exploration=0.0)),
        )
    if limits.min_change > 0:
        yield Limit(
            f"changes below {limits.min_change:.0%} are dropped",
            _with(world, replace(limits, min_change=0.0)),
        )
    if limits.target is not None:
        yield Limit(_aim(limits.target), _with(world, replace(limits, target=None)))


def _group(world: World, limits: Limits, at: int, touched: tuple[bool, ...]) -> Iterator[Limit]:
    """The bounds of a group that a plan touches: minimum, maximum and share, each for itself."""
    group, (low, high, share) = limits.groups[at], touched

    def changed(other: Group) -> World:
        groups = (*limits.groups[:at], other, *limits.groups[at + 1 :])
        return _with(world, replace(limits, groups=groups))

    of = "over the flight" if group.whole_flight else "a day"
    if low:
        less = _SLIGHTLY * float(np.mean(group.min))
        looser = changed(replace(group, min=group.min * (1 - _SLIGHTLY)))
        free = changed(replace(group, min=0.0))
        yield Limit(group.least_text, free, looser, less, f"less {of}")
    if high:
        most = np.where(np.isfinite(group.max), group.max, np.nan)
        more = _SLIGHTLY * float(np.nanmean(most))
        free = changed(replace(group, max=np.inf))
        if more > 0:
            looser = changed(replace(group, max=group.max * (1 + _SLIGHTLY)))
            yield Limit(group.most_text, free, looser, more, f"more {of}")
        else:
            yield Limit(group.most_text, free)
    if share:
        yield Limit(group.share_text, changed(replace(group, max_share=1.0)))


def _touched(group: Group, spend: Floats) -> tuple[bool, bool, bool]:
    """Whether a group's spend comes near its minimum, its maximum and its share."""
    own, all_ = spend[:, group.items].sum(axis=1), spend.sum(axis=1)
    if group.whole_flight:
        own, all_ = own.sum(keepdims=True), all_.sum(keepdims=True)
    least, most = np.asarray(group.min), np.asarray(group.max)
    low = (least > 0) & (own <= least * (1 + _NEAR) + _CENT)
    high = np.isfinite(most) & (own >= most * (1 - _NEAR) - _CENT)
    share = (group.max_share < 1) & (own >= group.max_share * all_ * (1 - _NEAR) - _CENT)
    return bool(np.any(low)), bool(np.any(high)), bool(np.any(share))


def _aim(target: Target) -> str:
    parts = [] if target.roas is None else [f"a ROAS of at least {target.roas:g}"]
    parts += [] if target.cpa is None else [f"a CPA of at most {_amount(target.cpa)}"]
    return f"the target of {' and '.join(parts)}"


def _by_promotion(world: World, items: Bools) -> Iterator[tuple[str, Bools]]:
    """Line items `[L]` of each promotion that has some of `items`."""
    catalog = world.catalog
    for at in np.unique(catalog.promotion[items]):
        yield catalog.promotion_ids[at], np.asarray(catalog.promotion == at) & items


def _max_spend(world: World, items: Bools, factor: float) -> World:
    return replace(world, max_spend=np.where(items, world.max_spend * factor, world.max_spend))


def _with(world: World, limits: Limits) -> World:
    return replace(world, limits=limits)
