"""S-shaped line items under limits: each is kept at its least, or past the turn of its cost.

With that decided for all of them the problem is one of `promopilot.envs.split.limited`. The first
decision is that of the dual's prices, whose bound is that of the envelope; then one line item after
the other is decided the other way, those first that the prices hardly tell apart, and one is
exchanged for another; last, one of those at their least may have a part of what leads to the turn.
"""

import math

import numpy as np
from numba import njit

from promopilot.envs.response import ratio_paid
from promopilot.envs.split.closer import closer, feasible, improve, in_money, worth_of
from promopilot.envs.split.day import copy
from promopilot.envs.split.inner import inner
from promopilot.envs.split.limited import SETTLED, bound_at, prepare, workspace, write
from promopilot.envs.split.prices import settle_prices
from promopilot.envs.split.rows import Lines, dual, price_all, room_for, shown_for

_MOST_TURNS = 150
_ENOUGH = 1e-9
_MOST_PARTS, _STEPS = 6, 8
_HALVINGS = 40
_PARTS = 5


@njit(cache=True, error_model="numpy")
def split_s_shaped(problem, given, out):  # type: ignore[no-untyped-def]
    """As `promopilot.envs.split.limited.split_limited`, line items S-shaped."""
    lines, raised, rows, found = workspace(problem)
    for n in range(len(given.budget)):
        scale = prepare(n, problem, given, lines, raised, rows, found)
        if settle_prices(raised, rows, found, scale) <= SETTLED:
            bound = bound_at(lines, rows, found)
        else:
            bound, planned = decide(lines, raised, rows, found, scale)
            if not planned:
                first_pool = len(rows.low) - given.supply.shape[1]
                bound = closer(lines, raised, rows, found, scale, first_pool)
        write(n, problem, given, lines, found, bound, out)


@inner
def decide(lines, raised, rows, found, scale):  # type: ignore[no-untyped-def]
    """Write the best plan found into `found`; returns a bound, and whether there is a plan."""
    price_all(lines, rows, found)
    bound, items = dual(lines, rows, found), len(found.spend)
    kept = np.empty((4, items))
    own = Lines(
        *(lines.worth, lines.cost, lines.reach, kept[0], kept[1], kept[2], kept[3]),
        *(lines.price, lines.family, lines.slope),
    )
    own_raised = Lines(
        *(raised.worth, lines.cost, lines.reach, kept[0], kept[1], kept[2], kept[3]),
        *(lines.price, lines.family, lines.slope),
    )
    straight, spare = in_money(rows), room_for(items, len(rows.low))
    tried = room_for(items, len(rows.low))
    many, near = np.zeros(items, dtype=np.bool_), np.full(items, math.inf)
    for i in range(items):
        turn = _turn(lines, i)
        many[i] = found.spend[i] > lines.least[i] and found.spend[i] >= turn
        if lines.least[i] < turn < lines.most[i]:
            near[i] = _nearness(lines, found, i)
    prices, part = found.theta.copy(), np.zeros(items)
    best = _solve(lines, own, own_raised, rows, straight, spare, tried, many, part, prices, scale)
    if best > -math.inf:
        _keep(tried, found)
    order = np.argsort(near)
    turns, better = 0, True
    while better and turns < _MOST_TURNS:
        better = False
        for at in range(items * items):
            i, j = order[at // items], order[at % items]  # one for another; i alone where i is j
            if near[i] == math.inf or near[j] == math.inf or (i != j and (not many[i] or many[j])):
                continue
            turns += 1
            if turns > _MOST_TURNS:
                break
            many[i] = not many[i]
            if i != j:
                many[j] = not many[j]
            value = _solve(
                *(lines, own, own_raised, rows, straight, spare),
                *(tried, many, part, prices, scale),
            )
            if value > best and value - best > _ENOUGH * abs(value):
                best, better = value, True
                _keep(tried, found)
            else:
                many[i] = not many[i]
                if i != j:
                    many[j] = not many[j]
    for at in range(min(items, _MOST_PARTS)):  # one may do best before its turn
        i = order[at]
        if near[i] == math.inf or many[i]:
            continue
        for step in range(1, _STEPS):
            part[i] = step / _STEPS
            value = _solve(
                *(lines, own, own_raised, rows, straight, spare),
                *(tried, many, part, prices, scale),
            )
            if value > best and value - best > _ENOUGH * abs(value):
                best = value
                _keep(tried, found)
        part[i] = 0.0
    if best > -math.inf:
        _keep(found, tried)
        if _exchange(lines, rows, tried):
            for i in range(items):  # what is past its turn now is split anew
                many[i] = tried.spend[i] > lines.least[i] and tried.spend[i] >= _turn(lines, i)
            _keep(tried, found)
            best = worth_of(lines, found.spend)
            value = _solve(
                *(lines, own, own_raised, rows, straight, spare),
                *(tried, many, part, prices, scale),
            )
            if value > best:
                _keep(tried, found)
    return bound, best > -math.inf


@inner
def _turn(lines, i):  # type: ignore[no-untyped-def]
    """Money at u = (1 - 1/s) / 2, where the marginal cost turns."""
    ratio = ratio_paid(0.5 - 0.5 / lines.slope, lines.family, lines.slope)
    return lines.cost[i] * lines.reach[i] * ratio


@inner
def _nearness(lines, found, i):  # type: ignore[no-untyped-def]
    """By how much, relative to what it pays, the prices hold one choice for better."""
    share = 1 - 1 / lines.slope
    y = min(lines.reach[i] * share, lines.most_shown[i])
    x = lines.cost[i] * lines.reach[i] * ratio_paid(y / lines.reach[i], lines.family, lines.slope)
    more = found.net[i] * (y - lines.least_shown[i]) - found.price[i] * (x - lines.least[i])
    return abs(more) / max(abs(found.price[i]) * x, 1e-300)


@inner
def _solve(lines, own, own_raised, rows, straight, spare, tried, many, part, prices, scale):  # type: ignore[no-untyped-def]
    """The best plan for a decision into `tried`; its worth, -inf where there is none."""
    for i in range(len(many)):
        turn = _turn(lines, i)
        own.least[i], own.least_shown[i] = lines.least[i], lines.least_shown[i]
        own.most[i], own.most_shown[i] = lines.most[i], lines.most_shown[i]
        if many[i] and turn > lines.least[i]:
            own.least[i] = min(turn, lines.most[i])
            half = lines.reach[i] * (0.5 - 0.5 / lines.slope)
            own.least_shown[i] = min(half, lines.most_shown[i])
        elif not many[i] and turn > lines.least[i]:
            if part[i] > 0:
                top = min(turn, lines.most[i])
                own.least[i] += part[i] * (top - own.least[i])
                own.least_shown[i] = _bought(lines, i, own.least[i])
            own.most[i], own.most_shown[i] = own.least[i], own.least_shown[i]
    copy(prices, tried.theta)
    left = settle_prices(own_raised, rows, tried, scale)
    if left > SETTLED:
        plan = tried.spend.copy()
        if not feasible(own, rows, straight, spare, plan):
            return -math.inf
        improve(own, own_raised, rows, straight, spare, tried, plan, scale)
    _fill(lines, rows, tried)
    return worth_of(lines, tried.spend)


@inner
def _keep(tried, found):  # type: ignore[no-untyped-def]
    copy(tried.spend, found.spend)
    copy(tried.shown, found.shown)
    copy(tried.net, found.net)
    copy(tried.price, found.price)
    copy(tried.theta, found.theta)


@inner
def _fill(lines, rows, tried):  # type: ignore[no-untyped-def]
    """Give what the limits leave to who makes most of it, one line item after the other.

    That one may stay before the turn of its cost.
    """
    for _ in range(len(tried.spend)):
        for j in range(len(rows.low)):
            tried.used[j] = 0.0
        for i in range(len(tried.spend)):
            for e in range(rows.starts[i], rows.starts[i + 1]):
                more = rows.money[e] * tried.spend[i] + rows.shown[e] * tried.shown[i]
                tried.used[rows.row[e]] += more
        best, most, at = -1, 0.0, 0.0
        for i in range(len(tried.spend)):
            x = _room(lines, rows, tried, i)
            if x <= tried.spend[i]:
                continue
            y = _bought(lines, i, x)
            gain = lines.worth[i] * (y - tried.shown[i]) - lines.price * (x - tried.spend[i])
            if gain > most:
                best, most, at = i, gain, x
        if best < 0 or most <= 1e-9 * abs(worth_of(lines, tried.spend)):
            return
        tried.spend[best], tried.shown[best] = at, _bought(lines, best, at)


@inner
def _exchange(lines, rows, tried):  # type: ignore[no-untyped-def]
    """Move money between two line items while that earns more; whether any was moved.

    All, a half, a quarter, ... of what one has above its least goes to another, as far as limits
    allow: steps large enough for S-shaped curves, of which a little more may be worth less.
    """
    items, moved = len(tried.spend), False
    for _ in range(items):
        for j in range(len(rows.low)):
            tried.used[j] = 0.0
        for i in range(items):
            for e in range(rows.starts[i], rows.starts[i + 1]):
                more = rows.money[e] * tried.spend[i] + rows.shown[e] * tried.shown[i]
                tried.used[rows.row[e]] += more
        most, giver, taker, given, taken = 0.0, -1, -1, 0.0, 0.0
        for i in range(items):
            free = tried.spend[i] - lines.least[i]
            if free <= 0:
                continue
            for part in range(_PARTS):
                x = tried.spend[i] - free / 2**part
                lost = tried.shown[i] - _bought(lines, i, x)
                for j in range(items):
                    more = min(tried.spend[i] - x, lines.most[j] - tried.spend[j])
                    if i == j or more <= 0:
                        continue
                    won = _bought(lines, j, tried.spend[j] + more) - tried.shown[j]
                    gain = lines.worth[j] * won - lines.worth[i] * lost
                    gain -= lines.price * (more - (tried.spend[i] - x))
                    fits = gain > most and _fits(
                        rows, tried, i, x - tried.spend[i], -lost, j, more, won
                    )
                    if fits:
                        most, giver, taker, given, taken = gain, i, j, x, tried.spend[j] + more
        if most <= 1e-9 * abs(worth_of(lines, tried.spend)):
            return moved
        moved = True
        tried.spend[giver], tried.shown[giver] = given, _bought(lines, giver, given)
        tried.spend[taker], tried.shown[taker] = taken, _bought(lines, taker, taken)
    return moved


@inner
def _fits(rows, tried, i, less, lost, j, more, won):  # type: ignore[no-untyped-def]
    """Whether every limit holds when i gets `less` money and `lost` impressions, and j the rest."""
    for e in range(rows.starts[i], rows.starts[i + 1]):
        tried.used[rows.row[e]] += rows.money[e] * less + rows.shown[e] * lost
    for e in range(rows.starts[j], rows.starts[j + 1]):
        tried.used[rows.row[e]] += rows.money[e] * more + rows.shown[e] * won
    fits = True
    for at in range(2):
        k = i if at == 0 else j
        for e in range(rows.starts[k], rows.starts[k + 1]):
            row = rows.row[e]
            if not rows.low[row] <= tried.used[row] <= rows.high[row]:
                fits = False
    for e in range(rows.starts[i], rows.starts[i + 1]):
        tried.used[rows.row[e]] -= rows.money[e] * less + rows.shown[e] * lost
    for e in range(rows.starts[j], rows.starts[j + 1]):
        tried.used[rows.row[e]] -= rows.money[e] * more + rows.shown[e] * won
    return fits


@inner
def _bought(lines, i, spend):  # type: ignore[no-untyped-def]
    y = shown_for(spend, lines.cost[i], lines.reach[i], lines.family, lines.slope)
    return min(y, lines.most_shown[i])


@inner
def _room(lines, rows, tried, i):  # type: ignore[no-untyped-def]
    """Most money that one line item may spend with the others where they are."""
    low, high = tried.spend[i], lines.most[i]
    for step in range(_HALVINGS):
        middle = high if step == 0 else (low + high) / 2
        more, fits = middle - tried.spend[i], True
        shown = _bought(lines, i, middle) - tried.shown[i]
        for e in range(rows.starts[i], rows.starts[i + 1]):
            j = rows.row[e]
            if tried.used[j] + rows.money[e] * more + rows.shown[e] * shown > rows.high[j]:
                fits = False
        if fits:
            low = middle
        else:
            high = middle
        if low >= high:
            break
    return low
