"""A world's limits as named linear constraints on the spend of a whole flight.

Variables are the spend of every day and line item, day by day, then each day's total; all are at
least zero. For steps see `promopilot.envs.step_rows`.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

from promopilot.envs.arrays import Floats
from promopilot.envs.least_subsidy import least_subsidy
from promopilot.envs.limits import Limits, money_text
from promopilot.envs.named_rows import Named
from promopilot.envs.step_rows import steps
from promopilot.envs.world import World


def limits_of_days(world: World, limits: Limits) -> list[Named]:
    """Every limit of every day; steps, the flight's budget and its sums aside."""
    found: list[Named] = []
    for day in range(world.days):
        found += _of_day(world, limits, day)
    return found


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


def _of_day(world: World, limits: Limits, day: int) -> list[Named]:
    catalog, live, mix = world.catalog, world.live[day], world.current_mix[day]
    items = catalog.num_line_items
    one, none = np.eye(items), np.zeros(items)
    found: list[Named] = []

    def add(
        text: str,
        rows: Floats,
        total: Floats | float,
        high: Floats | float,
        entry: str = "",
        amount: str = "",
    ) -> None:
        """Rows of  rows x + total T <= high  for the day's spend x and its sum T."""
        count = len(rows)
        parts = np.concatenate([rows, np.broadcast_to(total, count)[:, None]], axis=1)
        at, column = np.nonzero(parts)
        wide = np.append(day * items + np.arange(items), world.days * items + day)
        shape = (count, world.days * (items + 1))
        matrix = csr_array((parts[at, column], (at, wide[column])), shape=shape)
        ends = np.broadcast_to(high, count).astype(float)
        found.append(Named(text, matrix, ends, day, entry, amount))

    if not live.all():
        text = "what does not run on a day, or is blacked out, gets nothing"
        add(text, one[~live], 0.0, 0.0)
    if np.isfinite(world.per_day_max):
        text = f"a day may spend at most {money_text(world.per_day_max)}"
        add(text, none[None], 1.0, world.per_day_max)
    for p, promotion in enumerate(catalog.promotion_ids):
        own = live & (catalog.promotion == p)
        for text, which, sign, amount in (
            ("is locked at what it spends now", limits.locked, 0, mix),
            ("has line items with a maximum of", np.isfinite(world.max_spend), 1, world.max_spend),
            ("has line items with a minimum of", limits.min_spend > 0, -1, limits.min_spend),
        ):
            # The mix that a lock keeps is within maxima; a minimum above it contradicts the lock.
            chosen = own & which & ~limits.locked if sign > 0 else own & which
            if not chosen.any():
                continue
            rows, high = one[chosen], amount[chosen]
            money = money_text(float(high.sum()))
            if sign == 0:
                rows, high = np.concatenate([rows, -rows]), np.concatenate([high, -high])
                add(f"promotion {promotion} {text}", rows, 0.0, high, "locks", money)
            else:
                text = f"promotion {promotion} {text} {money} a day in total"
                add(text, sign * rows, 0.0, sign * high)
    for group in limits.groups:
        members = (group.items & live).astype(float)[None]
        if group.whole_flight or not members.any():
            continue
        least, most = (np.broadcast_to(end, world.days)[day] for end in (group.min, group.max))
        worded = (money_text(float(end)) if any(group.words) else "" for end in (least, most))
        if least > 0:
            add(group.least_text, -members, 0.0, -least, group.entry, next(worded))
        if np.isfinite(most):
            add(group.most_text, members, 0.0, most, group.entry, next(worded))
        if group.max_share < 1:
            add(group.share_text, members, -group.max_share, 0.0, group.entry)
    explored = live & limits.explored & ~limits.locked
    if limits.exploration > 0 and explored.any():
        text = f"{limits.exploration:.1%} of a day's spend is for testing what is not known yet"
        add(text, -one[explored], limits.exploration / explored.sum(), 0.0, "exploration")
    return found


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
