"""A batch of flights: who may buy something today, the solution, and what it costs."""

import numpy as np
from numba import njit

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.response import FULL, HILL, ratio_paid, share_bought
from promopilot.envs.split.curve import envelope
from promopilot.envs.split.day import Day
from promopilot.envs.split.money import solve
from promopilot.envs.split.whole import solve_whole


@njit(cache=True, error_model="numpy")
def split_flights(
    order: Ints,
    ends: Ints,
    least: float,
    family: int,
    slope: float,
    worth: Floats,
    cost: Floats,
    reach: Floats,
    max_spend: Floats,
    max_impressions: Floats,
    subsidy: Floats,
    supply: Floats,
    budget: Floats,
    spend: Floats,
    impressions: Floats,
    budget_price: Floats,
    pool_price: Floats,
) -> None:
    """Solve flight by flight and write `[N, L]` spend and impressions, `[N]` and `[N, Q]` prices.

    The inputs are those of `Allocator.split`, each with one row or N (row n % 1 is row 0); line
    items of pool q are `order[ends[q] : ends[q + 1]]`.
    """
    index, live_ends = np.empty_like(order), np.zeros_like(ends)
    work = np.empty((9, len(order)))
    s_shaped = family == HILL and slope > 1
    # What the first impression costs at least, in units of c: z'(0) or the envelope's slope.
    first = envelope(1.0, family, slope)[0] if s_shaped else 0.0 if family == HILL else 1.0
    for n in range(len(budget)):
        live = 0
        for q in range(len(ends) - 1):
            for i in order[ends[q] : ends[q + 1]]:
                gain, unit = worth[n % len(worth), i], cost[n % len(cost), i]
                most = reach[n % len(reach), i]
                if not gain > least * unit * first or not most > 0:
                    continue
                ratio = max_spend[n % len(max_spend), i] / (unit * most)
                share = min(share_bought(ratio, family, slope), FULL)
                limit = min(most * share, max_impressions[n % len(max_impressions), i])
                if not limit > 0:
                    continue
                index[live] = i
                work[0, live], work[1, live], work[2, live] = gain, unit, most
                work[3, live], work[4, live] = subsidy[n % len(subsidy), i], limit
                work[5, live], work[6, live] = first, 0.0
                live += 1
            live_ends[q + 1] = live
        w, c, r, s = work[0, :live], work[1, :live], work[2, :live], work[3, :live]
        top, start, jump = work[4, :live], work[5, :live], work[6, :live]
        day = Day(
            w, c, r, s, top, start, jump, live_ends, budget[n], least, family, slope, s_shaped
        )
        y, spare = work[7, :live], work[8, :live]
        today = supply[n % len(supply)]
        if s_shaped:
            budget_price[n] = solve_whole(day, today, y, spare, pool_price[n])
        else:
            budget_price[n] = solve(day, today, y, spare, pool_price[n])
        left, total = budget[n], 0.0
        for at in range(live):
            x = c[at] * r[at] * ratio_paid(y[at] / r[at], family, slope)
            spend[n, index[at]] = min(x, max_spend[n % len(max_spend), index[at]])
            impressions[n, index[at]] = y[at]
            total += spend[n, index[at]]
            left -= s[at] * y[at]
        # Near full reach the cost of the last bit of an impression is more than the last of money.
        if total > left:
            for i in range(len(order)):
                spend[n, i] *= max(left, 0.0) / total
