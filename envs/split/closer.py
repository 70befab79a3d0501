"""Plans where the problem is not concave: feasible first, then better step by step.

Impressions are concave in money, so a tangent never promises too few: with every pool (and the
subsidy) on its tangents at a plan, what keeps these limits keeps the real ones, and the problem is
concave in money. Its optimum is a better plan, and so on (the convex-concave procedure; Lipp and
Boyd, Optimization and Engineering 17, 2016). The first plan is the one nearest to what the prices
asked for. Where minima cannot all be kept all of them are scaled down by one factor.
"""

import math

import numpy as np

from promopilot.envs.response import HILL, marginal_ratio
from promopilot.envs.split.day import copy
from promopilot.envs.split.inner import inner
from promopilot.envs.split.nearest import nearest
from promopilot.envs.split.prices import settle_prices
from promopilot.envs.split.rows import Rows, dual, price_all, room_for, shown_for

_BETTER = 30  # rounds of the procedure
_FEASIBLE = 8
_SETTLED = 1e-10
_BROKEN = 1e-9
_SLIGHT = 1e-11
_OVERFULL = 1e-7  # so much more than minima need, which the pool cuts off again
_ENOUGH = 1e-12


@inner
def closer(lines, raised, rows, found, scale, first_pool):  # type: ignore[no-untyped-def]
    """Write a feasible plan into `found`; returns a bound that none can pass.

    Args:
        lines: Line items; `least` is scaled down where not all minima can be kept.
        raised: Their worth, next to nothing where it is nothing.
        rows: Limits; `low` is scaled down likewise.
        found: The prices that did not settle.
        scale: Of prices.
        first_pool: The first limit that is a pool's.
    """
    price_all(lines, rows, found)
    bound = dual(lines, rows, found)
    straight, tried = in_money(rows), room_for(len(found.spend), len(rows.low))
    plan = found.spend.copy()
    if not feasible(lines, rows, straight, tried, plan):
        _scale_down(lines, rows, straight, tried, plan, first_pool)
        for j in range(len(rows.low)):
            found.theta[j] = 0.0
        settle_prices(raised, rows, found, scale)
        price_all(lines, rows, found)
        bound = dual(lines, rows, found)
    improve(lines, raised, rows, straight, tried, found, plan, scale)
    return bound


@inner
def in_money(rows):  # type: ignore[no-untyped-def]
    """Limits of the same shape, to be put on their tangents."""
    return Rows(
        *(rows.starts, rows.row, rows.money.copy(), np.zeros_like(rows.shown), rows.row_starts),
        *(rows.item, rows.entry, rows.low.copy(), rows.high.copy(), rows.size),
    )


@inner
def improve(lines, raised, rows, straight, tried, found, plan, scale):  # type: ignore[no-untyped-def]
    """Make a feasible plan better until it stands still, and write it with its prices."""
    value = worth_of(lines, plan)
    copy(found.theta, tried.theta)
    for _ in range(_BETTER):
        _straighten(lines, rows, straight, plan)
        left = settle_prices(raised, straight, tried, scale)
        better = worth_of(lines, tried.spend)
        if left > _SETTLED or better < value:
            break
        if _excess(lines, rows, tried.spend) > _BROKEN:  # of an S-shaped one no tangent is safe
            break
        copy(tried.spend, plan)
        copy(tried.theta, found.theta)
        gained, value = better - value, better
        if gained <= _ENOUGH * abs(value):
            break
    _straighten(lines, rows, straight, plan)
    copy(found.theta, tried.theta)
    price_all(raised, straight, tried)
    for i in range(len(plan)):
        found.spend[i] = plan[i]
        found.shown[i] = _shown(lines, i, plan[i])
        found.net[i], found.price[i] = tried.net[i], tried.price[i]


@inner
def _shown(lines, i, spend):  # type: ignore[no-untyped-def]
    cost, reach = lines.cost[i], lines.reach[i]
    return min(shown_for(spend, cost, reach, lines.family, lines.slope), lines.most_shown[i])


@inner
def worth_of(lines, plan):  # type: ignore[no-untyped-def]
    """What the objective makes of a plan."""
    value = 0.0
    for i in range(len(plan)):
        value += lines.worth[i] * _shown(lines, i, plan[i]) - lines.price * plan[i]
    return value


@inner
def _straighten(lines, rows, straight, plan):  # type: ignore[no-untyped-def]
    """Put every limit on its tangent at a plan, in money alone."""
    copy(rows.low, straight.low)
    copy(rows.high, straight.high)
    for i in range(len(plan)):
        cost, reach = lines.cost[i], lines.reach[i]
        at, slope = plan[i], 0.0
        if reach > 0:
            if lines.family == HILL:  # at zero its slope has no end, or is none
                at = max(at, 1e-12 * cost * reach)
            y = shown_for(at, cost, reach, lines.family, lines.slope)
            slope = 1 / (cost * marginal_ratio(y / reach, lines.family, lines.slope))
            rest = y - slope * at
        for e in range(rows.starts[i], rows.starts[i + 1]):
            straight.money[e] = rows.money[e] + rows.shown[e] * slope
            if rows.shown[e] != 0 and reach > 0:
                straight.high[rows.row[e]] -= rows.shown[e] * rest
                straight.low[rows.row[e]] -= rows.shown[e] * rest


@inner
def _excess(lines, rows, plan):  # type: ignore[no-untyped-def]
    """The largest violation of a limit by a plan, relative to the limit's size."""
    used = np.zeros(len(rows.low))
    for i in range(len(plan)):
        y = _shown(lines, i, plan[i])
        for e in range(rows.starts[i], rows.starts[i + 1]):
            used[rows.row[e]] += rows.money[e] * plan[i] + rows.shown[e] * y
    most = 0.0
    for j in range(len(used)):
        over = max(used[j] - rows.high[j], rows.low[j] - used[j])
        most = max(most, over / rows.size[j])
    return most


@inner
def feasible(lines, rows, straight, tried, plan):  # type: ignore[no-untyped-def]
    """Move a plan to the nearest one that keeps the limits; whether one was found."""
    for _ in range(_FEASIBLE):
        _straighten(lines, rows, straight, plan)
        if not nearest(straight, lines.least, lines.most, tried, plan):
            return False
        if _excess(lines, rows, plan) <= _SLIGHT:
            return True
    return False


@inner
def _scale_down(lines, rows, straight, tried, plan, first_pool):  # type: ignore[no-untyped-def]
    """Scale all minima by one factor so that a plan exists, and write that plan.

    Minima go before supply: a pool that they alone fill beyond its supply counts as larger.
    """
    least, low = lines.least.copy(), rows.low.copy()
    part = _affordable(lines, rows, straight, tried, plan)
    used = np.zeros(len(low))
    for i in range(len(plan)):
        plan[i] *= part
        for e in range(rows.starts[i], rows.starts[i + 1]):
            used[rows.row[e]] += rows.shown[e] * _shown(lines, i, plan[i])
    for j in range(first_pool, len(low)):
        rows.high[j] = max(rows.high[j], used[j] * (1 + _OVERFULL))
    for _ in range(_FEASIBLE):
        for i in range(len(least)):
            lines.least[i] = part * least[i]
            lines.least_shown[i] = _shown(lines, i, lines.least[i])
        for j in range(len(low)):
            rows.low[j] = part * low[j] if low[j] > 0 else low[j]
        if feasible(lines, rows, straight, tried, plan):
            return
        part *= 0.7
        for i in range(len(plan)):
            plan[i] *= 0.7
    for i in range(len(least)):
        lines.least[i] = lines.least_shown[i] = plan[i] = 0.0
    for j in range(len(low)):
        rows.low[j] = -math.inf


@inner
def _affordable(lines, rows, straight, tried, plan):  # type: ignore[no-untyped-def]
    """The part of all minima that the budget pays for; writes the plan that just keeps them."""
    for j in range(len(rows.low)):
        straight.low[j], straight.high[j] = rows.low[j], rows.high[j]
    for e in range(len(rows.row)):
        straight.money[e] = rows.money[e]
    straight.high[0], straight.low[0] = math.inf, -math.inf
    copy(lines.least, plan)
    nearest(straight, lines.least, lines.most, tried, plan)
    needed = 0.0
    for i in range(len(plan)):
        needed += plan[i]
        for e in range(rows.starts[i], rows.starts[i + 1]):
            if rows.row[e] == 0:
                needed += rows.shown[e] * _shown(lines, i, plan[i])
    return min(1.0, rows.high[0] / needed * (1 - 1e-12)) if needed > 0 else 1.0
