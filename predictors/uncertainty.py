r"""How far a rate may lie from what was predicted, beyond binomial noise.

On the logit of a stage, line item i of promotion j deviates by a_j + b_i, with a_j ~ N(0, shared^2)
common to the promotion's line items and b_i ~ N(0, own^2). Linearised at the prediction p,

    e_i = (y_i - n_i p_i) / w_i = a_j + b_i + noise,  w_i = n_i p_i (1 - p_i),  Var(noise) = 1/w_i,

so the residuals of a promotion are normal with covariance diag(1/w_i + own^2) + shared^2 and both
variances follow by marginal likelihood (Laird & Ware 1982; one-way random effects).
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from promopilot.predictors.dataset import Floats, Ints

# Line items with fewer expected events say little, and their residual is too skewed to be normal.
_LEAST_EVENTS = 5.0
# Fewer promotions than this cannot tell a spread.
_LEAST_PROMOTIONS = 5
# Without evidence: the mid case of the worlds in which re-planning was compared (s = .3, .5, .8).
_FALLBACK_SD = 0.5
# A new text is at least this much less certain than one that the fit has seen.
_NEW_TEXT_FACTOR = 1.25
_LARGEST_SD = 3.0


@dataclass(frozen=True)
class StageSpread:
    """Standard deviations of one stage's logit."""

    shared: float  # a promotion's, its text seen in the fit
    own: float  # a line item's
    shared_new: float  # a promotion's whose text the fit never saw
    placement: float  # between placements: added where the placement is unknown
    segment: float  # between segments: added where the segment is unknown
    group: float  # between groups: added where neither text nor group is known

    def to_json(self) -> dict[str, float]:
        """Returns plain numbers."""
        return asdict(self)


@dataclass(frozen=True)
class Residuals:
    """What one stage showed on the choose rows, per row [R]."""

    promotion: Ints
    item: Ints  # line item: rows of different weekdays share it
    trials: Floats
    successes: Floats
    rate: Floats  # predicted
    is_new: NDArray[np.bool_]  # the promotion's text was not in the fit


def spread_between(logit: Floats, level: Ints, weight: Floats) -> float:
    """Returns the weighted standard deviation between levels of the mean logit; 0 with one."""
    weights = np.bincount(level, weight)
    sums = np.bincount(level, weight * logit)
    used = weights > 0
    if used.sum() < 2:
        return 0.0
    means = sums[used] / weights[used]
    centre = np.average(means, weights=weights[used])
    return float(np.sqrt(np.average((means - centre) ** 2, weights=weights[used])))


def estimate_spread(
    residuals: Residuals, floor: float, between: tuple[float, float, float]
) -> StageSpread:
    """Estimates a stage's spread; no standard deviation is below `floor`.

    Args:
        residuals: the choose rows under the calibrated prediction.
        floor: least value, in logits; the sampling error of an estimate near 0 is not 0.
        between: standard deviations between placements, segments and groups.
    """
    promotion, error, noise, is_new = _per_item(residuals)
    seen = ~is_new
    shared, own = _fit(promotion[seen], error[seen], noise[seen])
    shared_new = shared * _NEW_TEXT_FACTOR
    if len(np.unique(promotion[is_new])) >= _LEAST_PROMOTIONS:
        found, _ = _fit(promotion[is_new], error[is_new], noise[is_new])
        shared_new = max(shared_new, found)
    if not seen.any() and is_new.any():  # every text is new: its spread is all there is
        shared, own = _fit(promotion, error, noise)
        shared_new = shared
    shared = max(shared, floor)
    placement, segment, group = between
    return StageSpread(
        shared=shared,
        own=max(own, floor),
        shared_new=max(shared_new, shared),
        placement=placement,
        segment=segment,
        group=group,
    )


def _per_item(residuals: Residuals) -> tuple[Ints, Floats, Floats, NDArray[np.bool_]]:
    """Sums rows to line items; returns promotion, residual, noise variance and is_new of each."""
    item = np.unique(residuals.item, return_inverse=True)[1]
    first = np.zeros(int(item.max(initial=-1)) + 1, dtype=np.int64)
    first[item] = np.arange(len(item))
    expected = np.bincount(item, residuals.trials * residuals.rate)
    information = np.bincount(item, residuals.trials * residuals.rate * (1.0 - residuals.rate))
    observed = np.bincount(item, residuals.successes)
    kept = expected >= _LEAST_EVENTS
    error = (observed[kept] - expected[kept]) / information[kept]
    row = first[kept]
    return residuals.promotion[row], error, 1.0 / information[kept], residuals.is_new[row]


def _fit(promotion: Ints, error: Floats, noise: Floats) -> tuple[float, float]:
    """Returns (shared, own) by marginal likelihood, or the fallback where there is too little."""
    group = np.unique(promotion, return_inverse=True)[1]
    if group.max(initial=-1) + 1 < _LEAST_PROMOTIONS:
        return _FALLBACK_SD, _FALLBACK_SD

    def loss(log_sd: Floats) -> float:
        shared, own = np.exp(2.0 * log_sd)
        precision = 1.0 / (noise + own)
        total = np.bincount(group, precision)
        weighted = np.bincount(group, precision * error)
        # Sherman-Morrison and the matrix determinant lemma for diag + shared * 1 1'.
        quadratic = (precision * error**2).sum()
        quadratic -= (weighted**2 * shared / (1.0 + shared * total)).sum()
        determinant = np.log(noise + own).sum() + np.log1p(shared * total).sum()
        return float(0.5 * (quadratic + determinant))

    bound = (np.log(1e-3), np.log(_LARGEST_SD))
    start = np.log(np.array([0.2, 0.2]))
    best = minimize(loss, start, method="L-BFGS-B", bounds=[bound, bound])
    shared, own = np.exp(best.x)
    return float(shared), float(own)
