import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promopilot.envs import response

positive = st.floats(1e-3, 1e4)


@given(spend=st.floats(0, 1e5), cost=positive, reach=positive)
def test_cost_is_the_inverse_of_impressions(spend: float, cost: float, reach: float) -> None:
    x, c, r = np.array([spend]), np.array([cost]), np.array([reach])
    bought = response.impressions(x, c, r)
    assert 0 <= bought[0] <= reach
    if bought[0] < 0.999 * reach:
        assert response.cost(bought, c, r)[0] == pytest.approx(spend, rel=1e-6, abs=1e-9)


def test_the_first_impression_costs_the_unit_cost_and_the_next_ones_more() -> None:
    c, r = np.array([0.004]), np.array([1000.0])
    assert response.marginal_cost(np.array([0.0]), c, r)[0] == pytest.approx(0.004)
    assert response.marginal_cost(np.array([500.0]), c, r)[0] == pytest.approx(0.008)


def test_marginal_cost_is_the_slope_of_cost() -> None:
    c, r, y = np.array([0.01]), np.array([500.0]), np.array([120.0])
    step = 1e-4
    slope = (response.cost(y + step, c, r) - response.cost(y - step, c, r)) / (2 * step)
    assert response.marginal_cost(y, c, r)[0] == pytest.approx(slope[0], rel=1e-6)


def test_no_reach_buys_nothing() -> None:
    zero = np.zeros(1)
    assert response.impressions(np.array([5.0]), np.ones(1), zero)[0] == 0
    assert response.cost(zero, np.ones(1), zero)[0] == 0
