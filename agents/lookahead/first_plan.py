"""What the daily re-planner would make of the rest of a flight, if all went as expected."""

import numpy as np

from promopilot.agents.lookahead.money import price
from promopilot.agents.lookahead.rest import Ahead
from promopilot.agents.lookahead.tiredness import tire_day
from promopilot.envs.arrays import Floats
from promopilot.envs.split.day import copy
from promopilot.envs.split.inner import inner


@inner
def replan_rest(
    ahead: Ahead,
    share_of_rest: Floats,
    bought: Floats,
    spare: Floats,
    tops: Floats,
    tired: Floats,
    factor: Floats,
    pool_price: Floats,
    at: Floats,
    outlay: Floats,
    left: Floats,
) -> None:
    """Write the re-planner's impressions `[M]`, and n and F of every day and audience `[H * A]`.

    Days one after the other, each with its share of the money left (`promopilot.envs.replan`).

    Args:
        ahead: The rest of a flight.
        share_of_rest: Of each day `[H]`.
        bought: `[M]`, written.
        spare: `[M]`, overwritten.
        tops: `[M]`, overwritten.
        tired: `[H * A]`, written.
        factor: `[H * A]`, written.
        pool_price: `[H * Q]`, zero at first; written.
        at: `[1 + H]` log((k + lambda) / k): of each day, and the mean as a guess at the rest's.
        outlay: Money of each day `[H]`, written.
        left: `[P]`, overwritten with the stock left.
    """
    day, audiences, pools = ahead.day, len(ahead.fatigue), len(ahead.supply) // ahead.days
    free = np.ones(ahead.days, dtype=np.bool_)
    money, last_price = day.budget, 0.0
    at[0] = 0.0
    copy(ahead.stock, left)
    copy(ahead.fatigue, tired)
    for d in range(ahead.days):
        tire_day(ahead, d, tired, factor)
        first, last = day.ends[d * pools], day.ends[(d + 1) * pools]
        most = np.zeros(len(left) if ahead.scarce else 0)
        for i in range(first, last):
            rate, p = ahead.rate[i] * factor[ahead.slot[i]], ahead.promotion[i]
            day.worth[i], day.subsidy[i] = ahead.worth[p] * rate, ahead.subsidy[p] * rate
            if ahead.scarce:
                most[p] += day.reach[i] * rate
        for i in range(first, last if ahead.scarce else first):
            p = ahead.promotion[i]
            tops[i] = day.top[i]
            day.top[i] = min(day.top[i], day.reach[i] * max(left[p], 0.0) / most[p])
        today = min(money * share_of_rest[d], ahead.day_max)
        last_price = price(
            *(ahead, d, d + 1, free, today, last_price, bought, spare, pool_price, outlay)
        )
        at[1 + d] = last_price
        at[0] += last_price / ahead.days
        money = max(money - outlay[d], 0.0)
        for i in range(first, last if ahead.scarce else first):
            left[ahead.promotion[i]] -= ahead.rate[i] * factor[ahead.slot[i]] * bought[i]
            day.top[i] = tops[i]
        if d + 1 < ahead.days:
            for s in range(d * audiences, (d + 1) * audiences):
                tired[s + audiences] = tired[s] * ahead.forget
            for i in range(first, last):
                exposed = bought[i] * ahead.per_person[i]
                tired[ahead.slot[i] + audiences] += exposed * ahead.forget
