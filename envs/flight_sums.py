"""The pace at which limits on the flight's sum of a group are kept: so much by the end of each day.

A minimum is spread over days by the size of the group's market, within what a day has room for; a
maximum gives each day its own minima and the rest by the same sizes. What a day leaves of a
maximum, or spends beyond a minimum, the days after it have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.limits import Group
from promopilot.envs.world import World

_ROUNDS = 50  # of handing on what a day has no room for


@dataclass(frozen=True)
class FlightSums:
    """What a group must, and may, have spent by the end of each day."""

    least: Floats  # [D, G] money; 0 where the group's limits are of days
    most: Floats  # [D, G] money; inf where the group's limits are of days
    room: Floats  # [D, G] most that a day can take
    floor: Floats  # [D, G] least that a day's own minima and locks take

    @classmethod
    def of(cls, world: World, groups: Sequence[Group], least: Floats, most: Floats) -> FlightSums:
        """The pace of each group's limits on the flight.

        Args:
            world: The flight's market.
            groups: G groups; those with limits of days have no pace.
            least: Line items' own minima and locks `[D, L]`.
            most: Line items' own maxima `[D, L]`.
        """
        cost = world.supply[:, world.catalog.pool] * world.unit_cost * world.live
        shape = (world.days, len(groups))
        sums = cls(np.zeros(shape), np.full(shape, np.inf), np.zeros(shape), np.zeros(shape))
        for at, group in enumerate(groups):
            room = np.minimum(_sum(np.minimum(most, 1e300), group.items), world.per_day_max)
            floor, size = _sum(least, group.items), _sum(cost, group.items)
            sums.room[:, at], sums.floor[:, at] = room, floor
            if not group.whole_flight:
                continue
            share = size / size.sum() if size.sum() > 0 else np.zeros_like(size)
            spread = _spread(float(np.max(group.min)), share, room)
            beyond = max(float(np.max(group.max)) - floor.sum(), 0.0)
            sums.least[:, at] = np.cumsum(spread)
            if np.isfinite(beyond):
                sums.most[:, at] = np.cumsum(np.maximum(floor + beyond * share, 0.0))
        return sums

    def a_day(self) -> Floats:
        """[D, G] the minimum's part of each day, where every day keeps the pace exactly."""
        return np.diff(self.least, axis=0, prepend=0.0)


def _sum(values: Floats, items: Bools) -> Floats:
    return np.asarray(values[:, items].sum(axis=1))


def _spread(amount: float, share: Floats, room: Floats) -> Floats:
    """`amount` over days `[D]` by their shares, none beyond its room; less where all is full."""
    given = np.zeros_like(share)
    for _ in range(_ROUNDS):
        free = share * (given < room)
        left = amount - given.sum()
        if left <= 1e-12 * amount or free.sum() <= 0:
            break
        given = np.minimum(given + left * free / free.sum(), room)
    return given
