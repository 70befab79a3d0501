"""Posterior of each promotion's hidden shift, for every flight (see `promopilot.envs.belief`)."""

import math

import numpy as np
from numba import njit

from promopilot.envs.rates import NODES, WEIGHTS

_NEWTON_STEPS = 50
# A Newton step on the log-odds is never longer than this, so that a surprise cannot overshoot.
_LONGEST_STEP = 1.0


@njit(cache=True, error_model="numpy")
def posterior(trials, events, reference, promotion, prior, own_variance, mean, sd, enough):  # type: ignore[no-untyped-def]
    """Update `mean` and `sd` `[N, P]` in place; Newton starts from the mean found there.

    With:
        trials: Effective trials `[N, L]`.
        events: Events seen `[N, L]`.
        reference: Log-odds of the reference day `[L]`.
        promotion: Of each line item `[L]`, ascending.
        prior: Precision of each shift's prior `[N, P]`, infinite where it is known to be 0.
        own_variance: Variance of a line item's own shift `[L]`.
        enough: A step of the log-odds below this is the last one.
    """
    items = len(promotion)
    for n in range(len(trials)):
        first = 0
        while first < items:
            p, end = promotion[first], first + 1
            while end < items and promotion[end] == p:
                end += 1
            if prior[n, p] < math.inf:
                shift, precision = mean[n, p], prior[n, p]
                for _ in range(_NEWTON_STEPS):
                    score, precision = -shift * prior[n, p], prior[n, p]
                    for i in range(first, end):
                        if trials[n, i] == 0:
                            continue
                        rate = 1 / (1 + math.exp(-reference[i] - shift))
                        information = trials[n, i] * rate * (1 - rate)
                        shrink = 1 / (1 + own_variance[i] * information)
                        score += (events[n, i] - trials[n, i] * rate) * shrink
                        precision += information * shrink
                    step = min(max(score / precision, -_LONGEST_STEP), _LONGEST_STEP)
                    shift += step
                    if abs(step) < enough:
                        break
                mean[n, p], sd[n, p] = shift, 1 / math.sqrt(precision)
            first = end


@njit(cache=True, error_model="numpy")
def expected_rates(centre, promotion, mean, sd, own_variance):  # type: ignore[no-untyped-def]
    """Rates `[N, L]` expected under Gaussian shifts, by Gauss-Hermite quadrature."""
    out = np.empty((len(mean), len(promotion)))
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            p = promotion[i]
            middle = centre[i] + mean[n, p]
            spread = math.sqrt(sd[n, p] ** 2 + own_variance[i])
            total = 0.0
            for k in range(len(NODES)):
                total += WEIGHTS[k] / (1 + math.exp(-middle - NODES[k] * spread))
            out[n, i] = total
    return out
