"""Steps from day to day as linear constraints on the spend of a whole flight.

A step compares with the larger of two amounts, which is no linear limit. It is loosened to the line
that lies above that maximum between nothing and all the money that could be spent, so that no plan
that keeps the steps is lost; or, beside a given plan, tightened to that of the two amounts which is
the larger there, so that every plan that keeps the line keeps the step.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.limits import Limits
from promopilot.envs.limits_today import equal_share
from promopilot.envs.named_rows import Named
from promopilot.envs.world import World


def steps(world: World, limits: Limits, like: Floats | None = None) -> list[Named]:
    """One limit per promotion; none where a part of it is locked.

    Args:
        world: The flight's market.
        limits: The world's.
        like: A plan `[D, L]` beside which steps are tightened; loosened where absent.
    """
    if not limits.steps:
        return []
    catalog = world.catalog
    found = []
    for p, promotion in enumerate(catalog.promotion_ids):
        members = catalog.promotion == p
        if (members & limits.locked).any():
            continue
        matrix, high = _of_promotion(world, limits.max_step, members, like)
        text = f"promotion {promotion} may change by at most {limits.max_step:.1%} from day to day"
        kept = np.flatnonzero(np.isfinite(high))
        found.append(Named(text, csr_array(matrix[kept]), high[kept], entry="step"))
    return found


def _of_promotion(
    world: World, step: float, members: Bools, like: Floats | None
) -> tuple[csr_array, Floats]:
    """Rows `[2 x D, D x L + D]` and their ends, one up and one down a day; inf where free."""
    share = equal_share(world)
    before = float(world.day_before[members].sum())
    most = min(world.budget - world.initial.spent, world.per_day_max)
    days, items = world.live.shape
    live = [day * items + np.flatnonzero(members & world.live[day]) for day in range(days)]
    columns, values, sizes, high = [], [], [], list[float]()
    for day in range(days):
        now, last = live[day], live[day - 1] if day else live[0][:0]
        if day == 0:
            start, slope, change = before, 0.0, step * max(before, share[0])
        else:
            amount = None if like is None else float(like[day - 1, members].sum())
            slope, change = _change(step, min(share[day], most), most, amount)
            start = 0.0
        columns += [now, last, last, now]
        for factor, of in ((1.0, now), (-1 - slope, last), (1 - slope, last), (-1.0, now)):
            values.append(np.full(len(of), factor))
        sizes += [len(now) + len(last)] * 2
        high += [change + start, change - start]
        if not may_be_as_much(world, members, day):
            high[-1] = np.inf
    starts = np.concatenate([[0], np.cumsum(sizes)])
    entries = (np.concatenate(values), np.concatenate(columns), starts)
    return csr_array(entries, shape=(2 * days, days * (items + 1))), np.array(high)


def _change(step: float, share: float, most: float, like: float | None) -> tuple[float, float]:
    """Slope in the day before's spend x, and constant, of the line for  step max(x, share)."""
    if like is not None:
        return (step, 0.0) if like >= share else (0.0, step * share)
    return (step * (1 - share / most) if most > 0 else 0.0), step * share


def may_be_as_much(world: World, members: Bools, day: int) -> bool:
    """Whether none of a promotion's line items ends on this day: a step down is then its choice."""
    before = world.live[max(day - 1, 0)]
    return bool((world.live[day] | ~before | ~members).all() and (world.live[day] & members).any())
