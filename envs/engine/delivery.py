"""From money asked for to money charged and impressions delivered, for one flight's day."""

import math

import numpy as np
from numba import njit

from promopilot.envs.engine.streams import uniform
from promopilot.envs.response import marginal_ratio, ratio_paid, share_bought

_MOST_STEPS, _CLOSE = 100, 1e-12


@njit(cache=True, error_model="numpy")
def limit(n, day, fixed, asked, left, out):  # type: ignore[no-untyped-def]
    """Cut what is asked for to the limits of line items, day and budget; returns the total.

    Not a number counts as 0; what is over a total is scaled down by one factor.
    """
    total = 0.0
    for i in range(len(out)):
        money = asked[n, i]
        if not money > 0 or not fixed.live[day, i]:
            money = 0.0
        out[i] = min(money, fixed.max_spend[i], left)
        total += out[i]
    allowed = min(left, fixed.per_day_max)
    if total > allowed:
        # A hair below the limit: the sum of rounded products may not pass it.
        factor = allowed / total * (1 - 1e-15)
        for i in range(len(out)):
            out[i] *= factor
        total *= factor
    return total


@njit(cache=True, error_model="numpy")
def limit_with_subsidy(n, day, fixed, flights, supply, subsidy, left, total, out):  # type: ignore[no-untyped-def]
    """Scale spend down until it and the subsidy it is expected to cause fit into what is left.

    f x + sum_i s_i y_i(f x_i) rises in f: Newton's steps, kept inside a bracket.

    With, among what `engine.arrays` describes:
        subsidy: Subsidy expected per impression `[N, L]`.
        supply: Impressions expected of each pool `[Q]`.
    """
    needed, _ = _needed(n, day, fixed, flights, supply, subsidy, total, out, 1.0)
    if needed <= left:
        return
    low, high, factor = 0.0, 1.0, left / needed
    for _ in range(_MOST_STEPS):
        needed, slope = _needed(n, day, fixed, flights, supply, subsidy, total, out, factor)
        if needed > left:
            high = factor
        else:
            low = factor
            if left - needed <= _CLOSE * left:
                break
        if high - low <= _CLOSE * high:
            break
        factor += (left - needed) / slope
        if not low < factor < high:
            factor = (low + high) / 2
    factor = low
    for i in range(len(out)):
        out[i] *= factor


@njit(cache=True, error_model="numpy")
def _needed(n, day, fixed, flights, supply, subsidy, total, asked, factor):  # type: ignore[no-untyped-def]
    """Money that spend x factor is expected to need, and its slope in the factor."""
    needed, slope = factor * total, total
    for i in range(len(asked)):
        if asked[i] <= 0 or subsidy[n, i] <= 0:
            continue
        reach = fixed.reach_share[i] * supply[fixed.pool[i]]
        if reach <= 0:
            continue
        scale = fixed.unit_cost[i] * flights.price_factor[n, day, fixed.placement[i]] * reach
        share = share_bought(factor * asked[i] / scale, fixed.family, fixed.slope)
        needed += subsidy[n, i] * reach * share
        rate = marginal_ratio(share, fixed.family, fixed.slope)
        slope += subsidy[n, i] * reach * asked[i] / scale / max(rate, 1e-12)
    return needed, slope


@njit(cache=True, error_model="numpy")
def deliver(begin, end, day, fixed, flights, books, in_pool, cursors):  # type: ignore[no-untyped-def]
    """Buy impressions; a pool that is over its supply cuts all of its own by one factor.

    Each is charged what its own reach curve asks for what was delivered. Where outcomes are drawn
    impressions become whole by systematic sampling: with one number u per pool a line item gets
    floor(C_i + u) - floor(C_(i-1) + u), C the running sum inside the pool, so that each keeps its
    mean and no pool passes its whole supply.

    With, among what `engine.arrays` describes:
        in_pool: Room for sums by pool `[2, Q]`.
        cursors: Of the flights from `begin` on.
    """
    for n in range(begin, end):
        asked, charged, impressions = books.asked[n], books.spend[n], books.impressions[n]
        supply = flights.supply[n, day]
        in_pool[:] = 0.0
        for i in range(len(asked)):
            share = fixed.reach_share[i] * flights.reach_factor[n, fixed.placement[i]]
            reach = min(share, 1.0) * supply[fixed.pool[i]]
            if reach <= 0 or not fixed.live[day, i]:
                impressions[i] = 0.0
                continue
            scale = fixed.unit_cost[i] * flights.price_factor[n, day, fixed.placement[i]] * reach
            ratio = asked[i] / scale
            impressions[i] = reach * share_bought(ratio, fixed.true_family, fixed.true_slope)
            in_pool[0, fixed.pool[i]] += impressions[i]
        for i in range(len(asked)):
            wanted, pool = impressions[i], fixed.pool[i]
            # Where the pool cuts nothing the charge is the money asked: the inverse costs digits.
            charged[i] = asked[i] if wanted > 0 else 0.0
            if in_pool[0, pool] > supply[pool]:
                impressions[i] = wanted * (supply[pool] / in_pool[0, pool])
                if wanted > 0:
                    share = fixed.reach_share[i] * flights.reach_factor[n, fixed.placement[i]]
                    reach = min(share, 1.0) * supply[pool]
                    scale = (
                        fixed.unit_cost[i]
                        * flights.price_factor[n, day, fixed.placement[i]]
                        * reach
                    )
                    bought = impressions[i] / reach
                    paid = scale * ratio_paid(bought, fixed.true_family, fixed.true_slope)
                    charged[i] = min(paid, asked[i])
        if fixed.sampled:
            _round(supply, fixed.pool, impressions, in_pool, cursors[n - begin])


@njit(cache=True, error_model="numpy")
def _round(supply, pools, impressions, in_pool, cursor):  # type: ignore[no-untyped-def]
    for q in range(len(supply)):
        in_pool[1, q] = uniform(cursor)
    in_pool[0, :] = 0.0
    for i in range(len(impressions)):
        pool = pools[i]
        # The minimum: rounding in the running sum must not lift a full pool above its supply.
        before = math.floor(min(in_pool[0, pool], supply[pool]) + in_pool[1, pool])
        in_pool[0, pool] += impressions[i]
        after = math.floor(min(in_pool[0, pool], supply[pool]) + in_pool[1, pool])
        after = min(after, supply[pool])  # above 2^31 or so the sum itself is rounded
        impressions[i] = np.float64(after - before)
