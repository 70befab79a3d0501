"""The plan nearest to a wish that keeps limits on money, and the least that limits ask for.

A projection onto a polyhedron by its dual: the same prices of limits as in the split, with
sum (x - wish)^2 / (2 wish) in place of what impressions earn, so that a change is shared in
proportion.
"""

import math

import numpy as np
from numba import njit

from promopilot.envs.split.day import copy
from promopilot.envs.split.inner import inner
from promopilot.envs.split.prices import settle_prices
from promopilot.envs.split.rows import NEAREST, Lines, Rows, room_for

_SETTLED = 1e-10
_KEPT = 1e-11  # of the money: so much is no violation
_PARTS = 6


@inner
def nearest(rows, least, most, tried, plan):  # type: ignore[no-untyped-def]
    """Move a plan, in proportion, to the nearest within limits on money; whether there is one."""
    total, count = 1e-3 * rows.size[0], len(plan)  # where nothing is wished all move alike
    for i in range(count):
        plan[i] = min(max(plan[i], 0.0), most[i])
        total += plan[i] + least[i]
    work = np.empty((2, count))
    for i in range(count):
        work[0, i] = plan[i]
        work[1, i] = _ease(plan[i], total, count)
    wish = Lines(
        *(work[0], work[1], work[0], least, most, work[0], work[0]),
        *(0.0, NEAREST, 1.0),
    )
    for j in range(len(tried.theta)):
        tried.theta[j] = 0.0
    left = settle_prices(wish, rows, tried, 1.0)
    copy(tried.spend, plan)
    return left <= _SETTLED


@njit(cache=True, error_model="numpy")
def keep_all(problem, least, most, low, high, money, plans):  # type: ignore[no-untyped-def]
    """Move each flight's plan `[N, L]` to the nearest one that keeps its limits.

    A plan that keeps them stays as it is. Maxima, shares and money go before minima: where all
    cannot hold, minima are scaled down by one factor: to what the money covers where that is all
    that is wrong, else by halves.

    Args:
        problem: `promopilot.envs.split.shapes.Shape` without pools.
        least: Money `[N, L]`.
        most: Money `[N, L]`.
        low: Of groups `[N, G]`; 0 where there is none.
        high: Of groups `[N, G]`.
        money: Most of the day `[N]`.
        plans: `[N, L]`, finite, at least 0; overwritten.
    """
    items, limits = plans.shape[1], len(problem.row_starts) - 1
    rows, work = _rows(problem, limits), np.empty((2, items))
    tried = room_for(items, limits)
    for n in range(len(plans)):
        floor, top, plan = work[0], work[1], plans[n]
        _bounds(least[n], most[n], low[n], high[n], money[n], rows, floor, top)
        if _kept(rows, floor, top, money[n], plan):
            continue
        wish = plan.copy()
        rows.high[0] = math.inf
        copy(floor, plan)
        part = 0.5
        if nearest(rows, floor, top, tried, plan):
            needed = plan.sum()
            if needed > money[n]:
                for i in range(items):
                    plan[i] *= money[n] / needed * (1 - 1e-15)
                continue
            part = 1.0
        rows.high[0] = money[n]
        for _ in range(_PARTS):
            _scale(rows, floor, part)
            copy(wish, plan)
            if nearest(rows, floor, top, tried, plan):
                break
            part = 0.5
        else:
            _scale(rows, floor, 0.0)
            nearest(rows, floor, top, tried, plan)
            for i in range(items):
                plan[i] = max(plan[i], 0.0)


@njit(cache=True, error_model="numpy")
def least_all(problem, least, most, low, high, plans):  # type: ignore[no-untyped-def]
    """Write the plan `[N, L]` that just keeps each flight's minima; see `keep_all`."""
    items, limits = least.shape[1], len(problem.row_starts) - 1
    rows, work = _rows(problem, limits), np.empty((2, items))
    tried = room_for(items, limits)
    for n in range(len(plans)):
        floor, top = work[0], work[1]
        _bounds(least[n], most[n], low[n], high[n], math.inf, rows, floor, top)
        if not _filled(rows, floor, top, plans[n]):
            copy(floor, plans[n])
            nearest(rows, floor, top, tried, plans[n])


@inner
def _ease(wish, total, count):  # type: ignore[no-untyped-def]
    """How easily a line item moves: in proportion to its wish, and a little where it has none."""
    return max(wish, 1e-3 * total / count) + 1e-300


@inner
def _filled(rows, floor, top, plan):  # type: ignore[no-untyped-def]
    """Write the plan nearest to the line items' minima where no search is needed; whether so.

    Minima of groups that share no line item are filled one by one. Where that keeps all other
    limits too, nothing nearer does.
    """
    total = 1e-3 * rows.size[0]
    for i in range(len(plan)):
        asking = 0
        for e in range(rows.starts[i], rows.starts[i + 1]):
            if rows.low[rows.row[e]] > -math.inf:
                asking += 1
        if asking > 1:
            return False
        plan[i] = floor[i]
        total += 2 * floor[i]
    for j in range(len(rows.low)):
        if rows.low[j] > -math.inf:
            _fill(rows, j, floor, top, plan, total)
    return _kept(rows, floor, top, rows.size[0], plan)


@inner
def _fill(rows, j, floor, top, plan, total):  # type: ignore[no-untyped-def]
    """Raise a group's line items alike, each up to its maximum, until they have its minimum."""
    first, last, pushed = rows.row_starts[j], rows.row_starts[j + 1], 0.0
    for _ in range(last - first):  # each time all are reached, or one more is at its maximum
        lacks, ease = rows.low[j], 0.0
        for at in range(first, last):
            i = rows.item[at]
            lacks -= plan[i]
            if plan[i] < top[i]:
                ease += _ease(floor[i], total, len(plan))
        if lacks <= 0 or ease == 0:
            return
        pushed += lacks / ease
        for at in range(first, last):
            i = rows.item[at]
            plan[i] = min(floor[i] + pushed * _ease(floor[i], total, len(plan)), top[i])


@inner
def _rows(problem, limits):  # type: ignore[no-untyped-def]
    """The rows of a problem, with room for their ends."""
    ends = np.empty((3, limits))
    return Rows(
        *(problem.starts, problem.row, problem.money, problem.shown, problem.row_starts),
        *(problem.item, problem.entry, ends[0], ends[1], ends[2]),
    )


@inner
def _bounds(least, most, low, high, money, rows, floor, top):  # type: ignore[no-untyped-def]
    """One flight's limits as rows: the day's money, groups, shares."""
    groups, total = len(low), 0.0
    for i in range(len(floor)):
        floor[i], top[i] = least[i], min(most[i], max(money, least[i]))
        total += floor[i]
    size = money if money < math.inf else total
    rows.low[0], rows.high[0] = -math.inf, money
    for g in range(groups):
        rows.low[1 + g] = low[g] if low[g] > 0 else -math.inf
        rows.high[1 + g] = max(high[g], low[g])
        size = max(size, low[g])
    for j in range(1 + groups, len(rows.low)):
        rows.low[j], rows.high[j] = -math.inf, 0.0
    for i in range(len(floor)):  # where money is endless no maximum need be
        top[i] = min(top[i], 1e6 * (size + 1))
    for j in range(len(rows.low)):
        rows.size[j] = size + 1e-300


@inner
def _kept(rows, floor, top, money, plan):  # type: ignore[no-untyped-def]
    slight = _KEPT * money
    used = np.zeros(len(rows.low))
    for i in range(len(plan)):
        if not floor[i] - slight <= plan[i] <= top[i] + slight:
            return False
        for e in range(rows.starts[i], rows.starts[i + 1]):
            used[rows.row[e]] += rows.money[e] * plan[i]
    for j in range(len(used)):
        if not rows.low[j] - slight <= used[j] <= rows.high[j] + slight:
            return False
    return True


@inner
def _scale(rows, floor, part):  # type: ignore[no-untyped-def]
    for i in range(len(floor)):
        floor[i] *= part
    for j in range(len(rows.low)):
        if rows.low[j] > 0:
            rows.low[j] = part * rows.low[j] if part > 0 else -math.inf
