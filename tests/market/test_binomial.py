"""Binomial draws against the exact law."""

import numpy as np
import pytest
from scipy import stats

from promopilot.envs.engine import streams
from promopilot.envs.engine.binomial import binomial, sample

DRAWS = 20_000
FLIGHTS = np.arange(20)


def _drawn(trials: float, probability: float, purpose: int = streams.OUTCOMES) -> np.ndarray:
    wanted = np.full((len(FLIGHTS), DRAWS // len(FLIGHTS)), float(trials))
    return sample(11, FLIGHTS, purpose, 0, wanted, np.array(probability)).ravel()


# Expected events below 10 are drawn by inversion, others by rejection.
CASES = [
    (1, 0.5),
    (2, 0.999),
    (7, 0.3),
    (30, 0.02),
    (1000, 0.0099),
    (10**6, 9e-6),
    (10**9, 1e-9),
    (10**9, 1 - 5e-9),
    (20, 0.5),
    (25, 0.41),
    (40, 0.27),
    (1000, 0.0101),
    (1000, 0.9),
    (10**4, 0.5),
    (10**6, 1.2e-5),
    (10**9, 1.1e-8),
    (10**9, 0.03),
    (10**9, 1 - 2e-8),
]


@pytest.mark.parametrize(("trials", "probability"), CASES)
def test_draws_follow_the_binomial_law(trials: int, probability: float) -> None:
    drawn = _drawn(trials, probability)
    np.testing.assert_array_equal(drawn, np.rint(drawn))
    assert drawn.min() >= 0
    assert drawn.max() <= trials
    # A discrete number becomes even on 0-1 when it is spread over its own step of the law.
    law = stats.binom(trials, probability)
    spread = np.random.default_rng(0).random(DRAWS)
    even = law.cdf(drawn - 1) + spread * law.pmf(drawn)
    assert stats.kstest(even, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(("trials", "probability"), [(7, 0.3), (60, 0.4), (1000, 0.012)])
def test_counts_of_each_number_are_as_expected(trials: int, probability: float) -> None:
    drawn = _drawn(trials, probability, streams.BLOCKS).astype(int)
    expected = stats.binom(trials, probability).pmf(np.arange(trials + 1)) * DRAWS
    counts = np.bincount(drawn, minlength=trials + 1)
    often = expected >= 5
    counted = np.r_[counts[often], counts[~often].sum()]
    hoped = np.r_[expected[often], expected[~often].sum()]
    assert stats.chisquare(counted, hoped * counted.sum() / hoped.sum()).pvalue > 1e-3


@pytest.mark.parametrize(
    ("trials", "probability", "events"),
    [(0, 0.5, 0), (5, 0.0, 0), (5, 1.0, 5), (10**9, 0.0, 0), (10**9, 1.0, 10**9), (3, 1e-300, 0)],
)
def test_what_is_certain_is_certain(trials: int, probability: float, events: int) -> None:
    assert (_drawn(trials, probability) == events).all()


def test_neighbouring_draws_of_a_stream_are_independent() -> None:
    # Rejection uses a varying count of numbers, inversion one: neither may tie draws together.
    trials = np.tile([100.0, 5.0], (20, 500))
    drawn = sample(3, FLIGHTS, streams.OUTCOMES, 0, trials, np.array(0.3))
    left, right = drawn[:, ::2].ravel(), drawn[:, 1::2].ravel()
    assert abs(np.corrcoef(left, right)[0, 1]) < 4 / np.sqrt(left.size)


def test_a_flight_draws_the_same_alone_and_in_a_batch() -> None:
    trials = np.random.default_rng(0).integers(0, 200, (20, 30)).astype(float)
    batch = sample(3, FLIGHTS, streams.OUTCOMES, 2, trials, np.array(0.2))
    alone = sample(3, FLIGHTS[7:8], streams.OUTCOMES, 2, trials[7:8], np.array(0.2))
    np.testing.assert_array_equal(batch[7:8], alone)


def test_inversion_ends_at_the_end_of_the_law() -> None:
    cursor = np.zeros(streams.CURSOR, dtype=np.uint64)
    # The second largest number a stream can give; 1000 events have a probability of 10^-2302.
    cursor[6], cursor[7] = np.uint64(2**64 - 1 - 2**11), np.uint64(1)
    assert binomial(cursor, 1000.0, 0.005) < 100
