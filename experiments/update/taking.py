"""Bringing a market from the flight's first morning to today's by what really happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.dynamics import Delay
from promopilot.envs.exogenous import mean_delay
from promopilot.envs.taken_market import Taken, TakenMarket
from promopilot.envs.world import World
from promopilot.experiments.update.days import Happened
from promopilot.experiments.update.prices import Paid


@dataclass(frozen=True)
class Stage:
    """One stage of the funnel over T days: what it was asked and what came (P promotions)."""

    trials: Floats  # [T, L] as on the reference day and rested
    rate: Floats  # [T, L] believed on the morning of each day, likewise
    sd: Floats  # [T, P] of that belief's log-odds
    events: Floats  # [T, L]


@dataclass(frozen=True)
class TakenFlight:
    """A market this morning, and what each day was expected to bring when it began."""

    market: TakenMarket
    # First events of impressions, and conversions of first events; without the former one stage.
    stages: tuple[Stage, ...]
    rested: Floats  # [T, L] impressions as on the reference day and rested
    click_weight: Floats  # [T, L] second stage's rate on the day over its reference day's
    first_rates: tuple[Floats, ...]  # [L] each stage as believed before the flight
    first_sds: tuple[Floats, ...]  # [P] likewise


def take_flight(world: World, happened: Happened, paid: Paid, projection: float) -> TakenFlight:
    """Take in every day that was read.

    Beliefs learn from counts as they were recorded; exposures, money and stock are those of the
    business. What a reading shows of a day is as much of its conversions as the delay lets be seen
    by then; trials wait for the rest.

    Args:
        world: The run's market.
        happened: What was read.
        paid: What it cost.
        projection: Counts in the business per recorded one.
    """
    market = TakenMarket(world, expected=True)
    market.reset_to_mean()
    catalog, clicks_too = world.catalog, world.rates.has_clicks
    first_rates = tuple(rate[0].copy() for rate in market.reference_rates)
    first_sds = stage_sds(market)
    days, shape = happened.days, happened.impressions.shape
    late, rested, click_weight = (np.zeros(shape) for _ in range(3))  # late: of the last stage
    number = 2 if clicks_too else 1
    trials, rates, events = ([np.zeros(shape) for _ in range(number)] for _ in range(3))
    sds = [np.zeros((days, catalog.num_promotions)) for _ in range(number)]
    unit_subsidy = catalog.unit_subsidy[catalog.promotion]
    for day in range(days):
        shown, clicks = happened.impressions[day], np.nan_to_num(happened.clicks[day])
        # Where no clicks are recorded impressions say nothing of them.
        told = ~np.isnan(happened.clicks[day]) if clicks_too else np.ones(shape[1])
        by_impression, by_click = (weight[0] for weight in market.trial_weights)
        rested[day], click_weight[day] = shown * told * by_impression, by_click
        late[day] = clicks * by_click if clicks_too else rested[day]
        due, fast, slow = _waiting(late[: day + 1], happened.read[: day + 1], world.dynamics.delay)
        for at, (rate, sd) in enumerate(
            zip(market.reference_rates, stage_sds(market), strict=True)
        ):
            rates[at][day], sds[at][day] = rate[0], sd
        trials[-1][day], events[-1][day] = due, happened.arrived[day]
        if clicks_too:
            trials[0][day], events[0][day] = rested[day], clicks
        booked = happened.arrived[day] * projection
        subsidy = happened.subsidy[day]
        if np.isnan(subsidy):
            subsidy = (booked * unit_subsidy).sum()
        market.take(
            Taken(
                spend=paid.spend[day][None],
                impressions=shown[None] * projection,
                subsidy=np.array([subsidy]),
                conversions=booked[None],
                first_trials=trials[0][day][None],
                first_events=events[0][day][None],
                due_trials=due[None],
                due_events=events[-1][day][None],
                waiting_fast=fast[None] * projection,
                waiting_slow=slow[None] * projection,
                spent_elsewhere=happened.elsewhere[day],
            )
        )
    market.settle()
    return TakenFlight(
        market=market,
        stages=tuple(Stage(*parts) for parts in zip(trials, rates, sds, events, strict=True)),
        rested=rested,
        click_weight=click_weight,
        first_rates=first_rates,
        first_sds=first_sds,
    )


def _waiting(trials: Floats, read: Floats, delay: Delay) -> tuple[Floats, Floats, Floats]:
    """Of the last stage's trials, those whose outcome today's reading tells, and those that wait.

    Args:
        trials: By day so far, today the last `[T, L]`.
        read: Days from each day to its latest reading `[T, L]`.
        delay: Of conversions.

    Returns:
        `[L]` due, and still waiting in the fast and the slow part of the delay.
    """
    share, fast_waits, slow_waits = mean_delay(delay)
    age = np.arange(len(trials))[::-1, None]
    known = np.minimum(age, read), np.minimum(age + 1, read)  # this morning, and tomorrow's
    fast = [share * fast_waits**days for days in known]
    slow = [(1 - share) * slow_waits**days for days in known]
    due = trials * (fast[0] - fast[1] + slow[0] - slow[1])
    return due.sum(axis=0), (trials * fast[1]).sum(axis=0), (trials * slow[1]).sum(axis=0)


def stage_sds(market: TakenMarket) -> tuple[Floats, ...]:
    """Sd `[P]` of what is believed of each stage's log-odds this morning."""
    beliefs = (market.first_belief, market.second_belief)
    return tuple(belief.now.sd[0].copy() for belief in beliefs[: len(market.reference_rates)])
