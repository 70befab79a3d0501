"""The prices of limits: the dual's minimum, limit by limit first, then all together.

The dual is convex and, where line items are strictly concave, smooth but for the turn of each price
at zero. Limits whose own use alone is off are settled one at a time by a bracketed Newton method
(coordinate descent; it needs no curvature elsewhere); then Newton's steps on all limits that hold,
with a price that would change its sign stopped at zero (a projected Newton method: Bertsekas,
Projected Newton methods for optimization problems with simple constraints, 1982).
"""

import math

import numpy as np

from promopilot.envs.split.inner import inner
from promopilot.envs.split.rows import (
    dual,
    least_value,
    price_all,
    price_one,
    pull,
    shift,
    worst,
)

_ROUNDS = 8  # of sweeps, each followed by Newton's steps
_NEWTON = 50
_ALONE = 60  # steps on one limit
_HALVINGS = 30
TOLERANCE = 1e-12
_ROUGHLY = 1e-3  # of a limit's size: a sweep need not be exact
_RIDGE, _RIDGE_OF_OWN = 1e-9, 1e-11
_STUCK = 6
_NEAR = 1e-4  # so little is left to a rounding error of prices
_POLISHES = 3
_FLAT = 0.1  # of the first slope: a search along a step need not be exact


@inner
def settle_prices(lines, rows, found, scale):  # type: ignore[no-untyped-def]
    """Move `found.theta` to the dual's minimum; returns the largest violation left, relative.

    `scale` is the size of a price that makes a difference. Where the limits contradict each other
    the dual has no minimum: it falls below what any plan is worth, and the search ends.
    """
    price_all(lines, rows, found)
    left = worst(rows, found)
    before, lowest = math.inf, least_value(lines)
    for _ in range(_ROUNDS):
        if left <= TOLERANCE or dual(lines, rows, found) < lowest:
            break
        _sweep(lines, rows, found, scale)
        left = _newton(lines, rows, found, scale, lowest)
        if left > 1e-3 and left > 0.999 * before:
            break  # nothing moves any longer
        if left <= _NEAR:
            break  # the last digit of a price moves more than what is left
        before = left
    return left if left <= TOLERANCE or left > _NEAR else _polish(lines, rows, found, left)


@inner
def _sweep(lines, rows, found, scale):  # type: ignore[no-untyped-def]
    for j in range(len(found.theta)):
        if abs(pull(rows, found, j)) > TOLERANCE * rows.size[j]:
            _alone(lines, rows, found, j, scale)
    price_all(lines, rows, found)  # sums anew, free of what many small changes leave


@inner
def _alone(lines, rows, found, j, scale):  # type: ignore[no-untyped-def]
    """Settle one limit with the others' prices as they are: its use falls in its own price."""
    low, high = -math.inf, math.inf
    stride = _price_size(lines, rows, j, scale)
    for _ in range(_ALONE):
        off = pull(rows, found, j)
        if abs(off) <= _ROUGHLY * TOLERANCE * rows.size[j] or off == 0:
            return
        theta = found.theta[j]
        if off > 0:
            low = theta
        else:
            high = theta
        fall = 0.0
        for at in range(rows.row_starts[j], rows.row_starts[j + 1]):
            i, e = rows.item[at], rows.entry[at]
            slope = rows.shown[e] + rows.money[e] * found.next_cost[i]
            fall += found.give[i] * slope * slope
        guess = theta + off / fall if fall > 0 else math.inf
        if not low < guess < high or abs(guess - theta) > 4 * stride:
            if low > -math.inf and high < math.inf:
                guess = (low + high) / 2
            else:
                guess = theta + math.copysign(stride, off)
                stride *= 4
        if theta > 0 > guess or theta < 0 < guess:
            guess = 0.0
        if guess == theta or not math.isfinite(guess):
            return
        _move(lines, rows, found, j, guess)
        if abs(off) <= _ROUGHLY * rows.size[j] and fall > 0:
            return


@inner
def _move(lines, rows, found, j, theta):  # type: ignore[no-untyped-def]
    """Change one price, and what its line items do."""
    found.theta[j] = theta
    for at in range(rows.row_starts[j], rows.row_starts[j + 1]):
        i = rows.item[at]
        spend, shown = found.spend[i], found.shown[i]
        price_one(lines, rows, found, i)
        for e in range(rows.starts[i], rows.starts[i + 1]):
            more = rows.money[e] * (found.spend[i] - spend)
            found.used[rows.row[e]] += more + rows.shown[e] * (found.shown[i] - shown)


@inner
def _newton(lines, rows, found, scale, lowest):  # type: ignore[no-untyped-def]
    """Newton's steps on the limits that hold; returns the largest violation left."""
    limits = len(found.theta)
    start, step, off = np.empty(limits), np.empty(limits), np.empty(limits)
    ridge = np.empty(limits)
    for j in range(limits):
        ridge[j] = _RIDGE * rows.size[j] / _price_size(lines, rows, j, scale)
    free = np.empty(limits, dtype=np.int64)
    left, stuck = worst(rows, found), 0
    for _ in range(_NEWTON):
        if left <= TOLERANCE or stuck > (_STUCK if left > _NEAR else 1):
            break
        count = 0
        for j in range(limits):
            start[j] = found.theta[j]
            off[j] = pull(rows, found, j)
            step[j] = 0.0
            if found.theta[j] != 0 or off[j] != 0:
                free[count] = j
                count += 1
        curve = _curvature(rows, found, free, count)
        for p in range(count):
            curve[p, p] += ridge[free[p]] + _RIDGE_OF_OWN * curve[p, p]
        _step(curve, off, free, count, step, start)
        _go(lines, rows, found, start, step, off)
        now = worst(rows, found)
        stuck = stuck + 1 if now >= left else 0
        left = now
        if left > _NEAR and dual(lines, rows, found) < lowest:
            break
    return left


@inner
def _polish(lines, rows, found, left):  # type: ignore[no-untyped-def]
    """Move line items by a Newton step too small for the prices' digits."""
    limits = len(found.theta)
    off, step = np.zeros(limits), np.zeros(limits)
    free = np.empty(limits, dtype=np.int64)
    for _ in range(_POLISHES):
        count = 0
        for j in range(limits):
            off[j], step[j] = pull(rows, found, j), 0.0
            if found.theta[j] != 0 or off[j] != 0:
                free[count] = j
                count += 1
        curve = _curvature(rows, found, free, count)
        for p in range(count):
            curve[p, p] *= 1 + _RIDGE_OF_OWN
        _step(curve, off, free, count, step, off)
        for i in range(len(found.spend)):
            if found.give[i] > 0:
                push = 0.0
                for e in range(rows.starts[i], rows.starts[i + 1]):
                    slope = rows.shown[e] + rows.money[e] * found.next_cost[i]
                    push += slope * step[rows.row[e]]
                shift(lines, rows, found, i, -found.give[i] * push)
        now = worst(rows, found)
        if now >= left:
            break
        left = now
    return left


@inner
def _price_size(lines, rows, j, scale):  # type: ignore[no-untyped-def]
    """Size of a limit's price: per unit of money, or per impression."""
    for at in range(rows.row_starts[j], rows.row_starts[j + 1]):
        if rows.money[rows.entry[at]] != 0:
            return scale
    at = rows.row_starts[j]
    return scale * lines.cost[rows.item[at]] if at < rows.row_starts[j + 1] else scale


@inner
def _go(lines, rows, found, start, step, off):  # type: ignore[no-untyped-def]
    """Go along a step to where the dual no longer falls, or to where a price becomes zero.

    Its slope along the step is known to more digits than its value, and rises.
    """
    end, slope = math.inf, 0.0
    for j in range(len(start)):
        slope -= off[j] * step[j]
        if start[j] * step[j] < 0:
            end = min(end, -start[j] / step[j])
    low, high, length = 0.0, math.inf, min(1.0, end)
    steep, least = slope, slope
    for _ in range(_HALVINGS):
        for j in range(len(start)):
            theta = start[j] + length * step[j]
            found.theta[j] = 0.0 if start[j] * theta <= 0 < abs(start[j]) else theta
        price_all(lines, rows, found)
        here = 0.0
        for j in range(len(start)):
            if step[j] != 0:
                side = start[j] if start[j] != 0 else step[j]
                end_of = rows.high[j] if side > 0 else rows.low[j]
                here += (end_of - found.used[j]) * step[j]
        if abs(here) <= _FLAT * abs(slope) or (length == end and here <= 0):
            return
        if here > 0:
            high, steep = length, here
        else:
            low, least = length, here
        if high == math.inf:
            length = min(4 * length, end)
        else:
            cut = low + (high - low) * least / (least - steep)
            length = min(max(cut, low + 0.1 * (high - low)), high - 0.1 * (high - low))


@inner
def _curvature(rows, found, free, count):  # type: ignore[no-untyped-def]
    """Second derivatives of the dual in the free limits' prices `[count, count]`."""
    place = np.full(len(found.theta), -1)
    for at in range(count):
        place[free[at]] = at
    curve = np.zeros((count, count))
    for i in range(len(found.spend)):
        give = found.give[i]
        if give <= 0:
            continue
        for e in range(rows.starts[i], rows.starts[i + 1]):
            p = place[rows.row[e]]
            if p < 0:
                continue
            mine = give * (rows.shown[e] + rows.money[e] * found.next_cost[i])
            for o in range(rows.starts[i], e + 1):
                q = place[rows.row[o]]
                if q >= 0:
                    more = mine * (rows.shown[o] + rows.money[o] * found.next_cost[i])
                    curve[max(p, q), min(p, q)] += more
    return curve


@inner
def _step(curve, off, free, count, step, start):  # type: ignore[no-untyped-def]
    """Write the step that solves curve x step = off (Cholesky), a limit without curvature at rest.

    A limit at zero whose step would push its price the wrong way rests too.
    """
    rests = np.zeros(count, dtype=np.bool_)
    factor, right = np.empty((count, count)), np.empty(count)
    for _ in range(count + 1):
        for p in range(count):
            right[p] = 0.0 if rests[p] else off[free[p]]
            for q in range(p + 1):
                total = 0.0 if (rests[p] or rests[q]) and p != q else curve[p, q]
                for r in range(q):
                    total -= factor[p, r] * factor[q, r]
                if p > q:
                    factor[p, q] = total / factor[q, q]
                elif total > 0 and not rests[p]:
                    factor[p, p] = math.sqrt(total)
                else:  # nothing of its own: as if it were infinitely stiff
                    factor[p, p] = math.inf
        for p in range(count):
            for r in range(p):
                right[p] -= factor[p, r] * right[r]
            right[p] /= factor[p, p]
        for p in range(count - 1, -1, -1):
            for r in range(p + 1, count):
                right[p] -= factor[r, p] * right[r]
            right[p] /= factor[p, p]
        wrong = False
        for p in range(count):
            j = free[p]
            step[j] = right[p]
            if start[j] == 0 and step[j] * off[j] < 0:
                rests[p] = wrong = True
        if not wrong:
            return
    return
