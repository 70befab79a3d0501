"""The price of money at which a day's outlay is the budget: one monotone equation in another.

The price is k + lambda = k e^t, in whose logarithm t the spend of the exponential family is
piecewise linear. It is found by Newton's steps kept inside a bracket, first as if supply were
endless, then, if a pool is over its supply, below that price with the pools' prices found anew at
every step. Where a bracket of one rounding error is left between too much and too little, the
mixture of both solutions that fits is optimal, because the problem is concave.
"""

import math

import numpy as np
from numba import njit

from promopilot.envs.arrays import Floats
from promopilot.envs.split.curve import ratio_on_envelope
from promopilot.envs.split.day import (
    HAIR,
    MOST_STEPS,
    NEWTON_STEPS,
    TOLERANCE,
    Day,
    copy,
    cut,
    mix,
)
from promopilot.envs.split.pool import settle

# t at which nothing is bought in any range of numbers, where no finite one is known, and how far
# the first steps towards it go.
_HIGHEST, _STRIDE = 690.0, 4.0


@njit(cache=True, error_model="numpy")
def solve(day: Day, supply: Floats, bought: Floats, spare: Floats, pool_price: Floats) -> float:
    """Write the optimum's impressions `[L]` and pool prices `[Q]`; return lambda.

    Args:
        day: L line items in Q pools.
        supply: Impressions of each pool `[Q]`.
        bought: y `[L]`, written.
        spare: `[L]`, overwritten.
        pool_price: mu `[Q]`, written.
    """
    endless = np.empty(len(supply))
    for q in range(len(supply)):
        endless[q], pool_price[q] = math.inf, 0.0
    highest = _dearest(day)
    if day.budget <= 0:
        for i in range(len(bought)):
            bought[i] = 0.0
        return day.least * math.expm1(highest)
    at = _root(day, endless, 0.0, highest, bought, spare, pool_price)
    for q in range(len(supply)):
        total = 0.0
        for i in range(day.ends[q], day.ends[q + 1]):
            total += bought[i]
        if total > supply[q]:
            # Pools only ever lower what is bought, and with it the price of money.
            at = _root(day, supply, at, at, bought, spare, pool_price)
            break
    return day.least * math.expm1(at)


@njit(cache=True, error_model="numpy")
def _dearest(day: Day) -> float:
    """T from which on nobody buys: w - c (k + lambda) start - lambda s is 0 for the last one."""
    extra = 0.0
    for i in range(len(day.worth)):
        extra = max(extra, _jump_price(day, i))
    return min(math.log1p(extra / day.least), _HIGHEST)


@njit(cache=True, error_model="numpy")
def _jump_price(day: Day, i: int) -> float:
    """Lambda from which on a line item buys nothing at a pool price of zero."""
    first = day.cost[i] * day.start[i]
    if first == math.inf:
        return 0.0
    return float((day.worth[i] - day.least * first) / (first + day.subsidy[i]))


@njit(cache=True, error_model="numpy")
def _root(
    day: Day,
    supply: Floats,
    at: float,
    high: float,
    bought: Floats,
    spare: Floats,
    pool_price: Floats,
) -> float:
    """The t in 0..high at which the outlay is the budget, tried at `at` first; 0 if it is below."""
    low, low_is_over = 0.0, False
    for step in range(MOST_STEPS):
        outlay, fall = _outlay(day, supply, at, bought, spare, pool_price)
        excess = outlay - day.budget
        if abs(excess) <= TOLERANCE * day.budget or (at == 0 and excess <= 0):
            cut(bought, outlay, day.budget)
            return at
        if excess > 0:
            low, low_is_over = at, True
        else:
            high = at
        guess = at + excess / fall
        if guess <= 0 and not low_is_over:
            at = 0.0
            continue
        if step >= NEWTON_STEPS or not low < guess < high:
            guess = (low + high) / 2 if high < _HIGHEST else low + _STRIDE * (1 + low)
        if day.s_shaped:
            guess = _beside_jump(day, pool_price, low, high, at, guess)
        if not low < guess < high:
            break
        at = guess
    over = _outlay(day, supply, low, bought, spare, pool_price)[0]
    more = np.empty(len(bought))
    copy(bought, more)
    under = _outlay(day, supply, high, bought, spare, pool_price)[0]
    mix(bought, more, (day.budget - under) / (over - under))
    cut(bought, under, day.budget)
    return high


@njit(cache=True, error_model="numpy")
def _outlay(
    day: Day, supply: Floats, at: float, bought: Floats, spare: Floats, pool_price: Floats
) -> tuple[float, float]:
    """Money needed at a price of k e^at with every pool settled, and minus its slope in t."""
    outlay = fall = 0.0
    price, extra = day.least * math.exp(at), day.least * math.expm1(at)
    for q in range(len(supply)):
        before = pool_price[q]
        pool_price[q], part = settle(day, q, supply[q], price, extra, before, bought, spare)
        fall += part
    for i in range(len(bought)):
        if bought[i] > 0:
            share = bought[i] / day.reach[i]
            ratio = ratio_on_envelope(share, day.jump[i], day.family, day.slope)
            outlay += day.cost[i] * day.reach[i] * ratio + day.subsidy[i] * bought[i]
    return outlay, fall


@njit(cache=True, error_model="numpy")
def _beside_jump(
    day: Day, pool_price: Floats, low: float, high: float, at: float, guess: float
) -> float:
    """Move a guess to the side of the jump next to it, if one lies between it and `at`.

    As in a pool. A pool that binds has none: what one line item leaves there goes to the others.
    """
    nearest = math.inf
    beside = guess
    for q in range(len(pool_price)):
        if pool_price[q] > 0:
            continue
        for i in range(day.ends[q], day.ends[q + 1]):
            jump = math.log1p(max(_jump_price(day, i), 0.0) / day.least)
            away = abs(jump - guess)
            if low < jump < high and (jump - at) * (guess - jump) >= 0 and away < nearest:
                nearest = away
                hair = HAIR * (1 + jump)
                beside = jump + hair if jump + hair < high else jump - hair
    return beside
