"""Many flights of a market, given what was really spent or shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.engine import binomial, streams
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.world import World
from promopilot.experiments.backtest.actual import Actual

_BATCH = 64


@dataclass(frozen=True)
class Replay:
    """Conversions as they would have been read, in F flights."""

    by_day: Floats  # [F, D]
    by_promotion: Floats  # [F, P]


def replay(world: World, actual: Actual, seed: int, flights: int) -> Replay:
    """Play what was given in `flights` flights; no limit of the plan's applies.

    Conversions count where they were recorded, and as far as they had come in by the reading.
    """
    given = float(actual.spend.sum())
    free = replace(
        world,
        budget=10 * given + 1.0,
        per_day_max=float("inf"),
        max_spend=np.full_like(world.max_spend, np.inf),
        live=np.ones_like(world.live),
        covers=("spend",),
        # What is in stock today says nothing of what there was then.
        catalog=replace(world.catalog, stock=np.full(world.catalog.num_promotions, np.inf)),
        initial=replace(world.initial, spent=0.0),
    )
    market = Market(free)
    in_time = world.dynamics.delay.seen(actual.age) * actual.recorded
    rng = np.random.default_rng(seed)
    by_day, by_promotion = [], []
    for begin in range(0, flights, _BATCH):
        market.reset(seed, np.arange(begin, min(begin + _BATCH, flights)))
        days = []
        promotions = np.zeros((market.num_flights, world.catalog.num_promotions))
        while not market.done:
            day = market.day
            outcome = _play(market, actual)
            booked = outcome.conversions.astype(np.int64)
            seen = rng.binomial(booked, in_time[day]).astype(np.float64)
            days.append(seen.sum(axis=1))
            promotions += world.catalog.by_promotion.sum(seen)
        by_day.append(np.stack(days, axis=1))
        by_promotion.append(promotions)
    return Replay(np.concatenate(by_day), np.concatenate(by_promotion))


def _play(market: Market, actual: Actual) -> DayOutcome:
    """A day with the spend that was spent, or with the impressions that were shown."""
    day, shape = market.day, (market.num_flights, market.world.catalog.num_line_items)
    if actual.given == "spend":
        return market.step(np.broadcast_to(actual.spend[day], shape))
    shown = np.ascontiguousarray(np.broadcast_to(actual.impressions[day], shape))
    first, second = market.true_rates
    drawn = (market.seed, market.flights, streams.BLOCKS)
    clicks = binomial.sample(*drawn, 2 * day, shown, first)
    conversions = binomial.sample(*drawn, 2 * day + 1, clicks, second)
    return market.book(np.zeros(shape), shown, clicks, conversions)
