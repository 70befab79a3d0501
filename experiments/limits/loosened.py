"""Limits of a market with one part of them loosened or dropped, and those of a flight's rest.

The one place for this: `update` plans the rest of a flight, `scenarios` asks what a limit costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.limits import Group, Limits

_ENDLESS = float("inf")


@dataclass(frozen=True)
class Part:
    """One part of a market's limits."""

    # As the fields of `Limits`; `min`, `max` and `max_share` are ends of one of its groups.
    of: Literal[
        "min_spend",
        "locked",
        "max_step",
        "exploration",
        "min_change",
        "target",
        "min",
        "max",
        "max_share",
    ]
    items: Bools | None = None  # [L] with min_spend and locked: of which line items; all if absent
    group: int = 0  # with min, max and max_share: which of `Limits.groups`


def loosened(limits: Limits, part: Part, by: float = _ENDLESS) -> Limits:
    """Limits with one part loosened by a share of it, or dropped; everything else as it is.

    Args:
        limits: A market's.
        part: What to loosen.
        by: A minimum falls by this share of it, down to nothing, and a maximum rises by it; a share
            or a step likewise. What is no amount (a lock, a target) is dropped whatever is given;
            so is everything without it.
    """
    fewer = max(1.0 - by, 0.0)
    every = np.ones(len(limits.min_spend), dtype=bool)
    items = every if part.items is None else part.items
    match part.of:
        case "min_spend":
            least = np.where(items, limits.min_spend * fewer, limits.min_spend)
            return replace(limits, min_spend=least)
        case "locked":
            return replace(limits, locked=limits.locked & ~items)
        case "max_step":
            return replace(limits, max_step=float(_raised(limits.max_step, by)))
        case "exploration":
            return replace(limits, exploration=limits.exploration * fewer)
        case "min_change":
            return replace(limits, min_change=limits.min_change * fewer)
        case "target":
            return replace(limits, target=None)
    group = limits.groups[part.group]
    match part.of:
        case "min":
            group = replace(group, min=group.min * fewer, words=("", group.words[1]))
        case "max":
            group = replace(group, max=_raised(group.max, by), words=(group.words[0], ""))
        case "max_share":
            group = replace(group, max_share=min(float(_raised(group.max_share, by)), 1.0))
    groups = (*limits.groups[: part.group], group, *limits.groups[part.group + 1 :])
    return replace(limits, groups=groups)


def _raised(most: float | Floats, by: float) -> float | Floats:
    """A maximum raised by a share of it; without end where it is dropped, also one of nothing."""
    return most + by if np.isinf(by) else most * (1.0 + by)


def rest_of_flight(limits: Limits, today: int, spent: Floats) -> Limits:
    """What limits ask of the days that are left; every kind of limit stays in force.

    Amounts a day are those of the days left. Of amounts over the flight what was spent is taken
    off; a share of the flight's spend is kept by the rest as it was by the days before. Locks and
    the smallest change refer to the current mix of the days left, and the first of these days makes
    its step from the `World.day_before` of the market that they are put on.

    Args:
        limits: Of the whole flight.
        today: How many days are over.
        spent: What each group has spent in them `[G]`.
    """

    def ahead(end: float | Floats) -> float | Floats:
        return end[today:] if isinstance(end, np.ndarray) and end.ndim else end

    def left(group: Group, gone: float) -> Group:
        if group.whole_flight:
            low, high = (max(float(end) - gone, 0.0) for end in (group.min, group.max))
            return replace(group, min=low, max=high, words=("", ""))
        return replace(group, min=ahead(group.min), max=ahead(group.max))

    groups = tuple(left(*pair) for pair in zip(limits.groups, spent.tolist(), strict=True))
    return replace(limits, groups=groups)
