"""A world's limits as named linear constraints on the spend of a whole flight.

Variables are the spend of every day and line item, day by day, then each day's total; all are at
least zero. For steps see `promopilot.envs.step_rows`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.least_subsidy import least_subsidy
from promopilot.envs.limits import Limits, money_text
from promopilot.envs.named_rows import Named
from promopilot.envs.step_rows import steps
from promopilot.envs.world import World


def limits_of_days(world: World, limits: Limits) -> list[Named]:
    """Every limit of every day; steps, the flight's budget and its sums aside."""
    return [one for day in range(world.days) for one in _of_day(world, limits, day)]


def limits_of_flight(world: World, limits: Limits, like: Floats | None = None) -> list[Named]:
    """Every limit of the flight, each over all of its days, with its budget and steps.

    Args:
        world: The flight's market.
        limits: The world's.
        like: A plan `[D, L]` whose side of every step is taken (`step_rows`); none where absent.
    """
    by_text: dict[tuple[str, str], list[Named]] = {}
    for one in limits_of_days(world, limits):
        by_text.setdefault((one.entry, one.text), []).append(one)
    whole = [
        Named(
            text,
            csr_array(vstack([part.matrix for part in parts])),
            np.concatenate([part.high for part in parts]),
            entry=entry,
        )
        for (entry, text), parts in by_text.items()
    ]
    return [
        *whole,
        *_sums(world, limits),
        budget_of_flight(world, limits),
        *steps(world, limits, like),
    ]


def budget_of_flight(world: World, limits: Limits) -> Named:
    """What is left of the flight's budget; where it covers subsidy, the least that spend causes."""
    left = max(world.budget - world.initial.spent, 0.0)
    subsidy = least_subsidy(world, limits)
    row = np.concatenate([subsidy.reshape(1, -1), np.ones((1, world.days))], axis=1)
    text = f"the budget leaves {money_text(left)} for the flight"
    if subsidy.any():
        text += ", discounts included"
    return Named(text, csr_array(row), np.array([left]))


def totals(world: World) -> csr_array:
    """Rows that are zero where each day's total is the sum of its spend `[D, D x L + D]`."""
    sums = kron(eye_array(world.days), np.ones((1, world.catalog.num_line_items)))
    return csr_array(hstack([sums, -eye_array(world.days)]))


@dataclass(frozen=True)
class _Day:
    """A day of a flight."""

    world: World
    day: int

    @property
    def live(self) -> Bools:
        """[L] what may be funded."""
        return np.asarray(self.world.live[self.day])

    def limit(
        self,
        text: str,
        rows: csr_array,
        total: float,
        high: Floats | float,
        entry: str = "",
        amount: str = "",
    ) -> Named:
        """Rows of  rows x + total T <= high  for the day's spend x and its sum T."""
        days, items = self.world.live.shape
        count, parts = rows.shape[0], rows.tocoo()
        at = np.append(parts.row, np.arange(count))
        column = np.append(self.day * items + parts.col, np.full(count, days * items + self.day))
        values = np.append(parts.data, np.full(count, total))
        matrix = csr_array((values, (at, column)), shape=(count, days * (items + 1)))
        matrix.eliminate_zeros()
        ends = np.broadcast_to(high, count).astype(float)
        return Named(text, matrix, ends, self.day, entry, amount)


def _each(which: Bools) -> csr_array:
    """A row for each of some line items `[L]`."""
    items = np.flatnonzero(which)
    entries = (np.ones(len(items)), (np.arange(len(items)), items))
    return csr_array(entries, shape=(len(items), len(which)))


def _of_day(world: World, limits: Limits, day: int) -> Iterator[Named]:
    today, nothing = _Day(world, day), csr_array((1, world.catalog.num_line_items))
    live = today.live
    if not live.all():
        text = "what does not run on a day, or is blacked out, gets nothing"
        yield today.limit(text, _each(~live), 0.0, 0.0)
    if np.isfinite(world.per_day_max):
        text = f"a day may spend at most {money_text(world.per_day_max)}"
        yield today.limit(text, nothing, 1.0, world.per_day_max)
    yield from _of_line_items(today, limits)
    yield from _of_groups(today, limits)
    explored = live & limits.explored & ~limits.locked
    if limits.exploration > 0 and explored.any():
        text = f"{limits.exploration:.1%} of a day's spend is for testing what is not known yet"
        share = limits.exploration / explored.sum()
        yield today.limit(text, -_each(explored), share, 0.0, "exploration")


def _of_line_items(today: _Day, limits: Limits) -> Iterator[Named]:
    """Locks, maxima and minima of line items, by promotion."""
    world, mix = today.world, today.world.current_mix[today.day]
    for p, promotion in enumerate(world.catalog.promotion_ids):
        own = today.live & (world.catalog.promotion == p)
        locked = own & limits.locked
        if locked.any():
            rows, now = _each(locked), mix[locked]
            yield today.limit(
                f"promotion {promotion} is locked at what it spends now",
                csr_array(vstack([rows, -rows])),
                0.0,
                np.concatenate([now, -now]),
                "locks",
                money_text(float(now.sum())),
            )
        # The mix that a lock keeps is within maxima; a minimum above it contradicts the lock.
        most = own & np.isfinite(world.max_spend) & ~limits.locked
        least = own & (limits.min_spend > 0)
        for which, amounts, sign, end in (
            (most, world.max_spend, 1, "maximum"),
            (least, limits.min_spend, -1, "minimum"),
        ):
            if which.any():
                money = f"{money_text(float(amounts[which].sum()))} a day in total"
                text = f"promotion {promotion} has line items with a {end} of {money}"
                yield today.limit(text, sign * _each(which), 0.0, sign * amounts[which])


def _of_groups(today: _Day, limits: Limits) -> Iterator[Named]:
    """What groups of line items may spend on the day."""
    for group in limits.groups:
        members = csr_array((group.items & today.live).astype(float)[None])
        if group.whole_flight or not members.nnz:
            continue
        ends = (np.broadcast_to(end, today.world.days) for end in (group.min, group.max))
        least, most = (float(end[today.day]) for end in ends)
        low, high = (money_text(end) if any(group.words) else "" for end in (least, most))
        if least > 0:
            yield today.limit(group.least_text, -members, 0.0, -least, group.entry, low)
        if np.isfinite(most):
            yield today.limit(group.most_text, members, 0.0, most, group.entry, high)
        if group.max_share < 1:
            yield today.limit(group.share_text, members, -group.max_share, 0.0, group.entry)


def _sums(world: World, limits: Limits) -> list[Named]:
    """Limits on the flight's sum of a group."""
    found = []
    for group in limits.groups:
        members = (group.items & world.live).astype(float).reshape(1, -1)
        if not group.whole_flight or not members.any():
            continue
        for text, sign, total, high in (
            (group.least_text, -1.0, 0.0, -float(np.max(group.min))),
            (group.most_text, 1.0, 0.0, float(np.max(group.max))),
            (group.share_text, 1.0, -group.max_share, 0.0 if group.max_share < 1 else np.inf),
        ):
            if np.isfinite(high) and (sign > 0 or high < 0):
                row = np.concatenate([sign * members, np.full((1, world.days), total)], axis=1)
                found.append(Named(text, csr_array(row), np.array([high]), entry=group.entry))
    return found
