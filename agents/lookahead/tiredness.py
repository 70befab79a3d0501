"""How a plan tires its audiences, what it then earns, and what an exposure costs later days.

n_(t+1) = (n_t + exposures_t) forget; an audience's rates are multiplied by
F(n) = exp(-exponent (log(1 + n) - usual)).
"""

import math

from promopilot.agents.lookahead.rest import Ahead
from promopilot.envs.arrays import Floats
from promopilot.envs.split.curve import ratio_on_envelope
from promopilot.envs.split.inner import inner


@inner
def tire(ahead: Ahead, bought: Floats, tired: Floats, factor: Floats) -> None:
    """Follow a plan `[M]`: write n and F of every day and audience `[H * A]`."""
    audiences, pools = len(ahead.fatigue), len(ahead.supply) // ahead.days
    for a in range(audiences):
        tired[a] = ahead.fatigue[a]
    for d in range(ahead.days):
        first = d * audiences
        tire_day(ahead, d, tired, factor)
        if d + 1 == ahead.days:
            break
        for a in range(first, first + audiences):
            tired[a + audiences] = tired[a] * ahead.forget
        for i in range(ahead.day.ends[d * pools], ahead.day.ends[(d + 1) * pools]):
            exposed = bought[i] * ahead.per_person[i]
            tired[ahead.slot[i] + audiences] += exposed * ahead.forget


@inner
def tire_day(ahead: Ahead, d: int, tired: Floats, factor: Floats) -> None:
    """Write F of one day's audiences."""
    audiences = len(ahead.fatigue)
    for a in range(audiences):
        above = math.log1p(tired[d * audiences + a]) - ahead.usual[a]
        factor[d * audiences + a] = math.exp(-ahead.exponent * above)


@inner
def later_cost(
    ahead: Ahead,
    bought: Floats,
    tired: Floats,
    factor: Floats,
    stock_price: Floats,
    money_price: float,
    cost: Floats,
) -> None:
    """Write what one more exposure per person on a day takes from all later days `[H * A]`.

    The adjoint of the dynamics: with e_t the earnings of day t per unit of F, as
    psi_t = -e_t F'(n_t) + forget psi_(t+1), an exposure on day t costs forget psi_(t+1).
    """
    audiences, pools = len(ahead.fatigue), len(ahead.supply) // ahead.days
    for s in range(len(cost)):
        cost[s] = 0.0
    for d in range(ahead.days - 1, 0, -1):
        first = d * audiences
        earned = cost[first - audiences : first]
        for i in range(ahead.day.ends[d * pools], ahead.day.ends[(d + 1) * pools]):
            p = ahead.promotion[i]
            each = ahead.worth[p] - stock_price[p] - money_price * ahead.subsidy[p]
            earned[ahead.slot[i] - first] += each * ahead.rate[i] * bought[i]
        for a in range(audiences):
            steep = ahead.exponent * factor[first + a] / (1 + tired[first + a])
            earned[a] = ahead.forget * (earned[a] * steep + cost[first + a])


@inner
def value(ahead: Ahead, bought: Floats, factor: Floats, money_price: float, sold: Floats) -> float:
    """What the objective makes of a plan; orders beyond stock and budget pay nothing.

    Args:
        ahead: The rest of a flight.
        bought: Impressions `[M]`.
        factor: F of the plan `[H * A]`.
        money_price: Price of money, k + lambda: twice it is charged for what exceeds the budget.
        sold: Conversions asked for, `[P]`, written.
    """
    day = ahead.day
    for p in range(len(sold)):
        sold[p] = 0.0
    spent = subsidised = 0.0
    for i in range(len(bought)):
        if bought[i] > 0:
            ratio = ratio_on_envelope(bought[i] / day.reach[i], day.jump[i], day.family, day.slope)
            spent += day.cost[i] * day.reach[i] * ratio
            asked = ahead.rate[i] * factor[ahead.slot[i]] * bought[i]
            sold[ahead.promotion[i]] += asked
            subsidised += ahead.subsidy[ahead.promotion[i]] * asked
    total = -day.least * spent - 2 * money_price * max(spent + subsidised - day.budget, 0.0)
    for p in range(len(sold)):
        total += ahead.worth[p] * min(sold[p], ahead.stock[p])
    return total
