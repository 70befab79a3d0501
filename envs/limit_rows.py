"""A world's limits as named linear constraints on the spend of a whole flight.

Variables are the spend of every day and line item, day by day, then each day's total; all are at
least zero. A step compares with the larger of two amounts, which is no
linear limit: it is loosened to the line that lies above that maximum between nothing and all the
money that could be spent, so that no plan that keeps the steps is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.limits import Limits
from promopilot.envs.limits_today import equal_share
from promopilot.envs.world import World


@dataclass(frozen=True)
class Named:
    """Rows of  matrix x <= high  that stand for one limit in an analyst's words."""

    text: str  # completes "these limits cannot all hold: ..."
    matrix: csr_array  # [rows, D x L + D]
    high: Floats  # [rows]
    day: int | None = None  # where it is of one day alone


def limits_of_days(world: World, limits: Limits) -> list[Named]:
    """Every limit of every day, steps and the flight's budget aside."""
    found: list[Named] = []
    for day in range(world.days):
        found += _of_day(world, limits, day)
    return found


def limits_of_flight(world: World, limits: Limits) -> list[Named]:
    """Every limit of the flight, each over all of its days, with its budget and steps."""
    by_text: dict[str, list[Named]] = {}
    for one in limits_of_days(world, limits):
        by_text.setdefault(one.text, []).append(one)
    whole = [
        Named(
            text,
            csr_array(vstack([part.matrix for part in parts])),
            np.concatenate([part.high for part in parts]),
        )
        for text, parts in by_text.items()
    ]
    return [*whole, budget_of_flight(world), *_steps(world, limits)]


def budget_of_flight(world: World) -> Named:
    """What is left of the flight's budget; subsidy aside, which it may cover too."""
    left = max(world.budget - world.initial.spent, 0.0)
    spend, totals = np.zeros((1, world.days * world.catalog.num_line_items)), np.ones(world.days)
    row = np.concatenate([spend, totals[None]], axis=1)
    return Named(
        f"the budget leaves {_money(left)} for the flight", csr_array(row), np.array([left])
    )


def totals(world: World) -> csr_array:
    """Rows that are zero where each day's total is the sum of its spend `[D, D x L + D]`."""
    sums = kron(eye_array(world.days), np.ones((1, world.catalog.num_line_items)))
    return csr_array(hstack([sums, -eye_array(world.days)]))


def _of_day(world: World, limits: Limits, day: int) -> list[Named]:
    catalog, live, mix = world.catalog, world.live[day], world.current_mix[day]
    items = catalog.num_line_items
    one, none = np.eye(items), np.zeros(items)
    found: list[Named] = []

    def add(text: str, rows: Floats, total: Floats | float, high: Floats | float) -> None:
        """Rows of  rows x + total T <= high  for the day's spend x and its sum T."""
        count = len(rows)
        parts = np.concatenate([rows, np.broadcast_to(total, count)[:, None]], axis=1)
        at, column = np.nonzero(parts)
        wide = np.append(day * items + np.arange(items), world.days * items + day)
        shape = (count, world.days * (items + 1))
        matrix = csr_array((parts[at, column], (at, wide[column])), shape=shape)
        found.append(Named(text, matrix, np.broadcast_to(high, count).astype(float), day))

    if not live.all():
        text = "line items get nothing on days on which they may not be funded"
        add(text, one[~live], 0.0, 0.0)
    if np.isfinite(world.per_day_max):
        text = f"a day may spend at most {_money(world.per_day_max)}"
        add(text, none[None], 1.0, world.per_day_max)
    for p, promotion in enumerate(catalog.promotion_ids):
        own = live & (catalog.promotion == p)
        for text, which, sign, amount in (
            ("is locked at what it spends now", limits.locked, 0, mix),
            ("has line items with a maximum of", np.isfinite(world.max_spend), 1, world.max_spend),
            ("has line items with a minimum of", limits.min_spend > 0, -1, limits.min_spend),
        ):
            chosen = own & which & (limits.locked if sign == 0 else ~limits.locked)
            if not chosen.any():
                continue
            rows, high = one[chosen], amount[chosen]
            if sign == 0:
                rows, high = np.concatenate([rows, -rows]), np.concatenate([high, -high])
            else:
                rows, high = sign * rows, sign * high
                text = f"{text} {_money(float(amount[chosen].sum()))} a day in total"
            add(f"promotion {promotion} {text}", rows, 0.0, high)
    for group in limits.groups:
        members = (group.items & live).astype(float)[None]
        if not members.any():
            continue
        if group.min > 0:
            text = f"{group.name} needs at least {_money(group.min)} a day"
            add(text, -members, 0.0, -group.min)
        if np.isfinite(group.max):
            text = f"{group.name} may spend at most {_money(group.max)} a day"
            add(text, members, 0.0, group.max)
        if group.max_share < 1:
            text = f"{group.name} may have at most {group.max_share:.1%} of a day's spend"
            add(text, members, -group.max_share, 0.0)
    explored = live & limits.explored & ~limits.locked
    if limits.exploration > 0 and explored.any():
        text = f"{limits.exploration:.1%} of a day's spend is for exploration"
        add(text, -one[explored], limits.exploration / explored.sum(), 0.0)
    return found


def _steps(world: World, limits: Limits) -> list[Named]:
    """One per promotion; none where a part of it is locked."""
    if not limits.steps:
        return []
    catalog = world.catalog
    items, step = catalog.num_line_items, limits.max_step
    share = equal_share(world)
    before = catalog.by_promotion.sum(world.current_mix[0])
    most = min(world.budget - world.initial.spent, world.per_day_max)
    found = []
    for p in range(catalog.num_promotions):
        members = catalog.promotion == p
        if (members & limits.locked).any():
            continue
        rows, high = [], []
        for day in range(world.days):
            row = np.zeros((world.days, items))
            row[day, members & world.live[day]] = 1.0
            if day == 0:
                change = step * max(before[p], share[0])
                rows += [row.ravel(), -row.ravel()]
                high += [before[p] + change, change - before[p]]
            else:
                # max(x, e) <= e + (1 - e / most) x  where x is at most `most`
                e = min(share[day], most)
                slope = step * (1 - e / most) if most > 0 else 0.0
                last = np.zeros_like(row)
                last[day - 1, members & world.live[day - 1]] = 1.0
                rows += [(row - (1 + slope) * last).ravel(), ((1 - slope) * last - row).ravel()]
                high += [step * e, step * e]
            if not _may_be_as_much(world, members, day):
                high[-1] = np.inf
        text = (
            f"promotion {catalog.promotion_ids[p]} may change by at most {step:.1%} from day to day"
        )
        kept = np.isfinite(high)
        wide = np.concatenate([np.array(rows)[kept], np.zeros((kept.sum(), world.days))], axis=1)
        found.append(Named(text, csr_array(wide), np.array(high)[kept]))
    return found


def _may_be_as_much(world: World, members: Bools, day: int) -> bool:
    """Whether none of a promotion's line items ends on this day: a step down is then its choice."""
    before = world.live[max(day - 1, 0)]
    return bool((world.live[day] | ~before | ~members).all() and (world.live[day] & members).any())


def _money(amount: float) -> str:
    return f"{amount:,.2f}".removesuffix(".00")
