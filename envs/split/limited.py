"""The day's split under limits for a batch of flights.

Where the prices of `promopilot.envs.split.prices` settle, their plan is the optimum and its gap to
the bound a rounding error: so it is where the problem is concave in impressions (no minimum) or in
money (no pool that binds, no subsidy). Elsewhere: `promopilot.envs.split.closer`.
"""

import math

import numpy as np
from numba import njit

from promopilot.envs.response import FULL, marginal_ratio, ratio_paid, share_bought
from promopilot.envs.split.closer import closer
from promopilot.envs.split.day import copy
from promopilot.envs.split.inner import inner
from promopilot.envs.split.prices import settle_prices
from promopilot.envs.split.rows import Lines, Rows, dual, price_all, room_for

# What line items that are worth nothing count as, so that a minimum which only they can fill is
# shared by them as by others: this part of the best worth per money, and less than money unspent.
_NEXT_TO_NOTHING = 1e-6
SETTLED = 1e-10


@njit(cache=True, error_model="numpy")
def split_limited(problem, given, out):  # type: ignore[no-untyped-def]
    """Solve flight by flight, line items with convex cost.

    Args:
        problem: `promopilot.envs.split.shapes.Shape`, the same for all flights.
        given: `promopilot.envs.split.shapes.Given`, with one row or N each.
        out: `promopilot.envs.split.shapes.Out`, written.
    """
    lines, raised, rows, found = workspace(problem)
    for n in range(len(given.budget)):
        scale = prepare(n, problem, given, lines, raised, rows, found)
        if settle_prices(raised, rows, found, scale) <= SETTLED:
            bound = bound_at(lines, rows, found)
        else:
            first_pool = len(rows.low) - given.supply.shape[1]
            bound = closer(lines, raised, rows, found, scale, first_pool)
        write(n, problem, given, lines, found, bound, out)


@inner
def workspace(problem):  # type: ignore[no-untyped-def]
    """Line items twice, the second with worth next to nothing for nothing; limits; a solution."""
    items, limits = len(problem.starts) - 1, len(problem.row_starts) - 1
    work, ends = np.empty((8, items)), np.empty((3, limits))
    lines = Lines(
        *(work[0], work[1], work[2], work[3], work[4], work[5], work[6]),
        *(problem.price, problem.family, problem.slope),
    )
    raised = Lines(
        *(work[7], work[1], work[2], work[3], work[4], work[5], work[6]),
        *(problem.price, problem.family, problem.slope),
    )
    rows = Rows(
        *(problem.starts, problem.row, problem.money.copy(), problem.shown.copy()),
        *(problem.row_starts, problem.item, problem.entry, ends[0], ends[1], ends[2]),
    )
    return lines, raised, rows, room_for(items, limits)


@inner
def prepare(n, problem, given, lines, raised, rows, found):  # type: ignore[no-untyped-def]
    """Fill in one flight, every price at zero; returns the size of a price."""
    _fill_rows(n, problem, given, rows)
    scale = max(_fill_lines(n, given, lines), lines.price)
    _raise_worthless(lines, raised, scale if _pushes(rows) else 0.0)
    for j in range(len(rows.low)):
        found.theta[j] = 0.0
    return scale


@inner
def _fill_rows(n, problem, given, rows):  # type: ignore[no-untyped-def]
    """The flight's limits: budget, groups, shares, pools, in this order."""
    groups, pools = given.group_max.shape[1], given.supply.shape[1]
    shares = len(rows.low) - 1 - groups - pools
    for e in range(len(problem.row)):
        rows.money[e], rows.shown[e] = problem.money[e], problem.shown[e]
    for e in range(problem.row_starts[0], problem.row_starts[1]):
        i = problem.item[e]
        rows.shown[problem.entry[e]] = given.subsidy[n % len(given.subsidy), i]
    budget = given.budget[n]
    rows.low[0], rows.high[0], rows.size[0] = -math.inf, budget, budget
    if problem.spend_all:
        rows.low[0] = budget
    for g in range(groups):
        low = given.group_min[n % len(given.group_min), g]
        high = given.group_max[n % len(given.group_max), g]
        rows.low[1 + g] = low if low > 0 else -math.inf
        rows.high[1 + g] = max(high, low)
        rows.size[1 + g] = min(max(high, low), budget)
    for j in range(1 + groups, 1 + groups + shares):
        rows.low[j], rows.high[j], rows.size[j] = -math.inf, 0.0, budget
    for q in range(pools):
        supply = given.supply[n % len(given.supply), q]
        j = 1 + groups + shares + q
        rows.low[j], rows.high[j], rows.size[j] = -math.inf, supply, supply
    for j in range(len(rows.size)):
        rows.size[j] = max(rows.size[j], 1e-9 * budget, 1e-300)


@inner
def _fill_lines(n, given, lines):  # type: ignore[no-untyped-def]
    """The flight's line items; returns the best worth per unit of money."""
    best = 0.0
    family, slope = lines.family, lines.slope
    for i in range(len(lines.worth)):
        worth, cost = given.worth[n % len(given.worth), i], given.cost[n % len(given.cost), i]
        reach = given.reach[n % len(given.reach), i]
        least = given.least[n % len(given.least), i]
        most = min(given.most[n % len(given.most), i], max(given.budget[n], least))
        lines.worth[i], lines.cost[i], lines.reach[i] = worth, cost, max(reach, 0.0)
        if reach > 0:
            scale = cost * reach
            share = min(share_bought(most / scale, family, slope), FULL)
            top = given.most_shown[n % len(given.most_shown), i] / reach
            low = min(share_bought(least / scale, family, slope), FULL)
            # A promised minimum goes before what stock is expected to serve.
            top = max(min(top, share), low)
            if top < share or share == FULL:
                most = min(most, scale * ratio_paid(top, family, slope))
            lines.least_shown[i], lines.most_shown[i] = reach * low, reach * top
            best = max(best, worth / cost)
        else:
            lines.least_shown[i] = lines.most_shown[i] = 0.0
            most = least
        lines.least[i], lines.most[i] = least, max(most, least)
    return best


@inner
def _pushes(rows):  # type: ignore[no-untyped-def]
    """Whether some limit can make money flow where it earns nothing."""
    for j in range(len(rows.low)):
        if rows.low[j] > -math.inf:
            return True
    return rows.money.min() < 0


@inner
def _raise_worthless(lines, raised, scale):  # type: ignore[no-untyped-def]
    slight = min(_NEXT_TO_NOTHING * scale, lines.price / 2)
    for i in range(len(lines.worth)):
        raised.worth[i] = max(lines.worth[i], slight * lines.cost[i])


@inner
def bound_at(lines, rows, found):  # type: ignore[no-untyped-def]
    """The dual's value at the prices found; line items that are worth nothing as they are."""
    if lines.worth.min() > 0:
        return dual(lines, rows, found)
    spend, shown = found.spend.copy(), found.shown.copy()
    price_all(lines, rows, found)
    bound = dual(lines, rows, found)
    copy(spend, found.spend)
    copy(shown, found.shown)
    return bound


@inner
def _cut_pools(n, problem, given, found):  # type: ignore[no-untyped-def]
    """Where minima alone overfill a pool it delivers its supply, each line item's by one factor."""
    first = len(problem.row_starts) - 1 - given.supply.shape[1]
    for j in range(first, len(problem.row_starts) - 1):
        total, supply = 0.0, given.supply[n % len(given.supply), j - first]
        for at in range(problem.row_starts[j], problem.row_starts[j + 1]):
            total += found.shown[problem.item[at]]
        if total > supply:
            for at in range(problem.row_starts[j], problem.row_starts[j + 1]):
                found.shown[problem.item[at]] *= supply / total


@inner
def write(n, problem, given, lines, found, bound, out):  # type: ignore[no-untyped-def]
    """Write a flight's plan, its prices and its gap to the bound."""
    groups, pools = out.group_price.shape[1], out.pool_price.shape[1]
    value = 0.0
    _cut_pools(n, problem, given, found)
    for i in range(len(lines.worth)):
        x, y = found.spend[i], found.shown[i]
        out.spend[n, i], out.shown[n, i] = x, y
        value += lines.worth[i] * y - lines.price * x
        if x >= lines.most[i] or 0 < x <= lines.least[i]:
            brings, reach = 0.0, lines.reach[i]
            if reach > 0:
                ratio = marginal_ratio(y / reach, lines.family, lines.slope)
                brings = found.net[i] / (lines.cost[i] * ratio)
            out.item_price[n, i] = brings - found.price[i]
    out.budget_price[n] = found.theta[0]
    for g in range(groups):
        out.group_price[n, g] = found.theta[1 + g]
    for at in range(len(problem.shared)):
        out.share_price[n, problem.shared[at]] = found.theta[1 + groups + at]
    for q in range(pools):
        out.pool_price[n, q] = found.theta[len(found.theta) - pools + q]
    out.gap[n] = max(bound - value, 0.0)
