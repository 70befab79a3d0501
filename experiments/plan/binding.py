"""Which limit keeps each row of a plan from more money, or from less."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.limits import Group, Limits
from promopilot.envs.limits_today import equal_share
from promopilot.envs.world import World
from promopilot.experiments.plan.margins import Margins
from promopilot.experiments.plan.reference import Table

# The budget counts as used up when less than this share is left.
_USED = 1e-4
_CENT = 0.01


class Kind(StrEnum):
    """Kinds of limits, from the least to the most specific: the last one that binds is named."""

    NONE = ""
    TARGET = "target"
    FLIGHT = "flight budget"
    DAY = "day budget"
    ROOM = "room for a share"
    STEP_DOWN = "step down"
    GROUP_LEAST = "minimum of a group"
    EXPLORATION = "exploration"
    LEAST = "own minimum"
    STEP = "step"
    GROUP_MOST = "maximum of a group"
    POOL = "pool supply"
    STOCK = "stock"
    MOST = "own maximum"
    LOCK = "lock"


LEAST_KINDS = (Kind.ROOM, Kind.STEP_DOWN, Kind.GROUP_LEAST, Kind.EXPLORATION, Kind.LEAST)
_NAMES = {Kind.STEP_DOWN: "step"}  # the others that no analyst names are called as their kind


@dataclass(frozen=True)
class Binding:
    """What binds each row."""

    kind: np.ndarray  # [D, L] of `Kind`
    name: np.ndarray  # [D, L] text, as the analyst wrote it; "" where nothing binds


def binding(world: World, table: Table, margins: Margins) -> Binding:
    """The limit that keeps a row from more money where more would pay, or from less.

    None where the next unit of money would not bring back what the objective charges for it and
    neither a minimum nor others' share holds the row up: no limit keeps money from there.
    """
    shape = table.spend.shape
    found = Binding(np.full(shape, Kind.NONE, dtype=object), np.full(shape, "", dtype=object))
    pays = margins.at_planned > margins.charge * (1 + 1e-9)

    def put(kind: Kind, where: Bools, name: str = "") -> None:
        rows = np.broadcast_to(where, shape)
        found.kind[rows] = kind
        found.name[rows] = name or _NAMES.get(kind, kind.value)

    spend, exact = table.spend, table.exact
    by_day = spend.sum(axis=1, keepdims=True)
    left = world.budget - world.initial.spent
    limits = world.limits
    target = None if limits is None else limits.target
    if target is not None and target.price > 0:
        put(Kind.TARGET, pays, "target CPA" if target.roas is None else "target ROAS")
    put(Kind.FLIGHT, pays & (_outlay(world, table) >= left * (1 - _USED)))
    put(Kind.DAY, pays & (by_day >= world.per_day_max * (1 - _USED)))
    if limits is not None:
        up, down = _steps(world, limits, exact)
        funded = exact > 0
        for group in limits.groups:
            put(Kind.ROOM, _makes_room(group, exact, pays) & funded & ~pays, group.name)
        put(Kind.STEP_DOWN, down & funded)
        for group in limits.groups:
            put(Kind.GROUP_LEAST, _at_least(group, exact) & funded, group.name)
        put(Kind.EXPLORATION, _explored(limits, world, exact) & funded)
        put(Kind.LEAST, (limits.min_spend > 0) & (spend <= limits.min_spend + _CENT) & funded)
        put(Kind.STEP, up & pays)
        for group in limits.groups:
            put(Kind.GROUP_MOST, _at_most(group, exact) & pays, group.name)
    put(Kind.POOL, table.pool_full & pays)
    put(Kind.STOCK, table.sold_out & pays)
    put(Kind.MOST, (spend >= world.max_spend - _CENT) & pays)
    if limits is not None:
        put(Kind.LOCK, limits.locked & world.live)
    return found


def _outlay(world: World, table: Table) -> float:
    """Money that the budget pays for, expected subsidy included where it covers that."""
    if "subsidy" not in world.covers:
        return float(table.spend.sum())
    return float(table.spend.sum() + table.subsidy.sum())


def _near(amount: Floats, limit: Floats) -> Bools:
    """Whether an amount is at its limit, to a rounding error of the split."""
    return np.asarray(np.abs(amount - limit) <= 1e-6 * np.abs(limit) + _CENT / 2)


def _sums(group: Group, exact: Floats) -> tuple[Floats, Floats]:
    """What a group spends and what all do, on each day or over the flight, as `[D, 1]`."""
    own, everything = exact[:, group.items].sum(axis=1), exact.sum(axis=1)
    if group.whole_flight:
        own, everything = (np.full_like(own, each.sum()) for each in (own, everything))
    return own[:, None], everything[:, None]


def _ends(group: Group, days: int) -> tuple[Floats, Floats]:
    """A group's minimum and maximum on each day `[D, 1]`."""
    least, most = (np.broadcast_to(end, days)[:, None] for end in (group.min, group.max))
    return np.asarray(least, dtype=np.float64), np.asarray(most, dtype=np.float64)


def _at_most(group: Group, exact: Floats) -> Bools:
    own = _sums(group, exact)[0]
    most = _ends(group, len(exact))[1]
    at = np.isfinite(most) & ((own >= most) | _near(own, np.where(np.isfinite(most), most, 0.0)))
    return np.asarray((at | _at_share(group, exact)) & group.items)


def _at_share(group: Group, exact: Floats) -> Bools:
    """[D, 1] whether a group has its largest share of what is spent."""
    if group.max_share >= 1:
        return np.zeros((len(exact), 1), dtype=bool)
    own, everything = _sums(group, exact)
    return np.asarray((everything > 0) & _near(own, group.max_share * everything))


def _makes_room(group: Group, exact: Floats, pays: Bools) -> Bools:
    """Whether spend `[D, L]` is what lets a group have more, which would pay, at its share."""
    wanted = (pays & group.items).any(axis=1, keepdims=True)
    return np.asarray(_at_share(group, exact) & wanted & ~group.items)


def _at_least(group: Group, exact: Floats) -> Bools:
    own, least = _sums(group, exact)[0], _ends(group, len(exact))[0]
    return np.asarray((least > 0) & ((own <= least) | _near(own, least)) & group.items)


def _explored(limits: Limits, world: World, exact: Floats) -> Bools:
    if limits.exploration == 0:
        return np.zeros(exact.shape, dtype=bool)
    explored = world.live & limits.explored & ~limits.locked
    share = limits.exploration / np.maximum(explored.sum(axis=1, keepdims=True), 1)
    asked = share * exact.sum(axis=1, keepdims=True)
    return np.asarray(explored & ((exact <= asked) | _near(exact, asked)))


def _steps(world: World, limits: Limits, exact: Floats) -> tuple[Bools, Bools]:
    """Whether a row's promotion rose, and fell, as far as a day's step lets it `[D, L]`."""
    catalog = world.catalog
    if not limits.steps:
        never = np.zeros(exact.shape, dtype=bool)
        return never, never
    now = catalog.by_promotion.sum(exact)
    before = np.concatenate([catalog.by_promotion.sum(world.day_before[None]), now[:-1]])
    change = limits.max_step * np.maximum(before, equal_share(world)[:, None])
    up = _near(now, before + change)
    down = (now > 0) & _near(now, before - change)
    return up[:, catalog.promotion], down[:, catalog.promotion]
