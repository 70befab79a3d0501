"""Prices that differ by line item: found where they do, and nowhere else."""

from datetime import date

import numpy as np
import pytest

from promopilot.envs.calibration.calibrating import calibrate
from promopilot.envs.calibration.history import History
from promopilot.envs.response import Saturation, cost

DAYS, ITEMS = 90, 12


def history(spread: float, reach: float | None = None, seed: int = 0) -> History:
    """A placement of twelve line items, log prices `spread` apart; reach makes them bend."""
    rng = np.random.default_rng(seed)
    own = np.exp(spread * np.linspace(-1, 1, ITEMS))
    day, item = (a.ravel() for a in np.indices((DAYS, ITEMS)))
    runs = rng.random(len(day)) < 0.8
    day, item = day[runs], item[runs]
    usual = 1000 * np.exp(rng.normal(0, 0.7, ITEMS))
    shown = rng.poisson(usual[item] * np.exp(rng.normal(0, 0.4, len(day)))).astype(float) + 10
    price = 0.01 * np.exp(0.1 * np.sin(day / 9)) * own[item]
    if reach is None:
        spend = shown * price
    else:
        spend = cost(shown, price, np.full(len(day), reach), Saturation())
    spend = np.round(spend * np.exp(rng.normal(0, 0.05, len(day))), 2)
    none = np.full(len(day), np.nan)
    return History(
        *(date(2025, 1, 6), DAYS, ITEMS, 1, 1, day, item, np.zeros_like(day), np.zeros_like(day)),
        *(shown, none, none, spend, none, np.array([1e6])),
    )


@pytest.mark.parametrize("seed", range(3))
def test_prices_severalfold_apart_are_told_apart(seed: int) -> None:
    found = calibrate(history(spread=1.0, seed=seed))
    assert found.flat.all()  # not taken for a curve that bends
    own = found.own_price - found.own_price.mean()
    np.testing.assert_allclose(own, np.linspace(-1, 1, ITEMS), atol=0.05)


def test_where_all_pay_the_same_nobody_has_a_price_of_its_own() -> None:
    assert np.abs(calibrate(history(spread=0.0)).own_price).max() < 0.03


@pytest.mark.parametrize("seed", range(3))
def test_a_curve_that_bends_is_not_taken_for_prices_of_their_own(seed: int) -> None:
    given = history(spread=0.0, reach=8000.0, seed=seed)
    found = calibrate(given)
    assert not found.flat.any()
    assert (found.own_price == 0).all()
