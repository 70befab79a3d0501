"""The rest of the flight as it is believed this morning, and what the run's policy does in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import logit

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Floats
from promopilot.envs.exogenous import Exogenous, mean_draw
from promopilot.envs.limits import Group, Limits
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.taken_market import TakenMarket
from promopilot.envs.world import World

_EDGE = 1e-9  # log-odds are finite


def rest_of(market: TakenMarket, log_price: Floats) -> World:
    """A market that starts today, with what has been learnt as its rates and their uncertainty.

    Its budget is the money left, in whole cents. What is planned in it keeps the run's limits
    already; it holds those again that name what keeps a row from more money.

    Args:
        market: The run's, brought to this morning.
        log_price: Yesterday's log prices over their medians `[K]`.
    """
    world, today = market.world, market.day
    beliefs = (market.first_belief, market.second_belief)
    stages = [
        Stage(
            rate=np.clip([belief.expected_rate(d)[0] for d in range(today, world.days)], 0.0, 1.0),
            shared_sd=belief.now.sd[0].copy(),
            own_sd=stage.own_sd,
        )
        for stage, belief in zip(world.rates.stages, beliefs, strict=True)
    ]
    if not world.rates.has_clicks:  # the second stage is certain
        stages[1] = replace(world.rates.second_stage, rate=world.rates.second[today:])
    left = np.floor(float(market.budget_left[0]) * 100 + 1e-6) / 100
    return replace(
        world,
        catalog=replace(world.catalog, stock=market.stock_left[0]),
        rates=Rates(stages[0], stages[1], world.rates.has_clicks),
        initial=replace(
            world.initial,
            fatigue=market.fatigue[0],
            log_price=log_price,
            pending=np.zeros_like(world.initial.pending),
            spent=0.0,
        ),
        start=world.dates[today],
        budget=max(left, 0.01),  # a market has some money; nothing of it is planned where 0 is left
        supply=world.supply[today:],
        live=world.live[today:],
        current_spend=world.current_mix[today:],
        limits=None
        if world.limits is None
        else _limits_left(world.limits, market.group_spend[0], today),
    )


def foreseen_from(market: TakenMarket, rest: World, prices: Floats) -> Exogenous:
    """What the reference flight meets from today on: believed rates, expected prices.

    Args:
        market: The run's, brought to this morning.
        rest: The market of the rest of the flight.
        prices: Price factors from today on `[D, K]`.
    """
    world, today = market.world, market.day
    mean = mean_draw(world)
    path = mean.price_factor.copy()
    path[0, today:] = prices
    shifts = [
        (logit(np.clip(now.rate, _EDGE, 1 - _EDGE)) - belief.centre[today:]).mean(axis=0)
        for now, belief in zip(
            rest.rates.stages, (market.first_belief, market.second_belief), strict=True
        )
    ]
    return replace(
        mean, price_factor=path, first_shift=shifts[0][None], second_shift=shifts[1][None]
    )


def planned(policy: Policy, market: TakenMarket) -> Floats:
    """What the policy asks for on each day that is left `[D, L]`, all going as believed."""
    days = []
    while not market.done:
        days.append(market.step(policy.spend(market)).asked[0])
    return np.stack(days)


def _limits_left(limits: Limits, spent: Floats, today: int) -> Limits:
    """Own minima and groups, of the days that are left; those of the flight less what is spent.

    Args:
        limits: The run's.
        spent: By each group so far `[G]`.
        today: How many days are over.
    """

    def left(group: Group, gone: float) -> Group:
        if group.whole_flight:
            low, high = (max(float(end) - gone, 0.0) for end in (group.min, group.max))
            return replace(group, min=low, max=high, max_share=1.0)
        return replace(group, min=_ahead(group.min, today), max=_ahead(group.max, today))

    groups = tuple(left(*pair) for pair in zip(limits.groups, spent.tolist(), strict=True))
    none = Limits.none(len(limits.min_spend))
    return replace(none, min_spend=limits.min_spend, groups=groups)


def _ahead(money: float | Floats, today: int) -> float | Floats:
    """An amount a day, or one for each day `[D]`, from today on."""
    return money[today:] if isinstance(money, np.ndarray) and money.ndim else money
