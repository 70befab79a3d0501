import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.predictors.calibration import Calibration, calibrate


@settings(max_examples=30, deadline=None)
@given(st.floats(-1, 1), st.floats(0.5, 1.5))
def test_a_known_distortion_is_undone(intercept: float, slope: float) -> None:
    logit = np.linspace(-5, -1, 200)[:, None]
    trials = np.full((200, 1), 1e6)
    truth = intercept + slope * logit
    fitted = calibrate(logit, trials, trials / (1 + np.exp(-truth)))
    assert fitted.apply(logit) == pytest.approx(truth, abs=1e-3)


def chosen(truth: np.ndarray, logit: np.ndarray, seed: int = 0, shown: int = 2000) -> Calibration:
    rng = np.random.default_rng(seed)
    trials = np.full((len(logit), 1), float(shown))
    events = rng.binomial(shown, 1 / (1 + np.exp(-truth)))[:, None].astype(float)
    return calibrate(logit[:, None], trials, events, np.arange(len(logit)) // 3)


LOGIT = np.random.default_rng(1).normal(-1.0, 1.5, 600)


def test_the_form_is_the_one_that_the_distortion_needs() -> None:
    assert chosen(LOGIT + 0.2, LOGIT).form == ("level",)
    assert chosen(0.3 + 0.8 * LOGIT, LOGIT).form == ("slope",)
    bent = 0.2 + 1.1 * LOGIT - 0.5 * np.logaddexp(0, LOGIT)
    found = chosen(bent, LOGIT)
    assert found.form == ("beta",)
    assert found.apply(LOGIT[:, None])[:, 0] == pytest.approx(bent, abs=0.05)


def test_what_is_right_is_left_about_as_it_is() -> None:
    found = chosen(LOGIT, LOGIT, shown=200)
    assert found.apply(LOGIT[:, None])[:, 0] == pytest.approx(LOGIT, abs=0.15)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_line_items_stays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logit = np.sort(rng.normal(-2, 2, 60))
    trials = rng.integers(1, 500, (60, 1)).astype(float)
    events = rng.binomial(trials.astype(int), rng.uniform(0, 1, (60, 1))).astype(float)
    found = calibrate(logit[:, None], trials, events, np.arange(60))
    if found.slope[0] > 0:
        assert (np.diff(found.apply(logit[:, None])[:, 0]) >= -1e-9).all()


def test_expected_events_equal_observed_ones() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(-3, 1, (500, 2))
    trials = rng.integers(100, 5000, (500, 2)).astype(float)
    successes = rng.binomial(trials.astype(int), 0.05).astype(float)
    rate = 1 / (1 + np.exp(-calibrate(logit, trials, successes).apply(logit)))
    assert (trials * rate).sum(0) == pytest.approx(successes.sum(0), rel=1e-4)


@pytest.mark.parametrize("trials", [0.0, 1.0])
@pytest.mark.parametrize("unit", [None, np.array([0, 1])])
def test_next_to_no_evidence_changes_next_to_nothing(
    trials: float, unit: np.ndarray | None
) -> None:
    logit = np.array([[-3.0], [-2.0]])
    fitted = calibrate(logit, np.full((2, 1), trials), np.zeros((2, 1)), unit)
    assert fitted.apply(logit) == pytest.approx(logit, abs=0.2)


def test_events_everywhere_stay_finite() -> None:
    logit = np.full((5, 1), 2.0)
    ones = np.ones((5, 1))
    for unit in (None, np.arange(5)):
        assert np.isfinite(calibrate(logit, ones, ones, unit).apply(logit)).all()
