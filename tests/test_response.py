import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.envs import response
from promopilot.envs.errors import MarketError

positive = st.floats(1e-3, 1e4)


curves = st.builds(response.Saturation, st.sampled_from(response.FAMILIES), st.floats(0.4, 3.0))


@settings(deadline=None)  # the first call compiles
@given(spend=st.floats(0, 1e5), cost=positive, reach=positive, curve=curves)
def test_cost_is_the_inverse_of_impressions(
    spend: float, cost: float, reach: float, curve: response.Saturation
) -> None:
    x, c, r = np.array([spend]), np.array([cost]), np.array([reach])
    bought = response.impressions(x, c, r, curve)
    assert 0 <= bought[0] <= reach
    if 1e-9 * reach < bought[0] < 0.999 * reach:
        assert response.cost(bought, c, r, curve)[0] == pytest.approx(spend, rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(share=st.floats(0.01, 0.95), curve=curves)
def test_the_next_impression_costs_the_slope_of_the_cost(
    share: float, curve: response.Saturation
) -> None:
    step = 1e-6 * share
    ends = response.cost(np.array([share - step, share + step]), 1.0, 1.0, curve)
    slope = response.marginal_cost(np.array([share]), 1.0, 1.0, curve)
    assert slope[0] == pytest.approx(np.diff(ends)[0] / (2 * step), rel=1e-4)


@pytest.mark.parametrize(
    ("family", "slope", "message"),
    [("cubic", 1.0, "'cubic' is not one of"), ("hill", 0.0, "is 0.0; it must be above 0")],
)
def test_a_curve_that_does_not_exist_is_refused(family: str, slope: float, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        response.Saturation(family, slope)


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
