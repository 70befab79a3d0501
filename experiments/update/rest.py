"""The rest of the flight as it is believed this morning, and what the run's policy does in it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.special import logit

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Floats
from promopilot.envs.exogenous import Exogenous, mean_draw
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.taken_market import TakenMarket
from promopilot.envs.world import World
from promopilot.experiments.limits.loosened import rest_of_flight

_EDGE = 1e-9  # log-odds are finite


@dataclass(frozen=True, kw_only=True)
class RestOfFlight(World):
    """A market that starts in the middle of a flight, whose limits go on as they were meant."""

    yesterday: Floats  # [L] spend of the day before, from which steps start
    even: float  # `even_day` of the whole flight

    @property
    def current_mix(self) -> Floats:
        """[D, L] as before the flight: what is locked stays there, however much money is left."""
        return self.current_spend

    @property
    def day_before(self) -> Floats:
        """[L] what was spent yesterday."""
        return self.yesterday

    @property
    def even_day(self) -> float:
        """As before the flight."""
        return self.even


def rest_of(market: TakenMarket, log_price: Floats, yesterday: Floats) -> RestOfFlight:
    """A market that starts today, with what has been learnt as its rates and their uncertainty.

    Its budget is the money left, in whole cents, and its limits are what is left of the run's.

    Args:
        market: The run's, brought to this morning.
        log_price: Yesterday's log prices over their medians `[K]`.
        yesterday: Yesterday's spend `[L]`.
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
    ahead = replace(
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
        else rest_of_flight(world.limits, today, market.group_spend[0]),
    )
    parts = {field.name: getattr(ahead, field.name) for field in fields(World)}
    return RestOfFlight(**parts, yesterday=yesterday, even=world.even_day)


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


def planned(policy: Policy, morning: TakenMarket) -> Floats:
    """What the policy asks for on each day that is left `[D, L]`, all going as believed.

    Args:
        policy: Who decides.
        morning: The run's market, brought to this morning; it stays there.
    """
    market = copy.deepcopy(morning, {id(morning.world): morning.world})
    days = []
    while not market.done:
        outcome = market.step(policy.spend(market))
        days.append(outcome.asked[0])
        if market.world.limits is not None:  # as in `reference_table`: what is asked for is planned
            market.set_aside((outcome.asked - outcome.spend).sum(axis=1))
    return np.stack(days)
