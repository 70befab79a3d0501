"""A day under limits: line items with two bounds, and limits that several of them share.

Maximise  sum_i w_i y_i - k x_i  with  low_j <= sum_i a_ji x_i + b_ji y_i <= high_j  for every limit
j and  least_i <= x_i <= most_i,  y_i the impressions that x_i buys. With a price theta_j per limit
(above zero where the upper end holds it back, below zero where the lower end pushes) each line item
is on its own: it maximises net y - price x, net = w - sum b theta, price = k + sum a theta.
"""

from typing import NamedTuple

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.response import HILL, marginal_ratio, ratio_paid, share_bought
from promopilot.envs.split.curve import wanted
from promopilot.envs.split.inner import inner

# In place of a family of saturation: no purchase, but the point nearest to a wish.
NEAREST = -1


class Lines(NamedTuple):
    """Line items; with `NEAREST` `worth` is the wish and `cost` how easily it is moved."""

    worth: Floats  # [L] w, objective per impression
    cost: Floats  # [L] c, money for the first impression
    reach: Floats  # [L] R, impressions; 0 where money buys none
    least: Floats  # [L] money
    most: Floats  # [L] money, finite
    least_shown: Floats  # [L] impressions for `least`
    most_shown: Floats  # [L] impressions for `most`
    price: float  # k, what a unit of money is worth unspent
    family: int
    slope: float


class Rows(NamedTuple):
    """Limits j as sparse rows, kept by line item and by limit."""

    starts: Ints  # [L + 1] where a line item's entries begin
    row: Ints  # [E] their limits
    money: Floats  # [E] a, per unit of money
    shown: Floats  # [E] b, per impression
    row_starts: Ints  # [R + 1] where a limit's entries begin in the next two
    item: Ints  # [E] line item
    entry: Ints  # [E] its entry in `row`, `money` and `shown`
    low: Floats  # [R], -inf where there is none
    high: Floats  # [R], inf where there is none
    size: Floats  # [R] what a violation is measured by


class Found(NamedTuple):
    """Where each line item is at the present prices."""

    spend: Floats  # [L] x
    shown: Floats  # [L] y
    next_cost: Floats  # [L] dx/dy
    give: Floats  # [L] 1 / (price d2x/dy2): how far y moves; 0 at a bound
    net: Floats  # [L]
    price: Floats  # [L]
    theta: Floats  # [R]
    used: Floats  # [R] what each limit's line items add up to


@inner
def room_for(lines, limits):  # type: ignore[no-untyped-def]
    """A `Found` to write into."""
    work = np.zeros((6, lines))
    ends = np.zeros((2, limits))
    return Found(work[0], work[1], work[2], work[3], work[4], work[5], ends[0], ends[1])


@inner
def price_all(lines, rows, found):  # type: ignore[no-untyped-def]
    """Write everything that follows from `found.theta`."""
    for j in range(len(found.theta)):
        found.used[j] = 0.0
    for i in range(len(found.spend)):
        price_one(lines, rows, found, i)
        x, y = found.spend[i], found.shown[i]
        for e in range(rows.starts[i], rows.starts[i + 1]):
            found.used[rows.row[e]] += rows.money[e] * x + rows.shown[e] * y


@inner
def price_one(lines, rows, found, i):  # type: ignore[no-untyped-def]
    """Write what one line item does at the present prices."""
    net, price = 0.0, 0.0
    if lines.family != NEAREST:
        net, price = lines.worth[i], lines.price
    for e in range(rows.starts[i], rows.starts[i + 1]):
        theta = found.theta[rows.row[e]]
        net -= rows.shown[e] * theta
        price += rows.money[e] * theta
    x, y, cost, give = choose(lines, i, net, price)
    found.net[i], found.price[i] = net, price
    found.spend[i], found.shown[i] = x, y
    found.next_cost[i], found.give[i] = cost, give


@inner
def choose(lines, i, net, price):  # type: ignore[no-untyped-def]
    """x, y, dx/dy and the give of the best choice of one line item; the best of all, too.

    With a price below zero and impressions that cost more than they are worth the best is one of
    both ends: net y - price x is then convex in x.
    """
    least, most = lines.least[i], lines.most[i]
    if lines.family == NEAREST:
        x = lines.worth[i] - lines.cost[i] * price
        if x <= least:
            return least, 0.0, 1.0, 0.0
        if x >= most:
            return most, 0.0, 1.0, 0.0
        return x, 0.0, 1.0, lines.cost[i]
    low, high = lines.least_shown[i], lines.most_shown[i]
    reach = lines.reach[i]
    if least >= most:
        return least, low, 1.0, 0.0
    if net <= 0 or price <= 0 or reach <= 0:
        if net * high - price * most > net * low - price * least:
            return most, high, 1.0, 0.0
        return least, low, 1.0, 0.0
    paid = lines.cost[i] * price
    if lines.family == HILL and lines.slope > 1:
        return _choose_s_shaped(lines, i, net, price)
    if net <= paid * marginal_ratio(low / reach, lines.family, lines.slope):
        return least, low, 1.0, 0.0
    share, rate = wanted(net, paid, lines.family, lines.slope)
    y = reach * share
    if y <= low:
        return least, low, 1.0, 0.0
    if y >= high:
        return most, high, 1.0, 0.0
    x = lines.cost[i] * reach * ratio_paid(share, lines.family, lines.slope)
    return min(max(x, least), most), y, net / price, reach * rate / net


@inner
def _choose_s_shaped(lines, i, net, price):  # type: ignore[no-untyped-def]
    """The same where the first impressions cost more than later ones: its least, or many."""
    least, low, reach = lines.least[i], lines.least_shown[i], lines.reach[i]
    share, rate = wanted(net, lines.cost[i] * price, lines.family, lines.slope)
    y = min(reach * share, lines.most_shown[i])
    if rate <= 0 or y <= low:
        return least, low, 1.0, 0.0
    x = lines.cost[i] * reach * ratio_paid(y / reach, lines.family, lines.slope)
    if net * (y - low) <= price * (x - least):
        return least, low, 1.0, 0.0
    if y >= lines.most_shown[i]:
        return lines.most[i], y, 1.0, 0.0
    return min(max(x, least), lines.most[i]), y, net / price, reach * rate / net


@inner
def pull(rows, found, j):  # type: ignore[no-untyped-def]
    """By how much a limit's use is off at its present price; 0 where it may stay.

    Above zero the price must rise. It is minus the slope of the dual in theta_j.
    """
    theta, used = found.theta[j], found.used[j]
    if theta > 0 or (theta == 0 and used > rows.high[j]):
        return used - rows.high[j]
    if theta < 0 or used < rows.low[j]:
        return used - rows.low[j]
    return 0.0


@inner
def worst(rows, found):  # type: ignore[no-untyped-def]
    """The largest pull of all limits, relative to their sizes."""
    most = 0.0
    for j in range(len(found.theta)):
        most = max(most, abs(pull(rows, found, j)) / rows.size[j])
    return most


@inner
def dual(lines, rows, found):  # type: ignore[no-untyped-def]
    """The dual's value: no plan within the limits is worth more, whatever the prices."""
    value = 0.0
    for i in range(len(found.spend)):
        x = found.spend[i]
        if lines.family == NEAREST:
            value -= (x - lines.worth[i]) ** 2 / (2 * lines.cost[i]) + found.price[i] * x
        else:
            value += found.net[i] * found.shown[i] - found.price[i] * x
    for j in range(len(found.theta)):
        theta = found.theta[j]
        if theta > 0:
            value += theta * rows.high[j]
        elif theta < 0:
            value += theta * rows.low[j]
    return value


@inner
def least_value(lines):  # type: ignore[no-untyped-def]
    """No plan inside the line items' own bounds is worth less: each is worst at one of its ends."""
    value = 0.0
    for i in range(len(lines.worth)):
        if lines.family == NEAREST:
            far = max(abs(lines.least[i] - lines.worth[i]), abs(lines.most[i] - lines.worth[i]))
            value -= far * far / (2 * lines.cost[i])
        else:
            low = lines.worth[i] * lines.least_shown[i] - lines.price * lines.least[i]
            high = lines.worth[i] * lines.most_shown[i] - lines.price * lines.most[i]
            value += min(low, high)
    return value - 1e-9 * abs(value)


@inner
def shown_for(spend, cost, reach, family, slope):  # type: ignore[no-untyped-def]
    """Impressions that money buys; none where there is no reach."""
    return reach * share_bought(spend / (cost * reach), family, slope) if reach > 0 else 0.0


@inner
def shift(lines, rows, found, i, more):  # type: ignore[no-untyped-def]
    """Move one line item by impressions (with `NEAREST` money), prices as they are."""
    spend, shown = found.spend[i], found.shown[i]
    if lines.family == NEAREST:
        found.spend[i] = min(max(spend + more, lines.least[i]), lines.most[i])
    else:
        y = min(max(shown + more, lines.least_shown[i]), lines.most_shown[i])
        ratio = ratio_paid(y / lines.reach[i], lines.family, lines.slope)
        found.spend[i] = min(
            max(lines.cost[i] * lines.reach[i] * ratio, lines.least[i]), lines.most[i]
        )
        found.shown[i] = y
    for e in range(rows.starts[i], rows.starts[i + 1]):
        moved = rows.money[e] * (found.spend[i] - spend)
        found.used[rows.row[e]] += moved + rows.shown[e] * (found.shown[i] - shown)
