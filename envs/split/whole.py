"""Whole line items where cost is S-shaped: branch and bound over the concave envelope.

The first impressions of an S-shaped line item cost more than later ones, so on the envelope it buys
nothing or jumps to the tangent point u = 1 - 1/s. The envelope's optimum bounds every plan; it may
leave line items between the two: one for the budget and one for each pool that binds (more only
where some are equal). Those are taken out, and what they leave goes to whoever makes most of it:
a plan below the bound by at most what they earn at their jump. To come closer, one of them is
decided: it has nothing, or at least u = (1 - 1/s) / 2, where the marginal cost turns (all that the
day allows it, where that is less); and so on with either, depth first (Land and Doig 1960), until
no branch promises 0.1 % more or 24 were tried. Who buys less than u = (1 - 1/s) / 2, which is worth
it for one at most per limit, is only looked for among those who may take what is left.
"""

import math

import numpy as np
from numba import njit

from promopilot.envs.arrays import Floats
from promopilot.envs.split.curve import envelope
from promopilot.envs.split.day import Day, copy
from promopilot.envs.split.leftover import affordable, at_most, fill, needed, needed_on_envelope
from promopilot.envs.split.money import solve

_MOST_BRANCHES = 24
_ENOUGH = 1 + 1e-3
_NEARLY = 1 - 1e-9  # of its jump: a line item that has so much is not between
_HAIR = 1e-12  # a rounding error, relative to a limit
_OPEN, _OUT, _IN = range(3)


@njit(cache=True, error_model="numpy")
def solve_whole(
    day: Day, supply: Floats, bought: Floats, spare: Floats, pool_price: Floats
) -> float:
    """As `solve`; the prices are those of the envelope's optimum."""
    limit, trial = np.empty(len(bought)), np.empty(len(bought))
    room, prices = np.empty(len(supply)), np.empty(len(supply))
    for q in range(len(supply)):
        for i in range(day.ends[q], day.ends[q + 1]):
            limit[i] = affordable(day, i, min(day.top[i], supply[q]), day.budget)
    decided = np.zeros((_MOST_BRANCHES + 1, len(bought)))
    promise = np.empty(_MOST_BRANCHES + 1)
    price, most, waiting = 0.0, -math.inf, 1
    promise[0] = math.inf
    for branch in range(_MOST_BRANCHES):
        while waiting > 0 and promise[waiting - 1] <= most * _ENOUGH:
            waiting -= 1
        if waiting == 0:
            break
        waiting -= 1
        mine = decided[waiting]
        if not _narrow(day, supply, mine, limit, room):
            continue
        extra = solve(day, supply, trial, spare, prices)
        if branch == 0:
            price = extra
            copy(prices, pool_price)
        bound = _value(day, trial, True)
        between = _widest(day, trial, mine)
        fill(day, supply, limit, trial, room)
        value = _value(day, trial, False)
        if value > most:
            most = value
            copy(trial, bought)
        if between >= 0:
            copy(mine, decided[waiting + 1])
            decided[waiting, between], decided[waiting + 1, between] = _OUT, _IN
            promise[waiting] = promise[waiting + 1] = bound
            waiting += 2
    return price


@njit(cache=True, error_model="numpy")
def _narrow(day: Day, supply: Floats, decided: Floats, limit: Floats, room: Floats) -> bool:
    """Put line items on the envelope of what they may still buy; False where some must not fit.

    None may buy more than the others' least leaves it: the envelope is closer to the curve then.
    """
    turn = 0.5 - 0.5 / day.slope
    money = day.budget
    for q in range(len(supply)):
        room[q] = supply[q]
        for i in range(day.ends[q], day.ends[q + 1]):
            if decided[i] == _IN:
                floor = min(turn * day.reach[i], limit[i])
                money -= needed(day, i, floor)
                room[q] -= floor
        if room[q] < -_HAIR * supply[q]:
            return False
    if money < -_HAIR * day.budget:
        return False
    for q in range(len(supply)):
        for i in range(day.ends[q], day.ends[q + 1]):
            floor = min(turn * day.reach[i], limit[i]) if decided[i] == _IN else 0.0
            own = money + needed(day, i, floor)
            day.top[i] = max(min(at_most(day, i, own), room[q] + floor, limit[i]), floor)
            top = day.top[i] / day.reach[i]
            if decided[i] == _OUT or top == 0:
                day.start[i] = math.inf
            elif floor > 0:
                day.start[i], day.jump[i] = 0.0, floor / day.reach[i]
            else:
                day.start[i], day.jump[i] = envelope(top, day.family, day.slope)
    return True


@njit(cache=True, error_model="numpy")
def _widest(day: Day, bought: Floats, decided: Floats) -> int:
    """Who between nothing and its jump costs most beyond its envelope; -1 if there is none."""
    widest, found = 0.0, -1
    for i in range(len(bought)):
        share = bought[i] / day.reach[i]
        if decided[i] == _OPEN and 0 < share < day.jump[i] * _NEARLY:
            gap = needed(day, i, bought[i]) - needed_on_envelope(day, i, bought[i])
            if gap > widest:
                widest, found = gap, i
    return found


@njit(cache=True, error_model="numpy")
def _value(day: Day, bought: Floats, on_envelope: bool) -> float:
    """What the objective makes of a plan, or would make of it on the envelope."""
    value = 0.0
    for i in range(len(bought)):
        y, subsidy = bought[i], day.subsidy[i] * bought[i]
        money = needed_on_envelope(day, i, y) if on_envelope else needed(day, i, y)
        value += day.worth[i] * y - day.least * (money - subsidy)
    return value
