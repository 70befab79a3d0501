"""What a world's limits come to on one day of a flight, and what any plan for it must change.

Minima of the days to come are provided for: a day may use no more money than leaves enough for
them, and for coming down from today's spend by steps. Limits on the flight's sums are kept by the
pace of `promopilot.envs.flight_sums`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.day_limits import DayLimits
from promopilot.envs.flight_sums import FlightSums
from promopilot.envs.grouping import Grouping
from promopilot.envs.limits import Limits
from promopilot.envs.split.nearest import keep_all, least_all
from promopilot.envs.state import expected_reach_share
from promopilot.envs.world import World

_NO_POOLS = Grouping.of(np.zeros(0, dtype=np.int64), 0)
_ROUNDS = 6  # of minima that are shares of what is spent, and of subsidy that spend causes


def equal_share(world: World) -> Floats:
    """[D] a promotion's equal share of the day's budget, among those that may be funded that day.

    The day's budget is `World.even_day`.
    """
    live = world.catalog.by_promotion.sum(world.live.astype(np.float64)) > 0
    return np.asarray(world.even_day / np.maximum(live.sum(axis=1), 1))


class LimitsToday:
    """A world's limits, day by day.

    Args:
        world: With limits.
        limits: The world's.
    """

    def __init__(self, world: World, limits: Limits) -> None:
        self._world, self._limits = world, limits
        catalog = world.catalog
        self._equal_share = equal_share(world)
        mix = world.current_mix
        none = np.zeros((0, catalog.num_line_items), dtype=bool)
        members = np.array([group.items for group in limits.groups]) if limits.groups else none
        steps = np.eye(catalog.num_promotions, dtype=bool)[:, catalog.promotion]
        self._members = np.concatenate([members, steps]) if limits.steps else members
        self._max_share = np.ones(len(self._members))
        self._max_share[: len(members)] = [group.max_share for group in limits.groups]
        free = world.live & ~limits.locked
        self._least = np.where(limits.locked, mix, limits.min_spend) * world.live
        self._most = np.where(limits.locked, mix, world.max_spend)
        self._most = np.where(world.live, self._most, 0.0)
        self._explored = free & limits.explored
        counts = self._explored.sum(axis=1, keepdims=True)
        self._explored_share = limits.exploration * self._explored / np.maximum(counts, 1)
        self._items = members.astype(np.float64)
        self._mix = mix
        self._sums = sums = FlightSums.of(world, limits.groups, self._least, self._most)
        self._whole = np.array([group.whole_flight for group in limits.groups], dtype=bool)
        self._group_max = np.full(sums.room.shape, np.inf)
        self._group_min = sums.a_day()
        for at, group in enumerate(limits.groups):
            if not group.whole_flight:
                # A minimum that no line item of the group can take on a day does not hold then.
                self._group_min[:, at] = np.minimum(group.min, sums.room[:, at])
                self._group_max[:, at] = group.max
        self._shape = DayLimits(
            self._least[0], self._members, np.zeros(0), np.zeros(0), self._max_share
        ).shape(_NO_POOLS, 1.0, 0, 1.0)
        self._later, self._own = self._needed_later()
        self._locked_sum = catalog.by_promotion.sum(mix * limits.locked * world.live)
        self._free = catalog.by_promotion.sum(free.astype(np.float64)) > 0
        self._room = catalog.by_promotion.sum(np.minimum(self._most, 1e300))

    def money(self, day: int, left: Floats) -> Floats:
        """Most money `[N]` for a day so that what is left covers the minima of the days to come.

        With minima F_u still to come, down-steps to (1 - m) of the day before, and own minima of
        f at least a day: x + sum_k (1 - m)^k (x - f) + sum F_u <= left. Where the budget covers
        subsidy that of minima is in F and f, at the rates believed before the flight.
        """
        coming = self._world.days - 1 - day
        kept = 1 - min(self._limits.max_step, 1.0)
        slow = float((kept ** np.arange(1, coming + 1)).sum())
        own = float(self._own[day:].min(axis=0).sum())
        most = (left - self._later[day + 1] + slow * own) / (1 + slow)
        if self._later[day] > 0:  # where the minima are too much every day keeps the same part
            own_part = 1 - self._later[day + 1] / self._later[day]
            most = np.maximum(most, np.minimum(left, self._later[day]) * own_part)
        return np.asarray(np.clip(np.minimum(most, self._world.per_day_max), 0.0, left))

    def spent(self, spend: Floats) -> Floats:
        """What each group has of spend `[N, L]`: `[N, G]`."""
        return np.asarray(spend @ self._items.T)

    def of(self, day: int, last: Floats, so_far: Floats, money: Floats) -> tuple[DayLimits, Floats]:
        """The day's limits and line items' maxima `[N, L]`.

        Args:
            day: Counted from 0.
            last: What promotions spent the day before `[N, P]`.
            so_far: What each group has spent of the flight `[N, G]`.
            money: Of the day `[N]`; `exploration` is a share of it.
        """
        flights = len(money)
        most = np.tile(self._most[day], (flights, 1))
        share = self._explored_share[day]
        least = np.maximum(self._least[day], np.minimum(money[:, None] * share, most))
        low = np.tile(self._group_min[day], (flights, 1))
        high = np.tile(self._group_max[day], (flights, 1))
        if self._whole.any():
            sums, whole = self._sums, self._whole
            may = np.maximum(sums.most[day] - so_far, sums.floor[day])
            must = np.clip(sums.least[day] - so_far, 0.0, np.minimum(sums.room[day], may))
            low[:, whole], high[:, whole] = must[:, whole], may[:, whole]
        if self._limits.steps:
            change = self._limits.max_step * np.maximum(last, self._equal_share[day])
            locked, free = self._locked_sum[day], self._free[day]
            down = np.where(free, np.minimum(np.maximum(last - change, 0.0), self._room[day]), 0.0)
            up = np.where(free, np.maximum(last + change, locked), np.inf)
            low, high = np.concatenate([low, down], axis=1), np.concatenate([high, up], axis=1)
        change, mix = self._limits.min_change, self._mix[day]
        return DayLimits(
            least, self._members, low, high, self._max_share, min_change=change, current=mix
        ), most

    def needed(self, day: int, last: Floats, so_far: Floats) -> Floats:
        """Spend `[N, L]` that just keeps the day's minima; exploration goes with what is spent."""
        limits, most = self.of(day, last, so_far, np.zeros(len(last)))
        plan = np.empty_like(most)
        low, high = limits.group_min, limits.group_max
        least_all(self._shape, limits.min_spend, most, low, high, plan)
        return plan

    def kept(
        self,
        day: int,
        last: Floats,
        so_far: Floats,
        left: Floats,
        asked: Floats,
        outlay: Callable[[Floats], Floats],
    ) -> Floats:
        """The plan nearest to what is asked that keeps the limits; the same where it keeps them.

        Args:
            day: Counted from 0.
            last: What promotions spent the day before `[N, P]`.
            so_far: What each group has spent of the flight `[N, G]`.
            left: Money that may be spent `[N]`.
            asked: Spend `[N, L]`; not a number counts as 0.
            outlay: What the budget pays for spend `[N, L]`: `Market.outlay`.
        """
        allowed = self.money(day, left)
        money = allowed.copy()
        plan: Floats = np.where(asked > 0, asked, 0.0)
        plan = np.minimum(plan, np.minimum(self._most[day], money[:, None]))
        for _ in range(_ROUNDS):
            spent = np.minimum(plan.sum(axis=1), money)
            limits, most = self.of(day, last, so_far, spent)
            before = plan.copy()
            low, high = limits.group_min, limits.group_max
            keep_all(self._shape, limits.min_spend, most, low, high, money, plan)
            if "subsidy" in self._world.covers:
                spent, over = plan.sum(axis=1), outlay(plan) - allowed
                less = np.maximum(spent - over, 0.5 * spent)
                money = np.where(over > 1e-12 * allowed, np.minimum(money, less), money)
            elif self._limits.exploration == 0:
                break
            if (np.abs(plan - before) <= 1e-12 * (1 + before)).all():
                break
        return np.asarray(plan)

    def _needed_later(self) -> tuple[Floats, Floats]:
        """Money `[D + 1]` that the minima of a day and of all after it ask for, steps aside.

        And `[D, L]` money for line items' own minima.
        """
        world = self._world
        catalog = world.catalog
        days, groups = self._group_min.shape
        free = np.zeros((days, len(self._members) - groups))
        low = np.concatenate([self._group_min, free], axis=1)
        high = np.concatenate([self._group_max, free + np.inf], axis=1)
        plan = np.empty(self._least.shape)
        least_all(self._shape, self._least, self._most, low, high, plan)
        own = self._least
        if "subsidy" in world.covers:
            subsidy = (
                catalog.unit_subsidy[catalog.promotion] * world.rates.first * world.rates.second
            )
            reach = expected_reach_share(world) * world.supply[:, catalog.pool] * world.live
            curve = world.dynamics.saturation
            own, plan = (
                spend + subsidy * response.impressions(spend, world.unit_cost, reach, curve)
                for spend in (own, plan)
            )
        needed = plan.sum(axis=1)
        return np.append(np.cumsum(needed[::-1])[::-1], 0.0), own
