"""What a flight hides: shifts, drift, shocks, and laws that differ from what is believed."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import logit
from tests.market.build import quiet_world, started, with_parts

from promopilot.envs.arrays import Floats
from promopilot.envs.exogenous import Exogenous, draw
from promopilot.envs.synthetic import SyntheticSize
from promopilot.envs.world import World

FLIGHTS = np.arange(4000)
SIZE = SyntheticSize(promotions=3, placements=2, segments=2, days=15)
PLAIN = quiet_world(SIZE)


def _drawn(world: World = PLAIN, **dynamics: object) -> Exogenous:
    return draw(with_parts(world, dynamics=dynamics), 17, FLIGHTS)


def test_reach_and_fatigue_exponents_and_delay_spread_around_what_is_believed() -> None:
    drawn = _drawn(
        reach_sd=np.array([0.1, 0.3]),
        fatigue_exponent=0.43,
        fatigue_exponent_sd=0.1,
        delay=replace(
            PLAIN.dynamics.delay,
            **{"fast_share": 0.4, "slow_days": 4.0, "fast_share_sd": 0.3, "slow_days_sd": 0.2},
        ),
    )
    np.testing.assert_allclose(drawn.reach_factor.mean(axis=0), 1.0, atol=0.02)
    np.testing.assert_allclose(np.log(drawn.reach_factor).std(axis=0), [0.1, 0.3], rtol=0.05)
    assert drawn.fatigue_exponent.mean() == pytest.approx(0.43, abs=0.01)
    assert drawn.fatigue_exponent.std() == pytest.approx(0.1, rel=0.05)
    share = logit(drawn.delay[:, 0])
    assert share.mean() == pytest.approx(logit(0.4), abs=0.02)
    assert share.std() == pytest.approx(0.3, rel=0.05)
    slow = np.log(-1 / np.log(drawn.delay[:, 2]))
    assert slow.mean() == pytest.approx(np.log(4.0), abs=0.02)
    assert slow.std() == pytest.approx(0.2, rel=0.05)
    np.testing.assert_array_equal(drawn.delay[:, 1], 0.0)


def test_the_walk_that_all_rates_share_spreads_like_a_root() -> None:
    drawn = _drawn(rate_walk_sd=0.1)
    variance = 0.01 * np.arange(1, 16)
    np.testing.assert_allclose(drawn.first_day.var(axis=0), variance, rtol=0.1)
    np.testing.assert_allclose(drawn.first_day.mean(axis=0), -variance / 2, atol=0.03)
    np.testing.assert_array_equal(drawn.second_day, 0.0)


@pytest.mark.parametrize("stage", ["first", "second"])
def test_a_day_of_all_rates_is_gone_on_the_next(stage: str) -> None:
    drawn = _drawn(**{f"{stage}_day_sd": 0.2})
    moved = getattr(drawn, f"{stage}_day")
    np.testing.assert_allclose(moved.std(axis=0), 0.2, rtol=0.05)
    np.testing.assert_allclose(np.exp(moved).mean(axis=0), 1.0, atol=0.02)
    assert abs(np.corrcoef(moved[:, 3], moved[:, 4])[0, 1]) < 0.06
    other = {"first": "second", "second": "first"}[stage]
    np.testing.assert_array_equal(getattr(drawn, f"{other}_day"), 0.0)


def test_what_moves_all_rates_keeps_their_mean() -> None:
    sds = {"first_day_sd": 0.2, "second_day_sd": 0.2, "rate_walk_sd": 0.1}
    market = started(with_parts(PLAIN, dynamics=sds), 5, 4000)
    rates = PLAIN.rates
    while market.day < 14:
        market.step(np.zeros((4000, 12)))
    for drawn, rate in zip(market.true_rates, (rates.first[14], rates.second[14]), strict=True):
        error = drawn.std(axis=0) / np.sqrt(4000)
        # A log-normal of odds is one of rates where these are small.
        assert (np.abs(drawn.mean(axis=0) - rate) < 4 * error + 0.02 * rate).all()


def test_shifts_have_a_part_of_the_promotion_and_one_of_their_own() -> None:
    world = quiet_world(replace(SIZE, shift_sd=0.3, own_sd=0.2))
    drawn = draw(world, 3, FLIGHTS)
    for shift in (drawn.first_shift, drawn.second_shift):
        np.testing.assert_allclose(shift.std(axis=0), np.hypot(0.3, 0.2), rtol=0.05)
        together = np.corrcoef(shift[:, 0], shift[:, 1])[0, 1]
        assert together == pytest.approx(0.09 / 0.13, abs=0.04)
        assert abs(np.corrcoef(shift[:, 0], shift[:, 4])[0, 1]) < 0.06
    stages = np.corrcoef(drawn.first_shift[:, 0], drawn.second_shift[:, 0])[0, 1]
    assert abs(stages) < 0.06


def _log_odds_by_day(**dynamics: object) -> Floats:
    """[D, N, P] how far each promotion's first-stage log-odds are from where they were drawn."""
    world = with_parts(PLAIN, dynamics=dynamics)
    market = started(world, 5, 2000)
    starts = world.catalog.by_promotion.starts
    nothing = np.zeros((2000, world.catalog.num_line_items))
    found = []
    while not market.done:
        odds = logit(market.true_rates[0]) - market.exogenous.first_shift
        found.append((odds - world.rates.first_stage.centre(world.catalog.promotion)[0])[:, starts])
        market.step(nothing)
    return np.array(found)


def test_drift_spreads_like_a_root_and_is_each_promotions_own() -> None:
    drift = _log_odds_by_day(drift_sd=0.1)
    days = np.arange(1, 16)
    np.testing.assert_allclose(drift.var(axis=(1, 2)), 0.01 * days, rtol=0.08)
    assert (np.abs(drift.mean(axis=(1, 2))) < 5 * 0.1 * np.sqrt(days / 6000)).all()
    steps = np.diff(drift, axis=0)
    assert stats.kstest(steps.ravel()[::7], stats.norm(0, 0.1).cdf).pvalue > 1e-3
    for left, right in ((0, 1), (1, 2), (0, 2)):  # pairs come from one radius and angle
        assert abs(np.corrcoef(steps[..., left].ravel(), steps[..., right].ravel())[0, 1]) < 0.03
        radii = np.abs(steps[..., left].ravel()), np.abs(steps[..., right].ravel())
        assert abs(np.corrcoef(*radii)[0, 1]) < 0.03


def test_shocks_come_as_often_as_they_should_and_stay() -> None:
    fallen = _log_odds_by_day(shock_probability=0.05, shock_size=0.5)
    steps = np.diff(fallen, axis=0)
    hit = steps < -0.25
    np.testing.assert_allclose(steps[hit], -0.5, rtol=1e-6)
    np.testing.assert_allclose(steps[~hit], 0.0, atol=1e-9)
    assert hit.mean() == pytest.approx(0.05, rel=0.05)
    assert (hit.mean(axis=(0, 1)) > 0).all()


def test_incrementality_is_drawn_around_what_is_believed_and_pays() -> None:
    caused = np.array([0.3, 0.5, 0.6])
    world = with_parts(
        PLAIN,
        catalog={"incrementality": caused},
        dynamics={"incrementality_sd": np.array([0.0, 0.1, 0.1])},
    )
    market = started(world, 3, 2000)
    drawn = market.exogenous.incrementality
    np.testing.assert_allclose(drawn.mean(axis=0), caused, atol=0.01)
    np.testing.assert_allclose(drawn.std(axis=0), [0.0, 0.1, 0.1], rtol=0.06, atol=1e-12)
    outcome = market.step(np.full((2000, 12), 20.0))
    c = world.catalog
    each = drawn * c.price * c.margin - c.unit_subsidy
    np.testing.assert_allclose(outcome.profit, outcome.conversions * each[:, c.promotion])


def test_what_can_be_reached_on_average_allows_for_the_whole_pool() -> None:
    certain = with_parts(PLAIN, reach_share=np.full(12, 0.9))
    uncertain = with_parts(certain, dynamics={"reach_sd": np.full(2, 0.3)})
    market = started(uncertain, 3, 4000, expected=True)
    reach = market.reach[:4]
    money = np.zeros((4000, 12))
    money[:, :4] = 1000.0  # one promotion, as much as it can reach
    np.testing.assert_allclose(market.step(money).impressions[:, :4].mean(axis=0), reach, rtol=0.02)
    assert (reach < started(certain, 3, 1).reach[:4]).all()
