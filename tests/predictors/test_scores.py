import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from promopilot.predictors.scores import (
    agreement,
    area_under_curve,
    calibration_error,
    clear_pairs,
    equal_bins,
    log_loss,
    normalised_entropy,
    ranked_items,
    spearman,
)

SHOWN = np.array([1000.0, 1000.0, 1000.0, 1000.0, 10.0])
BOUGHT = np.array([30.0, 40.0, 50.0, 60.0, 9.0])
ITEM = np.arange(5)


def test_log_loss_of_a_known_case() -> None:
    loss = log_loss(np.array([0.5, 0.25]), np.array([2.0, 4.0]), np.array([1.0, 1.0]))
    assert loss == pytest.approx((2 * np.log(2) - np.log(0.25) - 3 * np.log(0.75)) / 6)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 0.99), st.integers(1, 1000), st.floats(0.01, 0.99))
def test_the_observed_rate_has_the_least_log_loss(rate: float, shown: int, other: float) -> None:
    trials, events = np.array([float(shown)]), np.array([float(round(rate * shown))])
    best = log_loss(np.clip(events / trials, 1e-12, 1 - 1e-12), trials, events)
    assert log_loss(np.array([other]), trials, events) >= best - 1e-9


def test_normalised_entropy_of_the_rows_own_rate_is_one() -> None:
    own = np.full(5, BOUGHT.sum() / SHOWN.sum())
    assert normalised_entropy(own, SHOWN, BOUGHT) == pytest.approx(1.0)
    better = normalised_entropy(BOUGHT / SHOWN, SHOWN, BOUGHT)
    assert better is not None
    assert better < 1.0
    assert normalised_entropy(own, SHOWN, np.zeros(5)) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_area_on_counts_is_scikit_learns_on_rows_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trials = rng.integers(1, 20, 12)
    events = rng.binomial(trials, 0.4)
    rate = rng.integers(1, 6, 12) / 10
    area = area_under_curve(rate, trials.astype(float), events.astype(float))
    if events.sum() in (0, trials.sum()):
        assert area is None
        return
    wide = np.repeat(rate, trials)
    happened = np.concatenate(
        [np.r_[np.ones(k), np.zeros(n - k)] for n, k in zip(trials, events, strict=True)]
    )
    assert area == pytest.approx(roc_auc_score(happened, wide))


def test_spearman_ranks_items_and_sums_their_rows() -> None:
    rate = np.array([0.03, 0.04, 0.05, 0.06, 0.9])
    assert spearman(rate, SHOWN, BOUGHT, ITEM) == pytest.approx(1.0)
    assert spearman(rate[:4][::-1], SHOWN[:4], BOUGHT[:4], ITEM[:4]) == pytest.approx(-1.0)
    assert spearman(np.full(5, 0.05), SHOWN, BOUGHT, ITEM) is None
    assert spearman(rate[:2], SHOWN[:2], BOUGHT[:2], ITEM[:2]) is None
    item = np.array([0, 0, 1, 1, 2, 2])
    rate = np.array([0.01, 0.05, 0.04, 0.04, 0.05, 0.05])
    bought = np.array([20.0, 0, 25, 5, 0, 50])
    assert spearman(rate, np.full(6, 500.0), bought, item) == pytest.approx(1.0)


def test_items_are_ranked_from_twenty_expected_events_on() -> None:
    expected = np.array([19.0, 10.0, 10.0, 25.0])
    assert ranked_items(expected, np.array([7, 3, 3, 5])).tolist() == [False, True, True, True]


def test_calibration_error_is_the_gap_of_a_constant_shift() -> None:
    rng = np.random.default_rng(0)
    shown = rng.integers(500, 1500, 200).astype(float)
    rate = rng.uniform(0.1, 0.4, 200)
    exact = np.rint(shown * rate)
    assert calibration_error(rate, shown, exact) < 1e-3
    assert calibration_error(rate + 0.05, shown, exact) == pytest.approx(0.05, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_bins_follow_the_rate_and_hold_like_many_trials(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    rate, trials = rng.uniform(size=rows), rng.integers(1, 50, rows).astype(float)
    code = equal_bins(rate, trials)
    assert ((code >= 0) & (code < 10)).all()
    assert (np.diff(code[np.argsort(rate)]) >= 0).all()
    held = np.bincount(code, trials, minlength=10)
    assert held.max() <= trials.sum() / 10 + trials.max() + 1e-9


def pair_accuracy(
    rate: np.ndarray,
    shown: np.ndarray,
    bought: np.ndarray,
    promotion: np.ndarray,
    tests: np.ndarray,
) -> float | None:
    pairs = clear_pairs(shown, bought, promotion, tests)
    return float(agreement(rate, shown, promotion, pairs).mean()) if len(pairs.z) else None


def test_pairs_count_only_inside_a_test_and_where_clear() -> None:
    shown = np.full(5, 10_000.0)
    bought = np.array([100.0, 300, 305, 100, 900])
    promotion = np.arange(5)
    tests = np.array(["t", "t", "t", "", "u"], dtype=object)
    good = np.array([0.01, 0.03, 0.02, 0.5, 0.9])  # wrong only on the pair that is not clear
    assert pair_accuracy(good, shown, bought, promotion, tests) == 1.0
    assert pair_accuracy(-good + 1, shown, bought, promotion, tests) == 0.0
    assert pair_accuracy(np.full(5, 0.1), shown, bought, promotion, tests) == 0.5
    alone = np.array(["t", "u", "v", "", "w"], dtype=object)
    assert pair_accuracy(good, shown, bought, promotion, alone) is None


def test_pairs_are_those_of_the_plain_double_loop() -> None:
    rng = np.random.default_rng(5)
    count = 60
    tests = rng.choice(np.array(["", "a", "b", "c", "d"], dtype=object), count)
    promotion = rng.integers(0, count, 300)
    trials = rng.integers(50, 500, 300).astype(float)
    events = rng.binomial(trials.astype(int), rng.uniform(0.05, 0.2, 300)).astype(float)
    found = clear_pairs(trials, events, promotion, tests)
    shown, seen = np.bincount(promotion, trials, count), np.bincount(promotion, events, count)
    expected = set()
    for i in range(count):
        for j in range(count):
            if i == j or tests[i] != tests[j] or tests[i] == "" or not shown[i] or not shown[j]:
                continue
            pooled = (seen[i] + seen[j]) / (shown[i] + shown[j])
            spread = np.sqrt(pooled * (1 - pooled) * (1 / shown[i] + 1 / shown[j]))
            if (seen[i] / shown[i] - seen[j] / shown[j]) / spread > 1.96:
                expected.add((i, j))
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected
    assert len(expected) > 10
