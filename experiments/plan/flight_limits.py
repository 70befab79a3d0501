"""A world's limits as linear rows, in cents, for the days of a plan that is being rounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.limit_rows import limits_of_flight
from promopilot.envs.limits import Limits
from promopilot.envs.limits_today import equal_share
from promopilot.envs.world import World


@dataclass(frozen=True)
class DayRows:
    """Rows of  matrix x + total sum(x) <= high  for the cents x `[L]` of one day."""

    matrix: csr_array  # [R, L]
    total: Floats  # [R]
    high: Floats  # [R] cents

    def of(self, chosen: Bools) -> DayRows:
        """Some of the rows `[R]`."""
        return DayRows(self.matrix[np.flatnonzero(chosen)], self.total[chosen], self.high[chosen])

    def joined(self, other: DayRows) -> DayRows:
        """These rows and others."""
        return DayRows(
            csr_array(vstack([self.matrix, other.matrix])),
            np.concatenate([self.total, other.total]),
            np.concatenate([self.high, other.high]),
        )

    def settled_by(self, locked: Bools) -> Bools:
        """[R] whether a row speaks of locked line items `[L]` alone, whose cents are not chosen."""
        free = abs(self.matrix) @ (~locked).astype(np.float64)
        return np.asarray((free == 0) & (self.total == 0))

    def broken(self, cents: Floats, slight: float) -> bool:
        """Whether cents `[L]` break a row by more than `slight` cents."""
        used = self.matrix @ cents.astype(np.float64) + self.total * float(cents.sum())
        return bool((used > self.high + slight).any())


@dataclass(frozen=True)
class FlightRows:
    """Rows of  matrix (x, totals of days) <= high  for the cents x of a flight."""

    matrix: csr_array  # [R, D x L + D]
    high: Floats  # [R] cents

    def of(self, chosen: Bools) -> FlightRows:
        """Some of the rows `[R]`."""
        return FlightRows(self.matrix[np.flatnonzero(chosen)], self.high[chosen])

    def used(self, plan: Floats) -> Floats:
        """[R] what a plan `[D, L]` in cents uses of each."""
        return np.asarray(self.matrix @ np.concatenate([plan.ravel(), plan.sum(axis=1)]))

    def today(self, day: int, plan: Floats) -> DayRows:
        """The rows that a day has a part in, what the other days of `plan` use taken off."""
        days, items = plan.shape
        own = csr_array(self.matrix[:, day * items : (day + 1) * items])
        total = self.matrix[:, [days * items + day]].toarray()[:, 0]
        others = self.used(plan) - own @ plan[day] - total * plan[day].sum()
        part = (np.diff(own.indptr) > 0) | (total != 0)
        return DayRows(own, total, self.high - others).of(part)


def flight_rows(world: World, limits: Limits) -> FlightRows:
    """Every limit that is linear in the flight's spend; steps are `steps_on`."""
    named = limits_of_flight(world, limits)
    high = np.concatenate([one.high for one in named]) * 100
    return FlightRows(csr_array(vstack([one.matrix for one in named])), high)


def steps_on(day: int, last: Floats, wished: Floats, world: World, limits: Limits) -> DayRows:
    """What the largest daily step allows each promotion on a day, given the day before.

    A promotion that `wished`, the exact day, already takes further is left alone: where line items
    end or limits go before it, it may be.

    Args:
        day: Counted from 0.
        last: Cents of the day before `[L]`; on day 0 those of the current mix.
        wished: Exact cents of the day `[L]`.
        world: The plan's market.
        limits: The world's.
    """
    catalog = world.catalog
    members = np.eye(catalog.num_promotions)[:, catalog.promotion]
    if not limits.steps:
        members = members[:0]
    before, now = members @ last, members @ wished
    most = limits.max_step * np.maximum(before, equal_share(world)[day] * 100) if len(before) else 0
    up, down = before + most, before - most
    # The exact day kept its step from the exact day before, which is within cents of `last`.
    near = 0.01 * catalog.num_line_items * 100
    rows = np.concatenate([members[now <= up + near], -members[now >= down - near]])
    high = np.concatenate([up[now <= up + near], -down[now >= down - near]])
    return DayRows(csr_array(rows), np.zeros(len(high)), high)
