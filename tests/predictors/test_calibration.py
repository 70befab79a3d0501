import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.predictors.calibration import calibrate


@settings(max_examples=30, deadline=None)
@given(st.floats(-1, 1), st.floats(0.5, 1.5))
def test_a_known_distortion_is_undone(intercept: float, slope: float) -> None:
    logit = np.linspace(-5, -1, 200)[:, None]
    trials = np.full((200, 1), 1e6)
    truth = intercept + slope * logit
    fitted = calibrate(logit, trials, trials / (1 + np.exp(-truth)))
    assert fitted.apply(logit) == pytest.approx(truth, abs=1e-3)


def test_expected_events_equal_observed_ones() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(-3, 1, (500, 2))
    trials = rng.integers(100, 5000, (500, 2)).astype(float)
    successes = rng.binomial(trials.astype(int), 0.05).astype(float)
    rate = 1 / (1 + np.exp(-calibrate(logit, trials, successes).apply(logit)))
    assert (trials * rate).sum(0) == pytest.approx(successes.sum(0), rel=1e-4)


@pytest.mark.parametrize("trials", [0.0, 1.0])
def test_next_to_no_evidence_changes_next_to_nothing(trials: float) -> None:
    logit = np.array([[-3.0], [-2.0]])
    fitted = calibrate(logit, np.full((2, 1), trials), np.zeros((2, 1)))
    assert fitted.apply(logit) == pytest.approx(logit, abs=0.2)


def test_events_everywhere_stay_finite() -> None:
    logit = np.full((5, 1), 2.0)
    ones = np.ones((5, 1))
    assert np.isfinite(calibrate(logit, ones, ones).apply(logit)).all()
