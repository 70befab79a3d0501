"""The price of money at which the outlay of some days is what they have.

As in `promopilot.envs.split.money`, over all days that are left at once: started from the price of
a problem nearby, exact enough for a plan, and with a limit for each day.
"""

import math

import numpy as np

from promopilot.agents.lookahead.rest import Ahead
from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.split.curve import ratio_on_envelope
from promopilot.envs.split.inner import inner
from promopilot.envs.split.pool import settle

_TOLERANCE = 1e-9  # of the budget
_NEWTON_STEPS, _MOST_STEPS = 12, 60
_STRIDE = 1.0


@inner
def spend_rest(
    ahead: Ahead, at: Floats, bought: Floats, spare: Floats, pool_price: Floats, outlay: Floats
) -> None:
    """Write the impressions `[M]` that the rest's money buys best, and the prices of money.

    A day that wants more than its limit has a price of its own; what it leaves goes to the others.

    Args:
        ahead: The rest of a flight, its worth and subsidy up to date.
        at: log((k + lambda) / k) of all money, and of each day's `[1 + H]`: read as guesses,
            written.
        bought: `[M]`, written.
        spare: `[M]`, overwritten.
        pool_price: Of each day's pools `[H * Q]`: read as guesses, written.
        outlay: Money of each day `[H]`, written.
    """
    free = np.ones(ahead.days, dtype=np.bool_)
    money, all_fit = ahead.day.budget, False
    while not all_fit:
        at[0] = price(ahead, 0, ahead.days, free, money, at[0], bought, spare, pool_price, outlay)
        all_fit = True
        for d in range(ahead.days):
            if not free[d]:
                continue
            if outlay[d] <= ahead.day_max * (1 + _TOLERANCE):
                at[1 + d] = at[0]
                continue
            guess = max(at[0], at[1 + d])
            at[1 + d] = price(
                *(ahead, d, d + 1, free, ahead.day_max, guess, bought, spare, pool_price, outlay)
            )
            free[d], all_fit = False, False
            money -= outlay[d]


@inner
def price(
    ahead: Ahead,
    first: int,
    last: int,
    free: Bools,
    money: float,
    at: float,
    bought: Floats,
    spare: Floats,
    pool_price: Floats,
    outlay: Floats,
) -> float:
    """The price t = log((k + lambda) / k) of the free ones among days `first` to `last - 1`."""
    low, low_is_over, high = 0.0, False, math.inf
    for step in range(_MOST_STEPS):
        total = fall = 0.0
        for d in range(first, last):
            if free[d]:
                fall += _buy_day(ahead, d, at, bought, spare, pool_price, outlay)
                total += outlay[d]
        excess = total - money
        if abs(excess) <= _TOLERANCE * money or (at == 0 and excess <= 0):
            break
        if excess > 0:
            low, low_is_over = at, True
        else:
            high = at
        if high - low <= _TOLERANCE * (1 + low) and step >= _NEWTON_STEPS and excess <= 0:
            break
        guess = at + excess / fall
        if guess <= 0 and not low_is_over:
            at = 0.0
            continue
        if step >= _NEWTON_STEPS or not low < guess < high:
            guess = (low + high) / 2 if high < math.inf else low + _STRIDE * (1 + low)
        at = guess
    return at


@inner
def _buy_day(
    ahead: Ahead,
    d: int,
    at: float,
    bought: Floats,
    spare: Floats,
    pool_price: Floats,
    outlay: Floats,
) -> float:
    """Write a day's impressions and outlay at a price of money; return minus its slope in t."""
    day, pools = ahead.day, len(ahead.supply) // ahead.days
    money, extra = day.least * math.exp(at), day.least * math.expm1(at)
    fall = outlay[d] = 0.0
    for q in range(d * pools, (d + 1) * pools):
        if day.ends[q] == day.ends[q + 1]:
            continue
        pool_price[q], part = settle(
            day, q, ahead.supply[q], money, extra, pool_price[q], bought, spare
        )
        fall += part
        for i in range(day.ends[q], day.ends[q + 1]):
            if bought[i] > 0:
                share = bought[i] / day.reach[i]
                ratio = ratio_on_envelope(share, day.jump[i], day.family, day.slope)
                outlay[d] += day.cost[i] * day.reach[i] * ratio + day.subsidy[i] * bought[i]
    return fall
