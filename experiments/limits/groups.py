"""Bounds and groups of a file of limits as groups of a flight's line items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from promopilot.envs.arrays import Bools
from promopilot.envs.limits import Group
from promopilot.envs.world import World
from promopilot.experiments.limits.file import Bound, GroupLimit, LimitsFile
from promopilot.experiments.limits.select import chosen, name_of

_ENDLESS = float("inf")


@dataclass(frozen=True)
class ChosenBound:
    """A bound and what it means in a flight."""

    entry: Bound
    items: Bools  # [L]
    place: str  # "bounds[2]"

    @property
    def own(self) -> bool:
        """Whether it is one line item's own, of each day."""
        return int(self.items.sum()) == 1 and self.entry.per == "day"


def chosen_bounds(world: World, limits: LimitsFile) -> list[ChosenBound]:
    """Every bound with the line items that it means.

    Raises:
        ConfigError: One names something that the flight has not.
    """
    return [
        ChosenBound(
            entry, chosen(entry, world.catalog, limits.source, f"$.bounds[{at}]"), f"bounds[{at}]"
        )
        for at, entry in enumerate(limits.bounds)
    ]


def bound_groups(world: World, bounds: Sequence[ChosenBound], own: bool) -> list[Group]:
    """Bounds as groups; `own` ones of single line items too, or as far as they are not its own."""
    found = []
    for bound in bounds:
        group = _group(bound.entry, bound.items, bound.place)
        if not own and bound.own:
            group = replace(group, min=0.0, max=_ENDLESS)
        found += [group] if _binds(group) else []
        if bound.entry.relative is not None:
            found.append(_relative(world, bound, bound.entry.relative))
    return found


def groups(world: World, limits: LimitsFile) -> list[Group]:
    """The file's own groups.

    Raises:
        ConfigError: One names something that the flight has not.
    """
    return [
        _group(
            entry, chosen(entry, world.catalog, limits.source, f"$.groups[{at}]"), f"groups[{at}]"
        )
        for at, entry in enumerate(limits.groups)
    ]


def _relative(world: World, bound: ChosenBound, ends: tuple[float, ...]) -> Group:
    """Limits as multiples of what is spent now, day by day or in all."""
    whole = bound.entry.per == "flight"
    now = world.current_mix[:, bound.items].sum(axis=1)
    low, high = (end * now for end in ends)
    words = (f"{end:g} times what it spends now{' in all' if whole else ''}" for end in ends)
    return Group(
        name=name_of(bound.entry),
        items=bound.items,
        min=float(low.sum()) if whole else low,
        max=float(high.sum()) if whole else high,
        whole_flight=whole,
        words=(next(words), next(words)),
        entry=bound.place,
    )


def _group(entry: Bound | GroupLimit, items: Bools, place: str) -> Group:
    return Group(
        name=name_of(entry),
        items=items,
        min=entry.min or 0.0,
        max=_ENDLESS if entry.max is None else entry.max,
        max_share=1.0 if entry.max_share is None else entry.max_share,
        whole_flight=entry.per == "flight",
        entry=place,
    )


def _binds(group: Group) -> bool:
    return bool(group.max_share < 1 or np.max(group.min) > 0 or np.min(group.max) < _ENDLESS)
