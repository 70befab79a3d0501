"""Conversions are booked on the day of their spend and seen when the delay says."""

from dataclasses import replace

import numpy as np
import pytest
from tests.market.build import CHAPELLE, SMALL, always, quiet_world, started, with_parts

from promopilot.envs.dynamics import IMMEDIATE, Delay
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.world import World

DAYS = 12
DELAYS = [
    CHAPELLE,
    IMMEDIATE,
    Delay(0.0, 0.0, 30.0),
    Delay(0.5, 1.0, 3.0),
    Delay(1.0, 2.0, 0.0),
    Delay(0.7, 0.02, 8.0),
]
each_delay = pytest.mark.parametrize("delay", DELAYS, ids=lambda d: f"{d.fast_share}-{d.slow_days}")


def _world(delay: Delay, **changes: object) -> World:
    world = quiet_world(replace(SMALL, days=DAYS))
    return with_parts(world, dynamics={"delay": delay}, **changes)


def _first_day_only(market: Market) -> list[DayOutcome]:
    days = []
    while not market.done:
        days.append(market.step(always(market, 40.0 if market.day == 0 else 0.0)))
    return days


@each_delay
def test_the_share_seen_after_some_days_is_the_mixtures(delay: Delay) -> None:
    days = _first_day_only(started(_world(delay), 0, 2, expected=True))
    seen = np.cumsum([day.observed.sum() for day in days]) / days[0].conversions.sum()
    # A conversion is a day old when the next day is decided on.
    np.testing.assert_allclose(seen, delay.seen(np.arange(1, DAYS + 1)), rtol=1e-9)
    mixture = delay.fast_share * _seen(delay.fast_days) + (1 - delay.fast_share) * _seen(
        delay.slow_days
    )
    np.testing.assert_allclose(seen, mixture, rtol=1e-9)


def _seen(mean: float) -> np.ndarray:
    days = np.arange(1, DAYS + 1)
    return 1 - np.exp(-days / mean) if mean > 0 else np.ones(DAYS)


@each_delay
def test_what_is_sampled_is_seen_at_the_same_pace(delay: Delay) -> None:
    days = _first_day_only(started(_world(delay), 0, 300))
    booked = days[0].conversions.sum()
    seen = np.cumsum([day.observed.sum() for day in days]) / booked
    share = delay.seen(np.arange(1, DAYS + 1))
    # Each conversion is seen or not, on its own.
    assert (np.abs(seen - share) <= 4.5 * np.sqrt(share * (1 - share) / booked) + 1e-12).all()


def test_the_two_parts_of_a_batch_are_not_seen_together() -> None:
    # Days of the slow part are independent draws: the variance of what is seen is binomial.
    days = _first_day_only(started(_world(Delay(0.0, 0.0, 2.0)), 0, 2000))
    booked = days[0].conversions.sum(axis=1)
    share = float(_seen(2.0)[0])
    away = (days[0].observed.sum(axis=1) - share * booked) / np.sqrt(booked * share * (1 - share))
    assert away.std() == pytest.approx(1.0, abs=0.06)


@each_delay
def test_value_subsidy_and_stock_belong_to_the_day_of_the_spend(delay: Delay) -> None:
    world = _world(delay, catalog={"stock": np.full(3, 500.0)})
    market = started(world, 1, 20)
    for day, outcome in enumerate(_first_day_only(market)):
        for name in ("conversions", "conversion_value", "subsidy", "profit"):
            assert (getattr(outcome, name).sum() != 0) == (day == 0), name
        if day == 0:
            sold = world.catalog.by_promotion.sum(outcome.conversions)
    np.testing.assert_array_equal(market.stock_left, 500 - sold)


def test_what_was_pending_at_the_start_is_seen_at_the_pace_of_its_part() -> None:
    pending = np.stack([np.full(12, 100.0), np.full(12, 300.0)])
    world = _world(Delay(0.5, 2.0, 5.0), initial={"pending": pending})
    for expected, slack in ((True, 1e-9), (False, 0.02)):
        market = started(world, 0, 40, expected=expected)
        seen = np.zeros(12)
        while not market.done:
            seen = seen + market.step(always(market, 0.0)).observed.mean(axis=0)
            share = 100 * _seen(2.0)[market.day - 1] + 300 * _seen(5.0)[market.day - 1]
            np.testing.assert_allclose(seen.mean(), share, rtol=slack)


@pytest.mark.parametrize("delay", [IMMEDIATE, CHAPELLE], ids=["immediate", "chapelle"])
def test_pending_conversions_of_a_part_that_never_waits_are_seen_as_the_slow_ones(
    delay: Delay,
) -> None:
    pending = np.stack([np.full(12, 100.0), np.zeros(12)])
    world = _world(delay, initial={"pending": pending})
    market = started(world, 0, 1, expected=True)
    seen = np.zeros((1, 12))
    while not market.done:
        seen = seen + market.step(always(market, 0.0)).observed
        np.testing.assert_allclose(seen, 100 * _seen(delay.slow_days)[market.day - 1])


def test_a_fraction_pending_is_no_part_of_a_conversion() -> None:
    world = _world(Delay(0.5, 0.5, 2.0), initial={"pending": np.full((2, 12), 3.7)})
    market = started(world, 0, 200)
    while not market.done:
        outcome = market.step(always(market, 0.0))
        np.testing.assert_array_equal(outcome.observed, np.rint(outcome.observed))
