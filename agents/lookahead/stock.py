"""What each promotion's last piece of stock earns, at given prices of money and pools."""

import math

import numpy as np

from promopilot.agents.lookahead.rest import Ahead
from promopilot.envs.arrays import Floats
from promopilot.envs.split.curve import wanted
from promopilot.envs.split.inner import inner

_SOLD_OUT = 2e-3  # of stock: how closely what a plan sells meets it
_MOST_STEPS = 4


@inner
def price_stock(
    ahead: Ahead, at: Floats, factor: Floats, stock_price: Floats, pool_price: Floats
) -> bool:
    """Move the prices of stock `[P]` so that no more is sold than there is.

    Given the other prices promotions do not touch each other: one monotone equation each, by
    Newton's steps kept inside brackets, all at once.

    Args:
        ahead: The rest of a flight; its worth holds the prices of stock found there.
        at: log((k + lambda) / k) of all money, and of each day's `[1 + H]`.
        factor: F of every day and audience `[H * A]`.
        stock_price: Read and written.
        pool_price: `[H * Q]`.

    Returns:
        Whether no price had to move.
    """
    promotions = len(stock_price)
    low, high = np.zeros(promotions), ahead.worth.copy()
    was, sold, fall = stock_price.copy(), np.empty(promotions), np.empty(promotions)
    settled = False
    for step in range(_MOST_STEPS):
        _sell(ahead, at, factor, was, stock_price, pool_price, sold, fall)
        moved = False
        for p in range(promotions):
            off = sold[p] - ahead.stock[p]
            if off > 0:
                low[p] = stock_price[p]
            else:
                high[p] = stock_price[p]
            if abs(off) <= _SOLD_OUT * ahead.stock[p] or (stock_price[p] == 0 and off <= 0):
                continue
            guess = stock_price[p] + off / fall[p]
            if not low[p] < guess < high[p]:
                guess = 0.0 if guess <= 0 and low[p] == 0 else (low[p] + high[p]) / 2
            if guess != stock_price[p]:
                stock_price[p], moved = guess, True
        settled = settled or (step == 0 and not moved)
        if not moved:
            break
    return settled


@inner
def _sell(
    ahead: Ahead,
    at: Floats,
    factor: Floats,
    was: Floats,
    stock_price: Floats,
    pool_price: Floats,
    sold: Floats,
    fall: Floats,
) -> None:
    """Write conversions asked for at the prices of stock, and minus their slope in these `[P]`."""
    day = ahead.day
    pools = len(pool_price) // ahead.days
    for p in range(len(sold)):
        sold[p] = fall[p] = 0.0
    for q in range(len(pool_price)):
        price = day.least * math.exp(at[1 + q // pools])
        extra = day.least * math.expm1(at[1 + q // pools])
        for i in range(day.ends[q], day.ends[q + 1]):
            p, rate = ahead.promotion[i], ahead.rate[i] * factor[ahead.slot[i]]
            dearer = (stock_price[p] - was[p]) * rate
            net = day.worth[i] - dearer - pool_price[q] - extra * day.subsidy[i]
            paid = price * day.cost[i]
            if net > paid * day.start[i]:
                share, steep = wanted(net, paid, day.family, day.slope)
                bought = min(day.reach[i] * max(share, day.jump[i]), day.top[i])
                sold[p] += rate * bought
                if share > day.jump[i] and bought < day.top[i]:
                    fall[p] += rate * rate * day.reach[i] * steep / net
