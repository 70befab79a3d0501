"""How good predicted rates are, against counts that were held back.

R is rows; `rate` is the predicted probability of the last recorded stage per impression (CTCVR).
"""

import numpy as np
from scipy.stats import rankdata

from promopilot.predictors.dataset import Floats, Ints, Names

LEAST_EVENTS = 20.0  # expected events for a line item to be ranked (contract)
_BINS = 10
_SIGNIFICANT = 1.96  # two-sided 5 %


def log_loss(rate: Floats, trials: Ints, events: Ints) -> float:
    """Returns the mean negative log-likelihood per trial, in nats; rates in (0, 1)."""
    tiny = np.finfo(np.float64).tiny
    total = events * np.log(np.maximum(rate, tiny))
    total = total + (trials - events) * np.log1p(-np.minimum(rate, 1.0 - 1e-15))
    return float(-total.sum() / trials.sum())


def spearman(rate: Floats, trials: Ints, events: Ints, item: Ints) -> float | None:
    """Rank correlation of predicted and observed rate over line items.

    Only items with at least 20 expected events count; None with fewer than three of them, or where
    all rates are equal.
    """
    code = np.unique(item, return_inverse=True)[1]
    shown = np.bincount(code, trials)
    expected = np.bincount(code, trials * rate)
    observed = np.bincount(code, events)
    kept = expected >= LEAST_EVENTS
    if kept.sum() < 3:
        return None
    predicted = rankdata(expected[kept] / shown[kept])
    actual = rankdata(observed[kept] / shown[kept])
    if np.ptp(predicted) == 0 or np.ptp(actual) == 0:
        return None
    return float(np.corrcoef(predicted, actual)[0, 1])


def calibration_error(rate: Floats, trials: Ints, events: Ints) -> float:
    """Expected calibration error: mean |observed - predicted| rate over ten equal bins.

    Rows are sorted by predicted rate and cut into bins of equally many impressions (Naeini 2015).
    """
    order = np.argsort(rate, kind="stable")
    shown = trials[order].astype(np.float64)
    middle = np.cumsum(shown) - shown / 2.0
    bins = np.minimum((middle / shown.sum() * _BINS).astype(np.int64), _BINS - 1)
    gap = np.bincount(bins, events[order] - shown * rate[order])
    return float(np.abs(gap).sum() / shown.sum())


def pair_accuracy(
    rate: Floats, trials: Ints, events: Ints, promotion: Ints, test_id: Names
) -> float | None:
    """Share of pairs inside a randomised test that are ordered as observed.

    Only pairs count whose observed rates differ by z > 1.96 (pooled two-proportion test); equal
    predictions count half. None where no pair differs.

    Args:
        rate: [R] predicted.
        trials: [R] impressions.
        events: [R] events.
        promotion: [R] index into `test_id`.
        test_id: [P] the test of each promotion, "" for none.
    """
    shown = np.bincount(promotion, trials, minlength=len(test_id))
    expected = np.bincount(promotion, trials * rate, minlength=len(test_id))
    observed = np.bincount(promotion, events, minlength=len(test_id))
    right, pairs = 0.0, 0
    for test in np.unique(test_id[(shown > 0) & (test_id != "")].astype(str)):
        member = np.flatnonzero((test_id == test) & (shown > 0))
        first, second = np.triu_indices(len(member), 1)
        a, b = member[first], member[second]
        pooled = (observed[a] + observed[b]) / (shown[a] + shown[b])
        variance = pooled * (1.0 - pooled) * (1.0 / shown[a] + 1.0 / shown[b])
        difference = observed[a] / shown[a] - observed[b] / shown[b]
        z = np.divide(difference, np.sqrt(variance), out=np.zeros(len(a)), where=variance > 0)
        is_clear = np.abs(z) > _SIGNIFICANT
        guess = np.sign(expected[a] / shown[a] - expected[b] / shown[b])[is_clear]
        agreement = guess * np.sign(difference[is_clear])
        right += float((agreement > 0).sum() + 0.5 * (agreement == 0).sum())
        pairs += int(is_clear.sum())
    return right / pairs if pairs else None
