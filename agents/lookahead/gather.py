"""Picking out, of one flight's rest, what may pay on some day."""

import math

from promopilot.agents.lookahead.rest import Ahead, Rest
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.response import FULL, HILL, share_bought
from promopilot.envs.split.curve import envelope
from promopilot.envs.split.day import Day
from promopilot.envs.split.inner import inner


@inner
def gather(n: int, rest: Rest, numbers: Floats, slots: Ints, ends: Ints) -> Ahead:
    """One flight's line items that would pay on a day with nobody tired, by day and pool.

    Args:
        n: The flight.
        rest: Of all flights.
        numbers: Room, at least `[9, H * L]`.
        slots: Room `[2, H * L]`.
        ends: Room `[H * Q + 1]`, its first entry 0.
    """
    days, audiences, pools = rest.rate.shape[1], rest.fatigue.shape[1], len(rest.ends) - 1
    s_shaped = rest.family == HILL and rest.slope > 1
    # What the first impression costs at least, in units of c: z'(0) or the envelope's slope.
    first, jump = envelope(1.0, rest.family, rest.slope) if s_shaped else (1.0, 0.0)
    if rest.family == HILL and not s_shaped:
        first = 0.0
    worth = rest.worth[n % len(rest.worth)]
    live = 0
    for d in range(days):
        reach, supply = rest.reach[n % len(rest.reach), d], rest.supply[n % len(rest.supply), d]
        for q in range(pools):
            for i in rest.order[rest.ends[q] : rest.ends[q + 1]]:
                a, p, most = rest.audience[i], rest.promotion[i], reach[i]
                if not (most > 0 and supply[q] > 0 and rest.stock[n, p] > 0):
                    continue
                rested = math.exp(rest.exponent[n] * rest.usual[a])
                unit = rest.unit_cost[i] * rest.price[n, d, rest.placement[i]]
                if not worth[p] * rest.rate[n, d, i] * rested > rest.least * unit * first:
                    continue
                share = share_bought(rest.max_spend[i] / (unit * most), rest.family, rest.slope)
                limit = most * min(share, FULL)
                if not limit > 0:
                    continue
                numbers[0, live], numbers[1, live] = 0.0, unit
                numbers[2, live], numbers[3, live] = most, 0.0
                numbers[4, live], numbers[5, live], numbers[6, live] = limit, first, jump
                numbers[7, live], numbers[8, live] = rest.rate[n, d, i], rest.per_person[i]
                slots[0, live], slots[1, live] = d * audiences + a, p
                live += 1
            ends[d * pools + q + 1] = live
    day = Day(
        worth=numbers[0, :live],
        cost=numbers[1, :live],
        reach=numbers[2, :live],
        subsidy=numbers[3, :live],
        top=numbers[4, :live],
        start=numbers[5, :live],
        jump=numbers[6, :live],
        ends=ends,
        budget=rest.budget[n],
        least=rest.least,
        family=rest.family,
        slope=rest.slope,
        s_shaped=s_shaped,
    )
    stock = rest.stock[n]
    scarce = False
    for p in range(len(stock)):
        scarce = scarce or stock[p] < math.inf
    return Ahead(
        day=day,
        rate=numbers[7, :live],
        per_person=numbers[8, :live],
        slot=slots[0, :live],
        promotion=slots[1, :live],
        worth=worth,
        subsidy=rest.subsidy,
        stock=stock,
        fatigue=rest.fatigue[n],
        usual=rest.usual,
        supply=rest.supply[n % len(rest.supply)].ravel(),
        exponent=rest.exponent[n],
        forget=rest.forget,
        day_max=rest.day_max,
        days=days,
        scarce=scarce,
    )
