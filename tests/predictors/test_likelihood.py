import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from promopilot.predictors.likelihood import funnel_nll, log_product, shares_nll, whole_nll

LOGIT = st.floats(-12, 12)


def counts(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@settings(max_examples=50, deadline=None)
@given(LOGIT, LOGIT, st.integers(0, 40), st.data())
def test_the_funnel_is_two_binomials(
    first: float, second: float, shown: int, data: st.DataObject
) -> None:
    clicks = data.draw(st.integers(0, shown))
    bought = data.draw(st.integers(0, clicks))
    trials, successes = counts(shown, clicks)[None], counts(clicks, bought)[None]
    nll = funnel_nll(counts(first, second)[None], trials, successes).item()
    ctr, cvr = 1 / (1 + np.exp(-first)), 1 / (1 + np.exp(-second))
    # The coefficients left out are what remains at any other rates too.
    half = torch.zeros((1, 2), dtype=torch.float64)
    at_half = funnel_nll(half, trials, successes).item()
    expected = -binom.logpmf(clicks, shown, ctr) - binom.logpmf(bought, clicks, cvr)
    expected -= -binom.logpmf(clicks, shown, 0.5) - binom.logpmf(bought, clicks, 0.5)
    assert nll - at_half == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(LOGIT, LOGIT)
def test_the_two_outcomes_share_all_probability(first: float, second: float) -> None:
    log_rate, log_rest = log_product(counts(first, second)[None])
    assert (log_rate.exp() + log_rest.exp()).item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("logit", [-800.0, 800.0])
def test_extreme_logits_stay_finite(logit: float) -> None:
    logits = torch.full((2, 2), logit, requires_grad=True)
    one, none = torch.ones((2, 2)), torch.zeros((2, 2))
    loss = funnel_nll(logits, one, none).sum() + whole_nll(logits, one[:, 0], none[:, 0]).sum()
    entry, test = torch.arange(2), torch.zeros(2, dtype=torch.int64)
    loss = loss + shares_nll(logits, one, one, entry, test, one)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_the_product_is_both_stages() -> None:
    log_rate, _ = log_product(counts(0.0, 1.0)[:, None])
    assert log_rate.exp().tolist() == pytest.approx([0.5, 1 / (1 + np.exp(-1))])
    logits = torch.zeros((2, 2), dtype=torch.float64)  # CTCVR is a quarter
    nll = whole_nll(logits, counts(3, 5), counts(1, 2)).tolist()
    expected = [-(np.log(0.25) + 2 * np.log(0.75)), -(2 * np.log(0.25) + 3 * np.log(0.75))]
    assert nll == pytest.approx(expected)
