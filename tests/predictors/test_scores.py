import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.predictors.scores import calibration_error, log_loss, pair_accuracy, spearman

SHOWN = np.array([1000, 1000, 1000, 1000, 10])
BOUGHT = np.array([30, 40, 50, 60, 9])
ITEM = np.arange(5)


def test_log_loss_of_a_known_case() -> None:
    loss = log_loss(np.array([0.5, 0.25]), np.array([2, 4]), np.array([1, 1]))
    assert loss == pytest.approx((2 * np.log(2) - np.log(0.25) - 3 * np.log(0.75)) / 6)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 0.99), st.integers(1, 1000), st.floats(0.01, 0.99))
def test_the_observed_rate_has_the_least_log_loss(rate: float, shown: int, other: float) -> None:
    trials, events = np.array([shown]), np.array([round(rate * shown)])
    best = log_loss(np.clip(events / trials, 1e-12, 1 - 1e-12), trials, events)
    assert log_loss(np.array([other]), trials, events) >= best - 1e-9


def test_spearman_ranks_items_with_enough_expected_events() -> None:
    rate = np.array([0.03, 0.04, 0.05, 0.06, 0.0001])
    assert spearman(rate, SHOWN, BOUGHT, ITEM) == pytest.approx(1.0)
    backwards = np.append(rate[:4][::-1], rate[4])
    assert spearman(backwards, SHOWN, BOUGHT, ITEM) == pytest.approx(-1.0)
    assert spearman(rate / 100, SHOWN, BOUGHT, ITEM) is None
    assert spearman(np.full(5, 0.05), SHOWN, BOUGHT, ITEM) is None


def test_spearman_sums_the_rows_of_a_line_item() -> None:
    item = np.array([0, 0, 1, 1, 2, 2])
    shown = np.full(6, 500)
    rate = np.array([0.01, 0.05, 0.04, 0.04, 0.05, 0.05])
    bought = np.array([20, 0, 25, 5, 0, 50])
    assert spearman(rate, shown, bought, item) == pytest.approx(1.0)


def test_calibration_error_is_the_gap_of_a_constant_shift() -> None:
    rng = np.random.default_rng(0)
    shown = rng.integers(500, 1500, 200)
    rate = rng.uniform(0.1, 0.4, 200)
    exact = np.rint(shown * rate).astype(np.int64)
    assert calibration_error(rate, shown, exact) < 1e-3
    assert calibration_error(rate + 0.05, shown, exact) == pytest.approx(0.05, abs=1e-3)


def test_pairs_count_only_inside_a_test_and_where_clear() -> None:
    shown = np.full(5, 10_000)
    bought = np.array([100, 300, 305, 100, 900])
    promotion = np.arange(5)
    tests = np.array(["t", "t", "t", "", "u"], dtype=object)
    good = np.array([0.01, 0.03, 0.02, 0.5, 0.9])  # wrong only on the pair that is not clear
    assert pair_accuracy(good, shown, bought, promotion, tests) == 1.0
    assert pair_accuracy(-good + 1, shown, bought, promotion, tests) == 0.0
    assert pair_accuracy(np.full(5, 0.1), shown, bought, promotion, tests) == 0.5
    alone = np.array(["t", "u", "v", "", "w"], dtype=object)
    assert pair_accuracy(good, shown, bought, promotion, alone) is None
