"""A world's limits as linear rows, in cents, for a plan that is being rounded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array, vstack

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.limit_rows import limits_of_flight
from promopilot.envs.limits import Limits
from promopilot.envs.limits_today import equal_share
from promopilot.envs.named_rows import Named
from promopilot.envs.step_rows import may_be_as_much
from promopilot.envs.world import World

_KEPT = 0.01  # cents by which an exact table may be off a limit that it keeps


@dataclass(frozen=True)
class CentRows:
    """Rows of  matrix (x, totals of days) <= high  for the cents x `[D, L]` of one day or more."""

    matrix: csr_array  # [R, D x L + D]
    high: Floats  # [R] cents
    last: Ints  # [R] last day that a row speaks of

    @classmethod
    def named(cls, limits: list[Named], items: int) -> CentRows:
        """Rows of limits in money, of a flight with so many line items."""
        matrix = csr_array(vstack([one.matrix for one in limits]))
        high = np.concatenate([one.high for one in limits]) * 100
        return cls(matrix, high, _last_day(matrix, items))

    def of(self, chosen: Bools) -> CentRows:
        """Some of the rows `[R]`."""
        return CentRows(self.matrix[np.flatnonzero(chosen)], self.high[chosen], self.last[chosen])

    def joined(self, other: CentRows) -> CentRows:
        """These rows and others."""
        return CentRows(
            csr_array(vstack([self.matrix, other.matrix])),
            np.concatenate([self.high, other.high]),
            np.concatenate([self.last, other.last]),
        )

    def used(self, plan: Floats | Ints) -> Floats:
        """[R] what a plan `[D, L]` in cents uses of each."""
        return np.asarray(self.matrix @ np.concatenate([plan.ravel(), plan.sum(axis=1)]))

    def broken(self, plan: Floats | Ints, slight: float) -> bool:
        """Whether a plan `[D, L]` in cents breaks a row by more than `slight` cents."""
        return bool((self.used(plan) > self.high + slight).any())

    def kept_by(self, exact: Floats) -> CentRows:
        """The rows that an exact table `[D, L]` in cents keeps: no cents could keep others."""
        return self.of(self.used(exact) <= self.high + _KEPT)

    def beyond(self, locked: Bools) -> CentRows:
        """The rows that speak of more than locked line items `[D, L]`, whose cents are given."""
        return self.of(abs(self.matrix) @ np.append(~locked.ravel(), np.ones(len(locked))) > 0)

    def today(self, day: int, plan: Floats) -> CentRows:
        """The rows that a day has a part in, what the other days of `plan` use taken off."""
        days, items = plan.shape
        columns = np.append(day * items + np.arange(items), days * items + day)
        own = csr_array(self.matrix[:, columns])
        others = self.used(plan) - own @ np.append(plan[day], plan[day].sum())
        part = np.diff(own.indptr) > 0
        return CentRows(own, self.high - others, self.last - day).of(part)


def _last_day(matrix: csr_array, items: int) -> Ints:
    days = matrix.shape[1] // (items + 1)
    columns = np.append(np.repeat(np.arange(days), items), np.arange(days))
    found = np.zeros(matrix.shape[0], dtype=np.int64)
    entries = matrix.tocoo()
    np.maximum.at(found, entries.row, columns[entries.col])
    return found


def flight_rows(world: World, limits: Limits, like: Floats | None = None) -> CentRows:
    """Every limit of the flight.

    Args:
        world: The plan's market.
        limits: The world's.
        like: A plan `[D, L]` in money whose side of every step is taken; without it steps are
            left out, for `Steps` to keep.
    """
    if like is None:
        limits = replace(limits, max_step=float("inf"))
    return CentRows.named(limits_of_flight(world, limits, like), world.catalog.num_line_items)


@dataclass(frozen=True)
class Steps:
    """The largest daily step of promotions, day by day as the day before turns out in cents.

    Where an exact table takes a promotion further it is left alone: where line items end or locks
    go before it, it may be.
    """

    members: Floats  # [P, L] 1 where a line item is of a promotion
    share: Floats  # [D] cents of a promotion's equal share of the day's budget
    most: float  # largest change, as a share
    rises: Bools  # [D, P] whether a promotion is kept from more
    falls: Bools  # [D, P] and from less

    @classmethod
    def of(cls, world: World, limits: Limits, exact: Floats) -> Steps:
        """The steps that an exact table `[D, L]` in money keeps."""
        catalog = world.catalog
        members = np.eye(catalog.num_promotions)[:, catalog.promotion]
        nothing = np.zeros((world.days, catalog.num_promotions), dtype=bool)
        steps = cls(members, equal_share(world) * 100, limits.max_step, nothing, nothing)
        if not limits.steps:
            return steps
        table = np.concatenate([world.day_before[None], exact]) * 100 @ members.T
        low, high = steps.ends(table[:-1], steps.share[:, None])
        rises, falls = table[1:] <= high + _KEPT, table[1:] >= low - _KEPT
        falls &= [
            [may_be_as_much(world, one > 0, day) for one in members] for day in range(world.days)
        ]
        return cls(members, steps.share, limits.max_step, rises, falls)

    def ends(self, before: Floats, share: Floats) -> tuple[Floats, Floats]:
        """Least and most cents after a day of `before`, beside equal shares."""
        change = self.most * np.maximum(before, share)
        return before - change, before + change

    def on(self, day: int, last: Floats | Ints) -> CentRows:
        """What a day `[1, L]` must keep after the cents `last` `[L]`."""
        rises, falls = self.rises[day], self.falls[day]
        rows = np.concatenate([self.members[rises], -self.members[falls]])
        if not len(rows):
            return CentRows(csr_array((0, len(last) + 1)), np.zeros(0), np.zeros(0, dtype=np.int64))
        low, high = self.ends(self.members @ last, self.share[day])
        matrix = csr_array(np.concatenate([rows, np.zeros((len(rows), 1))], axis=1))
        return CentRows(
            matrix, np.concatenate([high[rises], -low[falls]]), np.zeros(len(rows), dtype=np.int64)
        )
