"""The relaxation of `promopilot.agents.lookahead.bound`, compiled: audience by audience."""

import math

import numpy as np
from numba import njit

from promopilot.agents.lookahead.gather import gather
from promopilot.agents.lookahead.rest import Ahead, Plan, Rest
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.response import ratio_paid
from promopilot.envs.split.curve import wanted
from promopilot.envs.split.day import copy
from promopilot.envs.split.inner import inner


@njit(cache=True, error_model="numpy")
def bound_flights(rest: Rest, plans: Plan, charged: float, points: int, out: Floats) -> None:
    """Write the relaxation's value of every flight `[N]`.

    Args:
        rest: The rest of N flights.
        plans: Prices that a plan found.
        charged: What the objective charges per unit of spend.
        points: Of tiredness, at which an audience's value is found.
        out: Written.
    """
    days, items = rest.rate.shape[1:]
    numbers, slots = np.empty((10, days * items)), np.empty((2, days * items), dtype=np.int64)
    ends = np.zeros(days * (len(rest.ends) - 1) + 1, dtype=np.int64)
    audiences = rest.fatigue.shape[1]
    starts, members = np.empty(days * audiences + 1, dtype=np.int64), np.empty_like(slots[0])
    paid, value = np.empty(days), np.empty((4, points))
    for n in range(len(out)):
        ahead = gather(n, rest, numbers, slots, ends)
        live = len(ahead.rate)
        price = rest.least * math.exp(plans.price[n, 0])
        extra = price - charged
        total = extra * ahead.day.budget
        for d in range(days):
            paid[d] = price
            if rest.day_max < math.inf:
                paid[d] = max(rest.least * math.exp(plans.price[n, 1 + d]), price)
                total += (paid[d] - price) * rest.day_max
        for p in range(len(ahead.worth)):
            if plans.stock_price[n, p] > 0:
                total += plans.stock_price[n, p] * ahead.stock[p]
        earns, toll = numbers[9, :live], ahead.day.worth
        for q in range(len(ends) - 1):
            total += plans.pool_price[n, q] * ahead.supply[q]
            for i in range(ends[q], ends[q + 1]):
                p = ahead.promotion[i]
                each = ahead.worth[p] - plans.stock_price[n, p] - extra * ahead.subsidy[p]
                earns[i], toll[i] = max(each, 0.0) * ahead.rate[i], plans.pool_price[n, q]
        _by_slot(ahead.slot, starts, members)
        for a in range(audiences):
            total += _audience(ahead, a, starts, members, earns, toll, paid, value)
        out[n] = total


@inner
def _by_slot(slot: Ints, starts: Ints, members: Ints) -> None:
    """Sort line items by day and audience: slot s has members[starts[s] : starts[s + 1]]."""
    for s in range(len(starts)):
        starts[s] = 0
    for i in range(len(slot)):
        starts[slot[i] + 1] += 1
    for s in range(1, len(starts)):
        starts[s] += starts[s - 1]
    for i in range(len(slot)):
        members[starts[slot[i]]] = i
        starts[slot[i]] += 1
    for s in range(len(starts) - 1, 0, -1):
        starts[s] = starts[s - 1]
    starts[0] = 0


@inner
def _audience(
    ahead: Ahead,
    a: int,
    starts: Ints,
    members: Ints,
    earns: Floats,
    toll: Floats,
    paid: Floats,
    value: Floats,
) -> float:
    """Most that one audience can bring at given prices: backward over days, by chords.

    Args:
        ahead: The rest of a flight.
        a: The audience.
        starts: As `_by_slot` leaves it.
        members: Likewise.
        earns: Worth of an impression at F = 1 `[M]`.
        toll: Price of an impression of the pool `[M]`.
        paid: Price of money on each day `[H]`.
        value: Room `[4, points]`: tiredness, its F, the next day's value and the day's.
    """
    audiences, points = len(ahead.fatigue), value.shape[1]
    tired, factor, later, now = value[0], value[1], value[2], value[3]
    most, some = ahead.fatigue[a], False
    least = most * ahead.forget ** (ahead.days - 1)
    highest = most
    for d in range(ahead.days):
        s = d * audiences + a
        for k in range(starts[s], starts[s + 1]):
            most += ahead.day.top[members[k]] * ahead.per_person[members[k]]
            some = True
        most *= ahead.forget
        highest = max(highest, most)
    if not some:
        return 0.0
    for j in range(points):
        tired[j] = (1 + least) * ((1 + highest) / (1 + least)) ** (j / (points - 1)) - 1
        factor[j] = math.exp(-ahead.exponent * (math.log1p(tired[j]) - ahead.usual[a]))
        later[j] = 0.0
    for d in range(ahead.days - 1, 0, -1):
        found = members[starts[d * audiences + a] : starts[d * audiences + a + 1]]
        for j in range(points):
            now[j] = _best(*(ahead, tired[j], factor[j], found, earns, toll, paid[d]), tired, later)
        copy(now, later)
    above = math.log1p(ahead.fatigue[a]) - ahead.usual[a]
    today = math.exp(-ahead.exponent * above)
    found = members[starts[a] : starts[a + 1]]
    return float(_best(ahead, ahead.fatigue[a], today, found, earns, toll, paid[0], tired, later))


@inner
def _best(
    ahead: Ahead,
    tired: float,
    factor: float,
    members: Ints,
    earns: Floats,
    toll: Floats,
    price: float,
    grid: Floats,
    later: Floats,
) -> float:
    """The most of a day's earnings plus a chord of what later days bring, over all chords.

    The later value of tiredness n' is taken as the greatest of its chords, which it is at most.
    """
    day, best = ahead.day, -math.inf
    for m in range(len(grid) - 1):
        width = grid[m + 1] - grid[m]
        slope = (later[m + 1] - later[m]) / width if width > 0 else 0.0
        total = later[m] + slope * (ahead.forget * tired - grid[m])
        for i in members:
            net = earns[i] * factor - toll[i] + slope * ahead.forget * ahead.per_person[i]
            unit = price * day.cost[i]
            if net > unit * day.start[i]:
                share, _ = wanted(net, unit, day.family, day.slope)
                y = min(day.reach[i] * max(share, day.jump[i]), day.top[i])
                ratio = ratio_paid(y / day.reach[i], day.family, day.slope)
                total += max(net * y - unit * day.reach[i] * ratio, 0.0)
        best = max(best, total)
        if later[0] == 0:  # nothing comes later: all chords are the same
            break
    return best
