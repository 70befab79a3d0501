"""What calibration finds in a rich history, and what it says where the data cannot tell."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.calibration.shop import Size, draw_shop, without

from promopilot.envs.calibration import Calibration, History, LiftTests, calibrate
from promopilot.envs.dynamics import Dynamics
from promopilot.envs.errors import MarketError
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation

RICH, TRUTH = draw_shop(np.random.default_rng(0))
COLUMNS = (
    *("day", "promotion", "placement", "segment"),
    *("impressions", "clicks", "conversions", "spend", "age"),
)


@pytest.fixture(scope="module")
def rich() -> Calibration:
    return calibrate(RICH)


def rows(history: History, keep: np.ndarray) -> History:
    return replace(history, readings=None, **{n: getattr(history, n)[keep] for n in COLUMNS})


def dynamics_of(found: Calibration, history: History) -> Dynamics:
    shape = history.pools_shape
    return found.dynamics(np.argwhere(np.ones(shape)), np.arange(history.num_promotions))


def test_a_rich_history_tells_what_is_true(rich: Calibration) -> None:
    np.testing.assert_allclose(rich.price.value, np.exp(TRUTH.log_price), rtol=0.2)
    np.testing.assert_allclose(rich.reach.value, np.exp(TRUTH.log_reach), rtol=0.15)
    np.testing.assert_allclose(rich.weekday.value, TRUTH.weekday, rtol=0.06)
    assert rich.fatigue_exponent.value == pytest.approx(TRUTH.fatigue_exponent, abs=0.08)
    np.testing.assert_allclose(
        rich.delay.seen(np.array([1.0, 3.0, 7.0])),
        TRUTH.delay.seen(np.array([1.0, 3.0, 7.0])),
        atol=0.02,
    )
    assert rich.saturation == Saturation()
    for name in ("reach", "weekday season", "price noise", "fatigue", "delay of conversions"):
        assert rich.sources[name].startswith("data"), name


def test_it_makes_the_laws_of_a_flight(rich: Calibration) -> None:
    found = dynamics_of(rich, RICH)
    assert found.fatigue_exponent == float(rich.fatigue_exponent.value)
    assert found.supply_sd.shape == (9,)
    later = rich.dynamics(np.argwhere(np.ones((3, 3))), np.arange(12), date(2024, 6, 1))
    assert (later.supply_level_sd > found.supply_level_sd).all()  # two months later, less is known
    expected = rich.expected_supply(np.argwhere(np.ones((3, 3))), date(2024, 3, 25), 14)
    assert expected.shape == (14, 9)
    np.testing.assert_allclose(expected.mean(axis=0), np.exp(TRUTH.log_supply).ravel(), rtol=0.5)


def test_prices_that_fall_with_time_leave_less_to_remember(rich: Calibration) -> None:
    soon, late = (rich.log_price_before(day) for day in (date(2024, 3, 25), date(2024, 6, 1)))
    assert (np.abs(late) <= np.abs(soon)).all()


def test_what_no_data_tell_keeps_its_prior_and_says_so() -> None:
    bare = without(replace(RICH, readings=None), "clicks", "conversions", "spend", "age")
    found = calibrate(bare)
    assert found.fatigue_exponent.value == PRIORS["fatigue_exponent"].mean
    assert found.price_sd.value.tolist() == [PRIORS["price_sd"].mean] * 3
    assert np.isnan(found.price.value).all()
    assert found.delay.fast_share == pytest.approx(PRIORS["delay_fast_share"].mean)
    for name in ("fatigue", "price noise", "price level", "delay of conversions", "reach"):
        assert found.sources[name].startswith("prior"), name
    assert found.sources["weekday season"].startswith("data")  # impressions by day are there


def test_without_spend_supply_is_what_was_shown() -> None:
    history, truth = draw_shop(np.random.default_rng(3), free=True, supply_given=False)
    found = calibrate(history)
    np.testing.assert_allclose(found.supply.value, np.exp(truth.log_supply), rtol=0.25)
    assert not found.measured.any()


def test_without_clicks_conversions_tell_of_fatigue() -> None:
    found = calibrate(without(RICH, "clicks"))
    estimate = found.fatigue_exponent
    assert abs(estimate.value - TRUTH.fatigue_exponent) < 3 * estimate.sd


@pytest.mark.parametrize("family", ["michaelis_menten", "hill"])
def test_another_family_of_curves_is_seen_where_it_is_plain(family: str) -> None:
    truth = Saturation(family, 1.4 if family == "hill" else 1.0)
    history, _ = draw_shop(np.random.default_rng(4), Size(bought=0.1), saturation=truth)
    found = calibrate(history)
    assert found.saturation.family == family
    assert found.saturation.slope == pytest.approx(truth.slope, rel=0.25)


def test_lift_tests_tell_of_incrementality() -> None:
    tests = LiftTests(np.array([0, 0, 1, -1]), np.array([0.5, 0.6, 0.9, 0.7]), np.full(4, 0.05))
    found = calibrate(RICH, tests)
    assert found.incrementality is not None
    value, sd = found.incrementality.value, found.incrementality.sd
    assert value[0] == pytest.approx(0.55, abs=0.05)
    assert value[1] > value[0]
    assert sd[2] > sd[0]  # no test of its own
    assert (value[2:] == value[2]).all()
    assert "2 of 12 promotions by their own" in found.sources["incrementality"]
    assert calibrate(RICH).incrementality is None


ONE = np.full(len(RICH.day), 1000.0)
ODD = {
    "one promotion": lambda: rows(RICH, RICH.promotion == 0),
    "a placement never shown": lambda: rows(RICH, RICH.placement != 1),
    "days left out": lambda: rows(RICH, RICH.day % 5 != 2),
    "a placement of one day": lambda: rows(RICH, (RICH.placement != 2) | (RICH.day == 10)),
    "spend on half of the days": lambda: replace(
        RICH, spend=np.where(RICH.day < 40, RICH.spend, np.nan)
    ),
    "one price for everything": lambda: replace(RICH, spend=RICH.impressions * 0.005),
    "the same every day": lambda: replace(
        RICH, impressions=ONE, clicks=0.03 * ONE, conversions=0.003 * ONE, spend=0.005 * ONE,
        readings=None,
    ),
    "no clicks at all": lambda: replace(
        RICH, clicks=0 * ONE, conversions=0 * ONE, readings=None
    ),
    "a few impressions": lambda: replace(
        RICH, impressions=np.minimum(RICH.impressions, 3), clicks=0 * ONE, conversions=0 * ONE,
        readings=None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_history_gives_a_market_that_can_be_played(name: str) -> None:
    history = ODD[name]()
    found = calibrate(history)
    dynamics_of(found, history)  # checks every number
    pools = np.argwhere(np.ones(history.pools_shape))
    expected = found.expected_supply(pools, date(2024, 4, 1), 7)
    assert np.isfinite(expected).all()
    assert (found.reach_share > 0).all()


def test_a_history_of_days_is_refused_and_one_of_ten_keeps_to_priors() -> None:
    with pytest.raises(MarketError, match="impressions on 6 days; calibration needs at least 7"):
        calibrate(rows(RICH, RICH.day < 6))
    short = calibrate(rows(RICH, RICH.day < 10))
    assert short.sources["fatigue"].startswith("prior")
    assert "10 days, fewer than two weeks" in short.sources["fatigue"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"impressions": -ONE}, "impressions holds -1000.0; every value must be at least 0"),
        ({"placement": np.full(len(ONE), 3)}, "placement holds 3; every value must be from 0 to 2"),
        ({"spend": ONE * np.inf}, "spend holds inf"),
        ({"people": np.zeros(3)}, "people holds 0.0; every value must be above 0"),
        ({"daily_supply": np.full((3, 3), -5.0)}, "daily_supply holds -5.0"),
        ({"clicks": np.zeros(2)}, r"clicks has shape \(2,\)"),
    ],
)
def test_a_history_that_breaks_a_rule_is_refused(change: dict, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        replace(RICH, **change)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((np.array([0]), np.array([0.5]), np.array([0.0])), "se holds 0.0; it must be .* above 0"),
        ((np.array([0]), np.array([np.nan]), np.array([0.1])), "incrementality holds nan"),
        ((np.array([99]), np.array([0.5]), np.array([0.1])), "promotion holds 99; .* below 12"),
    ],
)
def test_a_lift_test_that_breaks_a_rule_is_refused(values: tuple, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        calibrate(RICH, LiftTests(*values))
