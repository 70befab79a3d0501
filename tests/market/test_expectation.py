"""Outcomes at their expectation are the mean of sampled ones."""

from dataclasses import fields, replace

import numpy as np
import pytest
from tests.market.build import CHAPELLE, SMALL, always, play, started, with_parts, without_clicks

from promopilot.envs.engine.delivery import _round
from promopilot.envs.engine.streams import CURSOR
from promopilot.envs.exogenous import Exogenous, draw
from promopilot.envs.market import DayOutcome
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world import World

FLIGHTS = 3000
COUNTS = ("impressions", "clicks", "conversions", "observed", "conversion_value", "profit")


@pytest.fixture
def _one_world_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every flight meets what flight 4 meets; outcomes stay each flight's own."""

    def drawn(world: World, seed: int, flights: np.ndarray) -> Exogenous:
        one = draw(world, seed, np.array([4]))
        return Exogenous(
            **{
                field.name: np.repeat(getattr(one, field.name), len(flights), axis=0)
                for field in fields(one)
            }
        )

    monkeypatch.setattr("promopilot.envs.market.draw", drawn)


def _world(**changes: object) -> World:
    """Everything drawn but what is drawn day by day, which is each flight's own."""
    steady = {"drift_sd": 0.0, "shock_probability": 0.0, "delay": CHAPELLE}
    return with_parts(synthetic_world(SMALL), dynamics=steady, **changes)


@pytest.mark.usefixtures("_one_world_for_all")
@pytest.mark.parametrize("clicks", [True, False])
@pytest.mark.parametrize("money", [4.0, 60.0])  # pools have room; pools are full
def test_expected_outcomes_are_the_mean_of_sampled_ones(clicks: bool, money: float) -> None:
    world = _world(budget=1e6)
    world = world if clicks else without_clicks(world)
    certain = play(started(world, 2, 1, expected=True), lambda m: always(m, money))
    sampled = play(started(world, 2, FLIGHTS), lambda m: always(m, money))
    for day, (one, many) in enumerate(zip(certain, sampled, strict=True)):
        np.testing.assert_allclose(many.spend, np.broadcast_to(one.spend, many.spend.shape))
        _assert_same_mean(one, many, day)
        mean = many.mean_objective.mean(axis=0)
        np.testing.assert_allclose(mean, one.objective[0], rtol=0.02, atol=0.05)


def _assert_same_mean(one: DayOutcome, many: DayOutcome, day: int) -> None:
    for name in COUNTS:
        values = getattr(many, name)
        error = values.std(axis=0) / np.sqrt(FLIGHTS)
        away = np.abs(values.mean(axis=0) - getattr(one, name)[0])
        assert (away <= 4.5 * error + 1e-9).all(), (name, day)


@pytest.mark.usefixtures("_one_world_for_all")
def test_impressions_are_rounded_to_their_neighbours_and_keep_their_mean() -> None:
    world = _world(budget=1e6)
    certain = started(world, 2, 1, expected=True).step(np.full((1, 12), 7.0)).impressions
    shown = started(world, 2, FLIGHTS).step(np.full((FLIGHTS, 12), 7.0)).impressions
    assert (np.abs(shown - certain) < 1).all()
    error = np.abs(shown.mean(axis=0) - certain[0])
    assert (error < 4.5 * 0.5 / np.sqrt(FLIGHTS)).all()


def test_rounding_never_passes_a_large_supply() -> None:
    cursor = np.zeros(CURSOR, dtype=np.uint64)
    cursor[6], cursor[7] = np.uint64(2**64 - 2**20), np.uint64(1)  # the next number: almost 1
    supply, shown = np.array([1e9]), np.array([4e8, 6e8])
    _round(supply, np.zeros(2, dtype=np.int64), shown, np.zeros((2, 1)), cursor)
    assert shown.sum() <= supply[0]


def test_the_mean_objective_is_the_objective_without_its_luck() -> None:
    world = replace(synthetic_world(SMALL), budget=1e6)
    days = play(started(world, 7, 1500), lambda m: always(m, 20.0))
    luck = sum(day.total("objective") - day.total("mean_objective") for day in days)
    assert abs(luck.mean()) < 4 * luck.std() / np.sqrt(len(luck))
    total = sum(day.total("objective") for day in days)
    without = sum(day.total("mean_objective") for day in days)
    assert without.std() < total.std()
    assert np.corrcoef(total, without)[0, 1] > 0.5


def test_the_mean_of_drawn_rates_is_the_predicted_rate() -> None:
    market = started(synthetic_world(SMALL), 1, 4000)
    rates = market.world.rates
    # Drift and the shared walk add a little variance that the centre does not know of.
    for drawn, rate in zip(market.true_rates, (rates.first[0], rates.second[0]), strict=True):
        error = drawn.std(axis=0) / np.sqrt(len(drawn))
        assert (np.abs(drawn.mean(axis=0) - rate) < 4.5 * error + 0.003 * rate).all()
