"""Fatigue under drift, delays from odd readings, lift tests by hand, known events."""

from dataclasses import replace

import numpy as np
import pytest
from tests.calibration.shop import Size, draw_shop, without

from promopilot.envs.calibration import History, LiftTests, Readings, calibrate
from promopilot.envs.calibration.calibrating import prior_only, with_rates
from promopilot.envs.calibration.delay import fit_delay
from promopilot.envs.calibration.fatigue import recent_exposures
from promopilot.envs.calibration.history import MAX_DAYS
from promopilot.envs.calibration.lift import fit_lift
from promopilot.envs.dynamics import Delay
from promopilot.envs.errors import MarketError
from promopilot.envs.response import Saturation

DAYS = np.array([1.0, 3.0, 7.0])


@pytest.mark.parametrize("drift_sd", [0.0, 0.03])
def test_drift_counts_where_it_is_plain_and_then_widens_fatigue(drift_sd: float) -> None:
    history, truth = draw_shop(np.random.default_rng(6), drift_sd=drift_sd)
    found = with_rates(prior_only(history), history)
    assert found.drift_sd.from_data == (drift_sd > 0)
    assert float(found.drift_sd.value) == pytest.approx(drift_sd, rel=0.4)
    exponent = found.fatigue_exponent
    assert abs(exponent.value - truth.fatigue_exponent) < 3 * exponent.sd


def test_exposures_fade_by_half_in_a_week() -> None:
    history, _ = draw_shop(np.random.default_rng(7))
    day = 50
    shown = np.zeros(history.num_days)
    mine = (history.promotion == 2) & (history.segment == 1)
    np.add.at(shown, history.day[mine], history.impressions[mine] / history.people[1])
    felt = recent_exposures(history)[day, 2, 1]
    past = shown[:day] @ 2.0 ** (-(day - np.arange(day)) / 7)
    assert felt == pytest.approx(past, rel=0.02)


def read_twice(early: list[float], late: list[float], ages: tuple[float, float]) -> Readings:
    item = np.concatenate([np.arange(len(early)), np.arange(len(late))])
    age = np.repeat(np.array(ages), len(early))
    return Readings(item, age, np.array(early + late))


def with_readings(readings: Readings) -> History:
    history, _ = draw_shop(np.random.default_rng(8))
    return replace(history, readings=readings)


def test_readings_tell_the_delay_though_nothing_is_ever_complete() -> None:
    delay = Delay(0.3, 0.0125, 5.0)
    rng = np.random.default_rng(9)
    booked = rng.poisson(40.0, 500)
    late = rng.binomial(booked, delay.seen(np.array(6.0)))
    early = rng.binomial(late, delay.seen(np.array(1.0)) / delay.seen(np.array(6.0)))
    found = fit_delay(with_readings(read_twice(list(early * 1.0), list(late * 1.0), (1.0, 6.0))))
    assert found is not None
    # Two ages tell one number; the other is the prior's.
    ratio = 1 / (1 + np.exp(-found.seen(np.array([1.0, 6.0]))[0]))
    assert ratio[0] / ratio[1] == pytest.approx(
        float(delay.seen(np.array(1.0)) / delay.seen(np.array(6.0))), abs=0.01
    )


def test_conversions_taken_back_and_readings_of_the_day_itself_do_no_harm() -> None:
    some = fit_delay(with_readings(read_twice([9.0] * 50, [7.0] * 50, (0.0, 5.0))))
    assert some is not None
    assert np.isfinite(some.mean).all()
    assert (np.linalg.eigvalsh(some.covariance) > 0).all()


def test_young_days_tell_the_delay_where_each_was_read_once() -> None:
    history, truth = draw_shop(np.random.default_rng(10))
    found = fit_delay(replace(history, readings=None))
    assert found is not None
    assert found.basis == "ages"
    log_odds, sd = found.seen(DAYS)
    true = truth.delay.seen(DAYS)
    assert (np.abs(log_odds - np.log(true / (1 - true))) < 3 * sd).all()
    assert fit_delay(without(replace(history, readings=None), "age")) is None


def test_lift_tests_that_agree_sharpen_and_those_that_disagree_do_not() -> None:
    value, se = np.array([0.5, 0.54]), np.array([0.05, 0.05])
    agreed = fit_lift(LiftTests(np.array([0, 0]), value, se), 3)
    assert agreed.mean[0] == pytest.approx(0.52)
    assert 0.03 < agreed.sd[0] < 0.05 / np.sqrt(2)
    torn = fit_lift(LiftTests(np.array([0, 0]), np.array([0.2, 0.9]), se), 3)
    assert torn.sd[0] > 2 * agreed.sd[0]
    assert (agreed.mean[1:] == agreed.shop).all()
    assert (agreed.sd[1:] > agreed.sd[0]).all()


def test_a_test_that_says_nothing_changes_nothing() -> None:
    value, se = np.array([0.8, 0.78, 0.05]), np.array([0.03, 0.03, 3.0])
    found = fit_lift(LiftTests(np.array([0, 1, 2]), value, se), 4)
    assert found.mean[2] == pytest.approx(found.mean[3], abs=0.02)
    assert found.sd[2] <= found.sd[3]


def test_a_placements_test_moves_the_shops_mean_most() -> None:
    own = LiftTests(np.array([0, 1]), np.array([0.5, 0.5]), np.array([0.05, 0.05]))
    both = LiftTests(np.array([0, 1, -1]), np.array([0.5, 0.5, 0.9]), np.full(3, 0.05))
    before, after = fit_lift(own, 3), fit_lift(both, 3)
    assert (after.mean[:2] - before.mean[:2] < 0.25 * (after.mean[2] - before.mean[2])).all()
    assert after.mean[2] > before.mean[2]
    with pytest.raises(MarketError, match="no lift tests"):
        fit_lift(LiftTests(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)), 3)


def test_known_events_are_taken_off_before_the_season_is_fitted() -> None:
    history, _ = draw_shop(np.random.default_rng(11), free=True, supply_given=False)
    factor = np.ones(history.num_days)
    factor[40:45] = 3.0
    busy = replace(history, impressions=history.impressions * factor[history.day])
    plain, told, untold = (calibrate(h) for h in (history, replace(busy, events=factor), busy))
    np.testing.assert_allclose(told.weekday.value, plain.weekday.value, rtol=1e-3)
    np.testing.assert_allclose(told.supply.value, plain.supply.value, rtol=1e-3)
    assert untold.supply_walk_sd.value > 2 * told.supply_walk_sd.value


def test_old_days_are_left_out() -> None:
    history, _ = draw_shop(np.random.default_rng(12))
    old = replace(history, num_days=MAX_DAYS + 50, day=history.day + MAX_DAYS - 34)
    kept = old.recent()
    assert kept.num_days == MAX_DAYS
    assert kept.day.max() == history.day.max() + MAX_DAYS - 84
    assert (kept.first_day - history.first_day).days == 50


def test_a_curve_that_the_user_states_is_held() -> None:
    history, _ = draw_shop(np.random.default_rng(13), Size(promotions=6, days=42))
    found = calibrate(replace(history, family="hill", hill_slope=1.3))
    assert found.saturation == Saturation("hill", 1.3)
