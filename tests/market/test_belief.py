"""What flights have taught: close to the truth, and as sure as it should be."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from tests.market.build import (
    CHAPELLE,
    always,
    play,
    quiet_world,
    started,
    with_parts,
    without_clicks,
)

from promopilot.envs.arrays import Floats
from promopilot.envs.dynamics import Delay
from promopilot.envs.exogenous import draw
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World

FLIGHTS = 300
SIZE = SyntheticSize(promotions=8, placements=3, segments=2, days=10, own_sd=0.0)
PLAIN = quiet_world(SIZE)


def _quiet(size: SyntheticSize = SIZE, **dynamics: object) -> World:
    return with_parts(quiet_world(size), dynamics=dynamics)


@dataclass(frozen=True)
class Errors:
    """How far a stage's belief is from the truth, over flights and promotions."""

    mean: float  # of belief - truth, log-odds
    sd: float
    z_mean: float  # of the same over the belief's own sd
    z_sd: float
    belief_sd: float


def _truth(market: Market) -> tuple[Floats, Floats]:
    """[N, P] promotions' shifts with drift and walk; line items' own are left out."""
    world = market.world
    items = np.zeros(world.catalog.num_line_items)
    bare = with_parts(world, first={"own_sd": items}, second={"own_sd": items})
    drawn = draw(bare, market.seed, market.flights)
    starts = world.catalog.by_promotion.starts
    moved = market._state.drift
    if world.dynamics.rate_walk_sd > 0:
        moved = moved + drawn.first_day[:, -1:]
    return drawn.first_shift[:, starts] + moved, drawn.second_shift[:, starts]


def _errors(market: Market, stage: int) -> Errors:
    belief = (market.first_belief, market.second_belief)[stage].now
    away = belief.mean - _truth(market)[stage]
    z = away / belief.sd
    return Errors(away.mean(), away.std(), z.mean(), z.std(), belief.sd.mean())


def _played(world: World, money: float = 20.0, seed: int = 2) -> Market:
    market = started(world, seed, FLIGHTS)
    play(market, lambda market: always(market, money))
    return market


def _assert_calibrated(market: Market, stages: tuple[int, ...] = (0, 1), slack: float = 0) -> None:
    for stage in stages:
        found = _errors(market, stage)
        assert abs(found.z_mean) < 0.1 + slack, (stage, found)
        assert 0.88 - slack < found.z_sd < 1.12 + slack, (stage, found)


def test_belief_finds_the_shift_and_knows_how_well() -> None:
    market = _played(PLAIN)
    _assert_calibrated(market)
    for stage, closer in ((0, 10), (1, 3)):
        assert _errors(market, stage).sd < 0.3 / closer


def test_before_anything_is_seen_belief_is_the_prior() -> None:
    market = started(PLAIN, 0, 5)
    for belief in (market.first_belief, market.second_belief):
        np.testing.assert_array_equal(belief.now.mean, 0.0)
        np.testing.assert_array_equal(belief.now.sd, 0.3)
    rates = PLAIN.rates.first[0] * PLAIN.rates.second[0]
    np.testing.assert_allclose(market.expected_rate, np.tile(rates, (5, 1)), rtol=1e-3)


def test_own_shifts_keep_belief_from_certainty_and_calibrated() -> None:
    market = _played(_quiet(replace(SIZE, own_sd=0.2)), money=60.0)
    # The prior and six line items, each worth no more than its own spread allows.
    assert (market.first_belief.now.sd > (1 / 0.3**2 + 6 / 0.2**2) ** -0.5).all()
    # Information is shrunk at the shared shift's mode, which leaves a little to be wished for.
    _assert_calibrated(market, slack=0.1)


@pytest.mark.parametrize("days", [2, 4, 10])
@pytest.mark.parametrize("delay", [CHAPELLE, Delay(0.0, 0.0, 30.0)], ids=["chapelle", "slow"])
def test_late_conversions_are_no_bad_news(delay: Delay, days: int) -> None:
    for world in (_quiet(replace(SIZE, days=days), delay=delay),):
        _assert_calibrated(_played(world))
        _assert_calibrated(_played(without_clicks(world)), stages=(0,))


def test_late_conversions_teach_late() -> None:
    early = _errors(_played(_quiet(delay=Delay(0.0, 0.0, 30.0))), 1)
    assert early.belief_sd > 1.5 * _errors(_played(PLAIN), 1).belief_sd


def test_weekdays_and_fatigue_are_not_taken_for_shifts() -> None:
    rates = PLAIN.rates
    weekday = np.resize([0.6, 1.0, 1.4], rates.first.shape[0])[:, None]
    world = with_parts(
        PLAIN,
        first={"rate": rates.first * weekday},
        second={"rate": rates.second * weekday[::-1]},
        dynamics={"fatigue_exponent": 0.43},
    )
    _assert_calibrated(_played(world))
    usual = np.full(world.catalog.by_audience.size, 0.8)
    _assert_calibrated(_played(replace(world, usual_fatigue_factor=usual)))


@pytest.mark.parametrize("stock", [1.0, 10.0, 50.0])
def test_a_stock_that_runs_out_is_no_bad_news(stock: float) -> None:
    _assert_calibrated(_played(_quiet(replace(SIZE, stock=stock))), slack=0.05)


def test_clicks_still_teach_when_stock_has_run_out() -> None:
    empty = _played(_quiet(replace(SIZE, stock=1.0)))
    _assert_calibrated(empty, stages=(0,))
    assert _errors(empty, 0).belief_sd == pytest.approx(_errors(_played(PLAIN), 0).belief_sd)


def test_a_closed_budget_is_no_bad_news() -> None:
    world = replace(PLAIN, covers=("spend", "subsidy"))
    _assert_calibrated(_played(world.with_budget(world.budget / 60), money=1e9), stages=(1,))


def test_conversions_from_before_the_flight_teach_nothing() -> None:
    world = _quiet(delay=CHAPELLE)
    pending = np.full((2, world.catalog.num_line_items), 10.0)
    market = _played(with_parts(world, initial={"pending": pending}), money=0.0)
    found = _errors(market, 1)
    assert found.belief_sd == pytest.approx(0.3, rel=0.02)
    assert 0.88 < found.z_sd < 1.12


@pytest.mark.parametrize("drift_sd", [0.02, 0.1])
@pytest.mark.parametrize("delay", [PLAIN.dynamics.delay, CHAPELLE], ids=["at once", "chapelle"])
def test_forgetting_keeps_up_with_drift(drift_sd: float, delay: Delay) -> None:
    _assert_calibrated(_played(_quiet(drift_sd=drift_sd, delay=delay)), slack=0.1)
    # Where late conversions are all that is seen, drift has gone on meanwhile.
    market = _played(without_clicks(_quiet(drift_sd=drift_sd, delay=delay)))
    _assert_calibrated(market, stages=(0,), slack=0.5 if delay == CHAPELLE else 0.1)


@pytest.mark.parametrize(("money", "drift_sd"), [(0.0, 0.1), (20.0, 0.3)])
def test_forgetting_widens_the_prior_too(money: float, drift_sd: float) -> None:
    world = _quiet(replace(SIZE, days=20), drift_sd=drift_sd)
    _assert_calibrated(_played(world, money), stages=(0,), slack=0.2)


def test_belief_stays_calibrated_under_a_shared_walk() -> None:
    _assert_calibrated(_played(_quiet(rate_walk_sd=0.02)), stages=(0,), slack=0.3)


def test_belief_is_a_little_too_sure_where_fatigue_is_not_known() -> None:
    """It takes the believed exponent for true: errors are up to twice what it says."""
    world = synthetic_world(SIZE)
    _assert_calibrated(_played(replace(world, budget=1e6)), stages=(0,), slack=1.0)


@pytest.mark.parametrize("shift_sd", [0.3, 1.0])
def test_belief_does_not_depend_on_when_it_is_read(shift_sd: float) -> None:
    world = _quiet(replace(SIZE, shift_sd=shift_sd))
    often, once = started(world, 2, 50), started(world, 2, 50)
    while not once.done:
        for market in (often, once):
            market.step(always(market, 20.0))
        _ = often.expected_rate if not often.done else None
    for left, right in (
        (often.first_belief.now, once.first_belief.now),
        (often.second_belief.now, once.second_belief.now),
    ):
        np.testing.assert_allclose(left.mean, right.mean, atol=1e-6)
        np.testing.assert_allclose(left.sd, right.sd, rtol=1e-6)


def test_no_belief_moves_where_rates_are_known() -> None:
    market = _played(_quiet(replace(SIZE, shift_sd=0.0)))
    for belief in (market.first_belief, market.second_belief):
        assert (belief.now.mean == 0).all()
        assert (belief.now.sd == 0).all()
