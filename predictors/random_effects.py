r"""How far line items stray from their predictions: a promotion's shared shift and each item's own.

On the logit of a stage, line item i of promotion j deviates by d_i = a_j + b_i with a_j ~
N(0, shared_j^2) and b_i ~ N(0, own^2), and its counts are binomial at the shifted rate. The
variances follow by marginal likelihood, the shifts integrated out by Laplace's method at their
joint mode (as lme4 fits binomial mixed models; Bates et al. 2015). Linearising at the prediction
instead would overrate spread, because counts that double lie further out than counts that halve.

I is line items, J promotions.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.predictors.dataset import Floats, Ints
from promopilot.predictors.logistic import sigmoid

_STEPS = 30  # Newton steps to the mode; about six are used
_SMALL = 1e-12


@dataclass(frozen=True)
class Items:
    """What line items showed and what was expected."""

    group: Ints  # [I] 0..J-1, the promotion whose shift they share
    logit: Floats  # [I] predicted
    trials: Floats  # [I]
    successes: Floats  # [I]


def log_likelihood(items: Items, shared: Floats, own: float) -> float:
    """Returns log p(successes) relative to no shifts at all.

    Args:
        items: with J promotions.
        shared: [J] variances of the promotions' shifts.
        own: variance of the items' own shifts, above 0.
    """
    count = len(shared)

    def per_group(values: Floats) -> Floats:
        return np.bincount(items.group, values, minlength=count).astype(np.float64)

    shift = np.zeros(len(items.logit))
    weight, precision = shift, shift
    for step in range(_STEPS + 1):
        rate = sigmoid(items.logit + shift)
        weight = np.maximum(items.trials * rate * (1.0 - rate), _SMALL)
        # Covariance of the working response is diag(1/weight + own) + shared 1 1' per promotion;
        # its inverse is Sherman-Morrison's.
        precision = 1.0 / (1.0 / weight + own)
        if step == _STEPS:
            break
        response = shift + (items.successes - items.trials * rate) / weight
        scaled = precision * response
        pulled = shared * per_group(scaled) / (1.0 + shared * per_group(precision))
        dual = scaled - precision * pulled[items.group]
        moved = own * dual + (shared * per_group(dual))[items.group]
        change = np.clip(moved - shift, -1.0, 1.0)
        shift = shift + change
        if np.abs(change).max(initial=0.0) < 1e-8:
            break
    at_mode, without = items.logit + shift, items.logit
    gain = float((items.successes * shift).sum())
    gain -= float((items.trials * (np.logaddexp(0.0, at_mode) - np.logaddexp(0.0, without))).sum())
    # d' C^-1 d with C = own I + shared 1 1', and log det(I + W C).
    size = per_group(np.ones(len(shift)))
    square = float((shift**2).sum()) / own
    square -= float((per_group(shift) ** 2 * shared / (own * (own + shared * size))).sum())
    determinant = float(np.log1p(weight * own).sum())
    determinant += float(np.log1p(shared * per_group(precision)).sum())
    return gain - 0.5 * square - 0.5 * determinant
