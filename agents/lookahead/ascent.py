"""Sequential convex programming over the rest of a flight.

With the audiences' tiredness held as a plan leaves it, and each impression charged with what its
exposure costs later days, all days left are one concave split. Its solution is a direction in which
the true objective rises; the plan moves along it as far as that rises (Boyd and Vandenberghe,
Convex Optimization, 9.2). The first plan is the re-planner's own, so no plan ends below it. A price
for each promotion's stock is found along the way.
"""

import math

import numpy as np
from numba import njit

from promopilot.agents.lookahead.first_plan import replan_rest
from promopilot.agents.lookahead.gather import gather
from promopilot.agents.lookahead.money import spend_rest
from promopilot.agents.lookahead.rest import Ahead, Plan, Rest
from promopilot.agents.lookahead.stock import price_stock
from promopilot.agents.lookahead.tiredness import later_cost, tire, value
from promopilot.envs.arrays import Floats
from promopilot.envs.split.day import copy, mix
from promopilot.envs.split.inner import inner

_STOCK_ROUNDS = 8
# Most parts of a move that are tried.
_TRIALS = 5
# A move that gains less, relative to the plan's value, is the last one.
_ENOUGH = 1e-9


@njit(cache=True, error_model="numpy")
def look_ahead(rest: Rest, effort: int, plans: Plan) -> None:
    """Plan every flight, by at most `effort` moves from the re-planner's plan; write `plans`."""
    days, items = rest.rate.shape[1:]
    audiences = rest.fatigue.shape[1]
    numbers, slots = np.empty((12, days * items)), np.empty((2, days * items), dtype=np.int64)
    ends = np.zeros(days * (len(rest.ends) - 1) + 1, dtype=np.int64)
    followed = np.empty((5, days * audiences))
    tired, factor, cost, moved = followed[0], followed[1], followed[2], followed[3:]
    sold, outlay = np.empty(rest.stock.shape[1]), np.empty(days)
    for n in range(len(plans.money)):
        ahead = gather(n, rest, numbers, slots, ends)
        live = len(ahead.rate)
        plan, better, spare = numbers[9, :live], numbers[10, :live], numbers[11, :live]
        stock_price, pool_price, at = plans.stock_price[n], plans.pool_price[n], plans.price[n]
        for p in range(len(sold)):
            stock_price[p] = 0.0 if ahead.stock[p] > 0 else ahead.worth[p]
        replan_rest(
            *(ahead, rest.share_of_rest, plan, spare, better, tired, factor),
            *(pool_price, at, outlay, sold),
        )
        best = value(ahead, plan, factor, ahead.day.least, sold)
        plans.value[n, 1] = best
        for _ in range(effort):
            later_cost(ahead, plan, tired, factor, stock_price, _extra(ahead, at), cost)
            settled = _split(
                *(ahead, at, factor, cost, stock_price, better, spare, pool_price, outlay)
            )
            before = best
            best = _move(ahead, plan, better, spare, best, at, tired, factor, moved, sold)
            if settled and best - before <= _ENOUGH * abs(best):
                break
        plans.value[n, 0], plans.money[n] = best, outlay[0]
        copy(cost[:audiences], plans.later_cost[n])


@inner
def _move(
    ahead: Ahead,
    plan: Floats,
    better: Floats,
    spare: Floats,
    best: float,
    at: Floats,
    tired: Floats,
    factor: Floats,
    moved: Floats,
    sold: Floats,
) -> float:
    """Move a plan towards another as far as the objective rises most; return its value there.

    Tried are all of the way, half of it, the top of the parabola through both and the start, and,
    if none of these is better, ever smaller parts.
    """
    dear = ahead.day.least + _extra(ahead, at)
    start, step, taken = best, 1.0, 0.0
    whole = 0.0
    for trial in range(_TRIALS):
        for i in range(len(plan)):
            spare[i] = plan[i] + step * (better[i] - plan[i])
        tire(ahead, spare, moved[0], moved[1])
        now = value(ahead, spare, moved[1], dear, sold)
        if now > best:
            best, taken = now, step
            copy(moved[0], tired)
            copy(moved[1], factor)
        if trial == 0:
            whole, step = now, 0.5
        elif trial == 1:
            bend = 2 * now - start - whole
            step = 0.25 if bend <= 0 else min(max(0.5 + (whole - start) / (4 * bend), 0.1), 1.0)
        elif taken > 0:
            break
        else:
            step /= 3
    if taken > 0:
        mix(plan, better, taken)
    return best


@inner
def _extra(ahead: Ahead, at: Floats) -> float:
    """Lambda: what money is worth beyond its face value."""
    return float(ahead.day.least * math.expm1(at[0]))


@inner
def _split(
    ahead: Ahead,
    at: Floats,
    factor: Floats,
    cost: Floats,
    stock_price: Floats,
    bought: Floats,
    spare: Floats,
    pool_price: Floats,
    outlay: Floats,
) -> bool:
    """Solve the concave split at given tiredness and costs of exposure.

    Returns:
        Whether the prices of stock had settled.
    """
    for _ in range(_STOCK_ROUNDS):
        for i in range(len(bought)):
            p, rate = ahead.promotion[i], ahead.rate[i] * factor[ahead.slot[i]]
            ahead.day.subsidy[i] = ahead.subsidy[p] * rate
            earns = (ahead.worth[p] - stock_price[p]) * rate
            ahead.day.worth[i] = earns - ahead.per_person[i] * cost[ahead.slot[i]]
        spend_rest(ahead, at, bought, spare, pool_price, outlay)
        if not ahead.scarce or price_stock(ahead, at, factor, stock_price, pool_price):
            return True
    return False
