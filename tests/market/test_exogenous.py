"""What no policy can influence has the laws that `Dynamics` states."""

from dataclasses import replace

import numpy as np
import pytest
from tests.market.build import quiet_world, with_parts

from promopilot.envs.arrays import Floats
from promopilot.envs.exogenous import Exogenous, draw, mean_draw
from promopilot.envs.synthetic import SyntheticSize
from promopilot.envs.world import World

FLIGHTS = np.arange(4000)
SIZE = SyntheticSize(promotions=3, placements=2, segments=2, days=15)
PLAIN = quiet_world(SIZE)


def _drawn(world: World = PLAIN, **dynamics: object) -> Exogenous:
    return draw(with_parts(world, dynamics=dynamics), 17, FLIGHTS)


def _assert_mean_one(values: Floats) -> None:
    """Means over flights are one, as far as 4000 flights can tell."""
    error = values.std(axis=0) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0) - 1) < 5 * error + 1e-4).all()


def _log_supply(**dynamics: object) -> Floats:
    supply = _drawn(**dynamics).supply / PLAIN.supply
    _assert_mean_one(supply)
    return np.log(supply)


def test_nothing_moves_where_every_sd_is_zero() -> None:
    drawn = _drawn()
    np.testing.assert_array_equal(
        drawn.supply, np.broadcast_to(np.rint(PLAIN.supply), drawn.supply.shape)
    )
    for name, value in (
        *(("price_factor", 1), ("reach_factor", 1), ("first_day", 0), ("second_day", 0)),
        *(("fatigue_exponent", 0), ("incrementality", 1)),
    ):
        np.testing.assert_array_equal(getattr(drawn, name), value)


@pytest.mark.parametrize("keep", [0.0, 0.8])
def test_log_prices_are_a_stationary_ar1_with_mean_one(keep: float) -> None:
    sd = np.array([0.2, 0.4])
    price = _drawn(price_sd=sd, price_persistence=np.full(2, keep)).price_factor
    _assert_mean_one(price)
    log = np.log(price)
    np.testing.assert_allclose(log.std(axis=0), np.broadcast_to(sd, log.shape[1:]), rtol=0.05)
    for lag in (1, 3):
        pairs = log[:, :-lag, 0].ravel(), log[:, lag:, 0].ravel()
        assert np.corrcoef(*pairs)[0, 1] == pytest.approx(keep**lag, abs=0.03)
    assert abs(np.corrcoef(log[:, 5, 0], log[:, 5, 1])[0, 1]) < 0.06  # placements on their own


def test_a_price_level_lasts_for_the_flight() -> None:
    price = _drawn(price_level_sd=np.array([0.0, 0.3])).price_factor
    _assert_mean_one(price)
    np.testing.assert_array_equal(price[:, :, 0], 1.0)
    np.testing.assert_allclose(price, np.broadcast_to(price[:, :1], price.shape), rtol=1e-12)
    assert np.log(price[:, 0, 1]).std() == pytest.approx(0.3, rel=0.05)


def test_a_known_price_is_gone_on_from() -> None:
    world = with_parts(PLAIN, initial={"log_price": np.array([0.5, np.nan])})
    dynamics = {"price_sd": np.full(2, 0.2), "price_persistence": np.full(2, 0.8)}
    log = np.log(_drawn(world, **dynamics).price_factor) + 0.2**2 / 2
    days = np.arange(1, 16)
    np.testing.assert_allclose(log[:, :, 0].mean(axis=0), 0.5 * 0.8**days, atol=0.015)
    sd = 0.2 * np.sqrt(1 - 0.8 ** (2 * days))
    np.testing.assert_allclose(log[:, :, 0].std(axis=0), sd, rtol=0.05)
    np.testing.assert_allclose(log[:, :, 1].mean(axis=0), 0.0, atol=0.015)


def test_the_reference_flight_has_the_mean_of_a_known_price() -> None:
    world = with_parts(
        PLAIN,
        initial={"log_price": np.array([0.5, 0.5])},
        dynamics={"price_sd": np.full(2, 0.3), "price_persistence": np.full(2, 0.9)},
    )
    drawn = _drawn(world).price_factor
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - mean_draw(world).price_factor[0]) < 5 * error).all()


def test_supply_is_noisy_by_day_and_pool() -> None:
    log = _log_supply(supply_sd=np.full(4, 0.2))
    np.testing.assert_allclose(log.std(axis=0), 0.2, rtol=0.05)
    assert abs(np.corrcoef(log[:, 3, 0], log[:, 4, 0])[0, 1]) < 0.06
    assert abs(np.corrcoef(log[:, 3, 0], log[:, 3, 1])[0, 1]) < 0.06


def test_the_level_of_a_pool_is_its_own_and_lasts() -> None:
    log = _log_supply(supply_level_sd=np.array([0.0, 0.1, 0.2, 0.3]))
    np.testing.assert_allclose(log.std(axis=0)[0], [0.0, 0.1, 0.2, 0.3], rtol=0.05, atol=1e-12)
    spread = (log - log[:, :1]).std(axis=0)
    assert spread.max() < 0.01  # what rounding to whole impressions leaves
    assert abs(np.corrcoef(log[:, 0, 1], log[:, 0, 2])[0, 1]) < 0.06


def test_a_weekday_comes_back_after_a_week_in_all_pools() -> None:
    log = _log_supply(weekday_sd=0.2)
    np.testing.assert_allclose(log.std(axis=0), 0.2, rtol=0.05)
    assert np.abs(log[:, 0] - log[:, 7]).max() < 0.01
    assert np.abs(log[:, 3, 0] - log[:, 3, 2]).max() < 0.01
    assert abs(np.corrcoef(log[:, 0, 0], log[:, 1, 0])[0, 1]) < 0.06


def test_the_weekday_is_that_of_the_date() -> None:
    monday = _drawn(weekday_sd=0.2).supply[0, 1:8, 0] / PLAIN.supply[1:8, 0]
    later = replace(PLAIN, start=PLAIN.start.replace(day=2))
    tuesday = _drawn(later, weekday_sd=0.2).supply[0, 0:7, 0] / PLAIN.supply[0:7, 0]
    np.testing.assert_allclose(monday, tuesday, rtol=1e-3)


def test_growth_is_linear_and_the_walk_spreads_like_a_root() -> None:
    days = np.arange(1, 16)
    trend = _log_supply(trend_sd=0.02)
    np.testing.assert_allclose(trend.std(axis=0)[:, 0], 0.02 * days, rtol=0.05)
    rise = trend[:, :, 0] + (0.02 * days) ** 2 / 2
    np.testing.assert_allclose(rise[:, 9], 10 * rise[:, 0], atol=0.01)
    walk = _log_supply(supply_walk_sd=0.05)
    np.testing.assert_allclose(walk.std(axis=0)[:, 0] ** 2, 0.05**2 * days, rtol=0.1)
    steps = np.diff(walk[:, :, 0], axis=1)
    assert abs(np.corrcoef(steps[:, 0], steps[:, 1])[0, 1]) < 0.06
    assert np.abs(walk[:, :, 0] - walk[:, :, 3]).max() < 0.01


def test_a_day_moves_all_pools_alike_and_is_gone_on_the_next() -> None:
    log = _log_supply(supply_day_sd=0.2)
    np.testing.assert_allclose(log.std(axis=0), 0.2, rtol=0.05)
    assert np.abs(log[:, :, 0] - log[:, :, 3]).max() < 0.01
    assert abs(np.corrcoef(log[:, 3, 0], log[:, 4, 0])[0, 1]) < 0.06


def test_the_reference_flight_is_the_mean_of_the_draws() -> None:
    dynamics = {
        "supply_sd": np.full(4, 0.1),
        "supply_level_sd": np.full(4, 0.1),
        "price_sd": np.full(2, 0.2),
        "price_level_sd": np.full(2, 0.1),
        "reach_sd": np.full(2, 0.2),
        "supply_day_sd": 0.1,
    }
    drawn, mean = _drawn(**dynamics), mean_draw(with_parts(PLAIN, dynamics=dynamics))
    for name in ("supply", "price_factor", "reach_factor"):
        values = getattr(drawn, name)
        error = values.std(axis=0) / np.sqrt(len(values))
        # Supply is whole impressions in both.
        away = np.abs(values.mean(axis=0) - getattr(mean, name)[0])
        assert (away <= 5 * error + 0.5 * (name == "supply")).all(), name
