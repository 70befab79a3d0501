"""How good predicted rates are, against counts that were held back.

R is rows; `rate` is a stage's predicted probability per trial. Trials may be fractions where
conversions have not all matured. Every figure here is exact; `bootstrap` gives intervals.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from promopilot.predictors.dataset import Floats, Ints, Masks, Names

LEAST_EVENTS = 20.0  # expected events for a line item to be ranked (contract)
BINS = 10
_SIGNIFICANT = 1.96  # two-sided 5 %


def log_losses(rate: Floats, trials: Floats, events: Floats) -> Floats:
    """Returns each row's negative log-likelihood [R], in nats; rates in (0, 1)."""
    tiny = np.finfo(np.float64).tiny
    total = events * np.log(np.maximum(rate, tiny))
    return np.asarray(-total - (trials - events) * np.log1p(-np.minimum(rate, 1.0 - 1e-15)))


def log_loss(rate: Floats, trials: Floats, events: Floats) -> float:
    """Returns the mean negative log-likelihood per trial, in nats."""
    return float(log_losses(rate, trials, events).sum() / trials.sum())


def entropy(rate: Floats) -> Floats:
    """Returns the log-loss, in nats, of a rate that is exactly right."""
    inner = np.clip(rate, 1e-300, 1.0 - 1e-15)
    return np.asarray(-inner * np.log(inner) - (1.0 - inner) * np.log1p(-inner))


def normalised_entropy(rate: Floats, trials: Floats, events: Floats) -> float | None:
    """Log-loss over that of the rows' own mean rate (He et al. 2014): below 1 is better than it.

    None where all trials or none are events.
    """
    share = events.sum() / trials.sum()
    if not 0.0 < share < 1.0:
        return None
    return log_loss(rate, trials, events) / float(entropy(np.array(share)))


def area_under_curve(rate: Floats, trials: Floats, events: Floats) -> float | None:
    """Chance that a trial with an event is rated above one without, ties counting half.

    Exact on counts (Mann & Whitney 1947); None where all trials or none are events.
    """
    code = np.unique(rate, return_inverse=True)[1]
    hits, misses = np.bincount(code, events), np.bincount(code, trials - events)
    total = hits.sum() * misses.sum()
    if total <= 0:
        return None
    return float((hits * (np.cumsum(misses) - misses / 2.0)).sum() / total)


def ranked_items(expected: Floats, item: Ints) -> Masks:
    """Returns which rows [R] belong to items with at least 20 expected events."""
    code = np.unique(item, return_inverse=True)[1]
    return np.asarray((np.bincount(code, expected) >= LEAST_EVENTS)[code])


def spearman(rate: Floats, trials: Floats, events: Floats, item: Ints) -> float | None:
    """Rank correlation of predicted and observed rate over items, rows of an item being summed.

    None with fewer than three items, or where all rates are equal.
    """
    code = np.unique(item, return_inverse=True)[1]
    shown = np.bincount(code, trials)
    if len(shown) < 3 or (shown <= 0).any():
        return None
    predicted = rankdata(np.round(np.bincount(code, trials * rate) / shown, 12))
    actual = rankdata(np.bincount(code, events) / shown)
    if np.ptp(predicted) == 0 or np.ptp(actual) == 0:
        return None
    return float(np.corrcoef(predicted, actual)[0, 1])


def equal_bins(rate: Floats, trials: Floats, bins: int = BINS) -> Ints:
    """Returns a bin [R] per row: by predicted rate, each with as many trials as the others."""
    order = np.argsort(rate, kind="stable")
    shown = trials[order].astype(np.float64)
    middle = np.cumsum(shown) - shown / 2.0
    out = np.empty(len(rate), dtype=np.int64)
    out[order] = np.minimum((middle / shown.sum() * bins).astype(np.int64), bins - 1)
    return out


def calibration_error(rate: Floats, trials: Floats, events: Floats) -> float:
    """Expected calibration error: mean |observed - predicted| rate over ten equal bins.

    Rows are sorted by predicted rate and cut into bins of equally many trials (Naeini 2015).
    """
    gap = np.bincount(equal_bins(rate, trials), events - trials * rate)
    return float(np.abs(gap).sum() / trials.sum())


@dataclass(frozen=True)
class Pairs:
    """Pairs of promotions inside a randomised test that differ by z > 1.96; every field is [K].

    `first` did better than `second`.
    """

    first: Ints  # index of the promotion
    second: Ints
    first_rate: Floats  # observed
    second_rate: Floats
    z: Floats  # pooled two-proportion test


def clear_pairs(trials: Floats, events: Floats, promotion: Ints, test_id: Names) -> Pairs:
    """Finds the pairs whose order is more than chance.

    Args:
        trials: [R].
        events: [R].
        promotion: [R] index into `test_id`.
        test_id: [P] the test of each promotion, "" for none.
    """
    shown = np.bincount(promotion, trials, minlength=len(test_id))
    observed = np.bincount(promotion, events, minlength=len(test_id))
    test = np.unique(test_id.astype(str), return_inverse=True)[1]
    member = np.flatnonzero((shown > 0) & (test_id != ""))
    member = member[np.argsort(test[member], kind="stable")]
    # Each member is paired with those after it in its test.
    ends = np.searchsorted(test[member], test[member], side="right")
    others = ends - np.arange(len(member)) - 1
    a = np.repeat(np.arange(len(member)), others)
    b = a + 1 + np.arange(len(a)) - np.repeat(np.cumsum(others) - others, others)
    a, b = member[a], member[b]
    pooled = (observed[a] + observed[b]) / (shown[a] + shown[b])
    variance = pooled * (1.0 - pooled) * (1.0 / shown[a] + 1.0 / shown[b])
    rate = np.divide(observed, shown, out=np.zeros(len(shown)), where=shown > 0)
    difference = rate[a] - rate[b]
    z = np.divide(difference, np.sqrt(variance), out=np.zeros(len(a)), where=variance > 0)
    clear = np.abs(z) > _SIGNIFICANT
    a, b, z = a[clear], b[clear], z[clear]
    first, second = np.where(z > 0, a, b), np.where(z > 0, b, a)
    return Pairs(first, second, rate[first], rate[second], np.abs(z))


def agreement(rate: Floats, trials: Floats, promotion: Ints, pairs: Pairs) -> Floats:
    """Returns for each pair [K] 1 where the predicted order is the observed, 1/2 where equal."""
    count = int(max(promotion.max(initial=-1), pairs.first.max(initial=-1))) + 1
    count = max(count, int(pairs.second.max(initial=-1)) + 1)
    shown = np.bincount(promotion, trials, minlength=count)
    expected = np.bincount(promotion, trials * rate, minlength=count)
    mean = np.divide(expected, shown, out=np.zeros(count), where=shown > 0)
    return np.asarray(0.5 + 0.5 * np.sign(mean[pairs.first] - mean[pairs.second]))
