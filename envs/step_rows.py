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
        rows, high = _of_promotion(world, limits.max_step, members, like)
        text = f"promotion {promotion} may change by at most {limits.max_step:.1%} from day to day"
        kept = np.isfinite(high)
        wide = np.concatenate([rows[kept], np.zeros((kept.sum(), world.days))], axis=1)
        found.append(Named(text, csr_array(wide), high[kept]))
    return found


def _of_promotion(
    world: World, step: float, members: Bools, like: Floats | None
) -> tuple[Floats, Floats]:
    """Rows `[2 x D, D x L]` and their ends, one up and one down a day; an end is inf where free."""
    share = equal_share(world)
    before = float(world.current_mix[0, members].sum())
    most = min(world.budget - world.initial.spent, world.per_day_max)
    rows, high = [], []
    for day in range(world.days):
        row = np.zeros(world.live.shape)
        row[day, members & world.live[day]] = 1.0
        last = np.zeros_like(row)
        if day == 0:
            start, slope, change = before, 0.0, step * max(before, share[0])
        else:
            last[day - 1, members & world.live[day - 1]] = 1.0
            amount = None if like is None else float(like[day - 1, members].sum())
            slope, change = _change(step, min(share[day], most), most, amount)
            start = 0.0
        rows += [(row - (1 + slope) * last).ravel(), ((1 - slope) * last - row).ravel()]
        high += [change + start, change - start]
        if not _may_be_as_much(world, members, day):
            high[-1] = np.inf
    return np.array(rows), np.array(high)


def _change(step: float, share: float, most: float, like: float | None) -> tuple[float, float]:
    """Slope in the day before's spend x, and constant, of the line for  step max(x, share)."""
    if like is not None:
        return (step, 0.0) if like >= share else (0.0, step * share)
    return (step * (1 - share / most) if most > 0 else 0.0), step * share


def _may_be_as_much(world: World, members: Bools, day: int) -> bool:
    """Whether none of a promotion's line items ends on this day: a step down is then its choice."""
    before = world.live[max(day - 1, 0)]
    return bool((world.live[day] | ~before | ~members).all() and (world.live[day] & members).any())
