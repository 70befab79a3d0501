"""What a policy sees of each flight, flight by flight (see `promopilot.envs.views.observation`).

Compiled, because for one flight the array version was mostly the overhead of small arrays.
"""

import math

import numpy as np
from numba import njit

# Keeps logs and ratios finite where there is no money or no reach.
_TINY = 1e-9


@njit(cache=True)
def fill(  # type: ignore[no-untyped-def]
    out,
    limit,
    day,
    days_left,
    weekday,
    outlook,
    expected_left,
    budget_left,
    price_factor,
    promotion,
    placement,
    audience,
    people,
    unit_cost,
    reach,
    worth,
    fatigue,
    stock,
    stock_left,
    first_mean,
    first_sd,
    second_mean,
    second_sd,
):
    """Write observations `[N, size]`, every entry clipped to +- limit.

    Args:
        out: Written, float32.
        limit: Most that an entry may be.
        day: Which day of `price_factor` is seen.
        days_left: Share of the flight.
        weekday: Angle of the day in the week.
        outlook: Log of what money is expected to return in the rest of the flight over today.
        expected_left: Money that an even pace would have left.
        budget_left: Money `[N]`.
        price_factor: Price over the placement's mean `[N, D, K]`.
        promotion: Of each line item `[L]`.
        placement: Likewise `[L]`.
        audience: Likewise `[L]`.
        people: Size of each line item's segment `[L]`.
        unit_cost: Mean cost of a first impression `[L]`.
        reach: Impressions that each line item can expect to reach today `[L]`.
        worth: What one more impression is expected to pay `[N, L]`.
        fatigue: Recent exposures per person `[N, A]`.
        stock: Conversions that could be served at first `[P]`.
        stock_left: Conversions that can still be served `[N, P]`.
        first_mean: Belief on the first stage's shift `[N, P]`.
        first_sd: Its standard deviation `[N, P]`.
        second_mean: Belief on the second stage's shift `[N, P]`.
        second_sd: Its standard deviation `[N, P]`.
    """
    promotions, placements = len(stock), price_factor.shape[2]
    reached, crowd = np.zeros(promotions), np.zeros(promotions)
    for i in range(len(promotion)):
        reached[promotion[i]] += reach[i]
        crowd[promotion[i]] += people[i]
    usual = max(reached.sum(), _TINY) / max((reached > 0).sum(), 1)
    tired, returned = np.empty(promotions), np.empty(promotions)
    for n in range(len(out)):
        left = math.log((budget_left[n] + _TINY) / (expected_left + _TINY))
        out[n, 0] = days_left
        out[n, 1] = min(max(left, -limit), limit)
        out[n, 2] = math.sin(weekday)
        out[n, 3] = math.cos(weekday)
        out[n, 4] = min(max(outlook, -limit), limit)
        at = 5
        for k in range(placements):
            out[n, at] = min(max(math.log(price_factor[n, day, k]), -limit), limit)
            at += 1
        tired[:] = 0.0
        returned[:] = 0.0
        for i in range(len(promotion)):
            p = promotion[i]
            tired[p] += fatigue[n, audience[i]] * people[i]
            if reach[i] > 0 and worth[n, i] > 0:
                cost = unit_cost[i] * price_factor[n, day, placement[i]]
                returned[p] += math.log1p(worth[n, i] / cost) * reach[i]
        for p in range(promotions):
            recent = tired[p] / crowd[p] if crowd[p] > 0 else 0.0
            share = 1.0 if stock[p] > 0 else 0.0
            if 0 < stock[p] < math.inf:
                share = stock_left[n, p] / stock[p]
            for value in (
                first_mean[n, p],
                first_sd[n, p],
                second_mean[n, p],
                second_sd[n, p],
                math.log1p(recent),
                returned[p] / max(reached[p], _TINY),
                reached[p] / usual,
                share,
                1.0 if reached[p] > 0 else 0.0,
            ):
                out[n, at] = min(max(value, -limit), limit)
                at += 1
