import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from promopilot.predictors.predictive import (
    ItemCounts,
    central_factor,
    covered,
    inside,
    pit_histogram,
    transform,
)


def drawn(sd: float, said: float, items: int = 4000, seed: int = 0) -> ItemCounts:
    """Counts whose logits stray by `sd` where the predictor says `said`."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.02, 0.3, items)
    trials = rng.integers(20, 3000, items)
    shifted = 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + sd * rng.standard_normal(items))))
    return ItemCounts(
        promotion=np.arange(items),
        trials=trials.astype(float),
        rate=rate,
        sd=np.full(items, said),
        events=rng.binomial(trials, shifted).astype(float),
    )


@pytest.mark.parametrize("sd", [0.0, 0.1, 0.5, 1.2])
def test_honest_standard_errors_give_a_uniform_transform(sd: float) -> None:
    found = transform(drawn(sd, sd))
    assert covered(found).mean() == pytest.approx(0.8, abs=0.02)
    assert pit_histogram(found) == pytest.approx(np.full(10, 0.1), abs=0.02)


def test_too_narrow_and_too_wide_are_told_apart() -> None:
    narrow, wide = transform(drawn(0.4, 0.1)), transform(drawn(0.1, 0.4))
    assert covered(narrow).mean() < 0.6
    assert covered(wide).mean() > 0.95
    assert pit_histogram(narrow)[[0, 9]].min() > 0.2
    assert pit_histogram(wide)[[0, 9]].max() < 0.03


def test_without_a_shift_it_is_the_binomial() -> None:
    items = ItemCounts(*(np.array([value]) for value in (0, 30.0, 0.2, 0.0, 7.0)))
    found = transform(items)
    assert found.high[0] == pytest.approx(binom.cdf(7, 30, 0.2))
    assert found.low[0] == pytest.approx(binom.cdf(6, 30, 0.2))


def test_the_distribution_is_that_of_the_mixture() -> None:
    rng = np.random.default_rng(2)
    rate = 1 / (1 + np.exp(-(np.log(0.1 / 0.9) + 0.6 * rng.standard_normal(400_000))))
    events = rng.binomial(200, rate)
    for count in (5, 20, 50):
        items = ItemCounts(*(np.array([value]) for value in (0, 200.0, 0.1, 0.6, float(count))))
        assert transform(items).high[0] == pytest.approx((events <= count).mean(), abs=0.003)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(1e-4, 0.9), st.integers(1, 5000), st.floats(0, 2), st.floats(0, 1), st.floats(0, 0.5)
)
def test_shares_of_the_unit_interval_add_up(
    rate: float, trials: int, sd: float, share: float, cut: float
) -> None:
    items = ItemCounts(
        *(np.array([v]) for v in (0, float(trials), rate, sd, float(round(share * trials))))
    )
    found = transform(items)
    parts = [inside(found, 0.0, cut), inside(found, cut, 1.0)]
    assert 0.0 <= found.low[0] <= found.high[0] <= 1.0 + 1e-9
    assert sum(parts)[0] >= 1.0 - 1e-6
    assert 0.0 <= covered(found)[0] <= 1.0


def test_the_factor_undoes_a_wrong_width_and_asks_for_evidence() -> None:
    assert central_factor(drawn(0.3, 0.6)) == pytest.approx(0.5, abs=0.05)
    assert central_factor(drawn(0.3, 0.3)) == pytest.approx(1.0, abs=0.05)
    assert central_factor(drawn(0.3, 0.6, items=8)) == 1.0
    assert 0.5 < central_factor(drawn(0.3, 0.6, items=40)) < 0.9
