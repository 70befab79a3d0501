"""One pool's price at a given price of money: the least mu at which its line items fit."""

import math

from numba import njit

from promopilot.envs.arrays import Floats
from promopilot.envs.split.curve import wanted
from promopilot.envs.split.day import HAIR, MOST_STEPS, NEWTON_STEPS, TOLERANCE, Day, cut, mix


@njit(cache=True, error_model="numpy")
def settle(
    day: Day,
    pool: int,
    supply: float,
    price: float,
    extra: float,
    before: float,
    bought: Floats,
    spare: Floats,
) -> tuple[float, float]:
    """Write the impressions of a pool's line items at a given price of money.

    Args:
        day: The day.
        pool: Its pool q.
        supply: Impressions of the pool.
        price: k + lambda.
        extra: lambda.
        before: The pool's price at another price of money nearby, or zero.
        bought: Impressions `[L]`; the pool's are written.
        spare: `[L]`, overwritten.

    Returns:
        mu, and minus the slope of the pool's outlay in log(k + lambda): with a_i = -dy_i/dmu and
        h_i = net_i + (k + lambda) s_i it is sum a h^2 / (k + lambda), less
        (sum a h)^2 / sum a over the same where the pool binds and mu moves to keep sum y.
    """
    first, last = day.ends[pool], day.ends[pool + 1]
    low, low_is_over, high = 0.0, False, 0.0
    for i in range(first, last):
        high = max(high, _jump_price(day, i, price, extra))
    mu = min(before, high)
    for step in range(MOST_STEPS):
        total, a, ah, ahh = _buy(day, pool, price, extra, mu, bought)
        excess = total - supply
        if mu == 0 and excess <= 0:
            return 0.0, ahh / price
        if abs(excess) <= TOLERANCE * supply:
            cut(bought[first:last], total, supply)
            return mu, _binding(a, ah, ahh) / price
        if excess > 0:
            low, low_is_over = mu, True
        else:
            high = mu
        guess = mu + excess / a
        if guess <= 0 and not low_is_over:
            mu = 0.0
            continue
        if step >= NEWTON_STEPS or not low < guess < high:
            guess = (low + high) / 2
        if day.s_shaped:
            guess = _beside_jump(day, pool, price, extra, low, high, mu, guess)
        if not low < guess < high:
            break
        mu = guess
    over = _buy(day, pool, price, extra, low, spare)[0]
    under, a, ah, ahh = _buy(day, pool, price, extra, high, bought)
    mix(bought[first:last], spare[first:last], (supply - under) / (over - under))
    cut(bought[first:last], under, supply)
    return high, _binding(a, ah, ahh) / price


@njit(cache=True, error_model="numpy")
def _buy(
    day: Day, pool: int, price: float, extra: float, mu: float, bought: Floats
) -> tuple[float, float, float, float]:
    """Write what each line item wants; return the sums of y, a, a h and a h^2 (see `settle`)."""
    total = a = ah = ahh = 0.0
    for i in range(day.ends[pool], day.ends[pool + 1]):
        net = day.worth[i] - mu - extra * day.subsidy[i]
        paid = day.cost[i] * price
        if not net > paid * day.start[i]:
            bought[i] = 0.0
            continue
        share, rate = wanted(net, paid, day.family, day.slope)
        bought[i] = min(day.reach[i] * max(share, day.jump[i]), day.top[i])
        total += bought[i]
        if share > day.jump[i] and bought[i] < day.top[i]:
            fall = day.reach[i] * rate / net
            gain = net + price * day.subsidy[i]
            a += fall
            ah += fall * gain
            ahh += fall * gain * gain
    return total, a, ah, ahh


@njit(cache=True, error_model="numpy")
def _binding(a: float, ah: float, ahh: float) -> float:
    """Sum a h^2 less what mu's move takes off it; nothing moves where all are at a bound."""
    return max(ahh - ah * ah / a, 0.0) if a > 0 else 0.0


@njit(cache=True, error_model="numpy")
def _jump_price(day: Day, i: int, price: float, extra: float) -> float:
    """Mu from which on a line item buys nothing."""
    return float(day.worth[i] - extra * day.subsidy[i] - price * day.cost[i] * day.start[i])


@njit(cache=True, error_model="numpy")
def _beside_jump(
    day: Day,
    pool: int,
    price: float,
    extra: float,
    low: float,
    high: float,
    mu: float,
    guess: float,
) -> float:
    """Move a guess to the side of the jump next to it, if one lies between it and `mu`.

    Newton's steps know nothing of a jump. Tried above and below, each is out of the bracket, or is
    all that is left in it.
    """
    nearest = math.inf
    beside = guess
    for i in range(day.ends[pool], day.ends[pool + 1]):
        jump = _jump_price(day, i, price, extra)
        away = abs(jump - guess)
        if low < jump < high and (jump - mu) * (guess - jump) >= 0 and away < nearest:
            nearest = away
            hair = HAIR * day.worth[i]
            beside = jump + hair if jump + hair < high else jump - hair
    return beside
