"""Log prices: a stationary AR(1) around a mean, from gappy series read with error.

y_t = level + a_t + e_t, a_t = keep a_{t-1} + step, Var(a) = sd^2, Var(e_t) known. The level is
integrated out with a flat prior (restricted likelihood), which takes away the downward bias of the
persistence in short series that Marriott and Pope (1954) and Kendall (1954) found; source: Cheang
and Reinsel, JASA 95 (2000). Persistence and sd are integrated on a grid, placements pooled.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.calibration.pooling import moments, pooled_weights
from promopilot.envs.priors import PRIORS

_LOG_SD = centre(PRIORS["price_sd"]) + np.linspace(-3.5, 3.5, 43)
_KEEP = np.linspace(0.0, 0.99, 40)


@dataclass(frozen=True)
class AutoRegression:
    """Posterior of K series: each mean and sd."""

    level: Floats  # [K] of the series; not a number where it was never seen
    level_sd: Floats  # [K]
    log_sd: Floats  # [K] of the stationary sd
    log_sd_sd: Floats  # [K]
    persistence: Floats  # [K]
    persistence_sd: Floats  # [K]
    deviation: Floats  # [K] from the level on the last day
    deviation_sd: Floats  # [K]


def fit_ar1(values: Floats, variance: Floats) -> AutoRegression:
    """Fit K series of T days.

    Args:
        values: [T, K], not a number on days that were not seen.
        variance: [T, K] of the error with which they were read.
    """
    sd, keep = np.exp(_LOG_SD)[:, None], _KEEP[None, :]
    parts = [_filter(values[:, k], variance[:, k], sd, keep) for k in range(values.shape[1])]
    likelihood, level, level_var, deviation, deviation_var = (
        np.stack([part[i] for part in parts]) for i in range(5)
    )
    weights = pooled_weights(
        likelihood, (_LOG_SD, _KEEP), (PRIORS["price_sd"], PRIORS["price_persistence"])
    )
    log_sd, log_sd_sd = moments(weights, np.broadcast_to(_LOG_SD[:, None], likelihood.shape[1:]))
    persistence, persistence_sd = moments(weights, np.broadcast_to(keep, likelihood.shape[1:]))
    level, level_sd = _mixed(weights, level, level_var)
    deviation, deviation_sd = _mixed(weights, deviation, deviation_var)
    return AutoRegression(
        level, level_sd, log_sd, log_sd_sd, persistence, persistence_sd, deviation, deviation_sd
    )


def _mixed(weights: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Mean and sd of a mixture of Gaussians."""
    centre, spread = moments(weights, mean)
    return centre, np.sqrt(spread**2 + (weights * variance).sum(axis=(1, 2)))


def _filter(
    values: Floats, variance: Floats, sd: Floats, keep: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Kalman filter of one series at all points of the grid at once.

    The series and a column of ones run through the same filter, so that the level falls out by
    generalised least squares on the innovations.

    Returns:
        Restricted log-likelihood, level, its variance, last day's deviation, its variance: each of
        the grid's shape.
    """
    shape = np.broadcast_shapes(sd.shape, keep.shape)
    stationary = np.broadcast_to(sd**2, shape)
    state, unit, spread = np.zeros(shape), np.zeros(shape), stationary
    logs, ones, cross, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for value, error in zip(values, variance, strict=True):
        state, unit = keep * state, keep * unit
        spread = keep**2 * spread + (1 - keep**2) * stationary
        if np.isnan(value):
            continue
        total = spread + error
        gain = spread / total
        surprise, one = value - state, 1 - unit
        logs += np.log(total)
        ones += one**2 / total
        cross += one * surprise / total
        squares += surprise**2 / total
        state, unit = state + gain * surprise, unit + gain * one
        spread = spread * (1 - gain)
    if np.isnan(values).all():
        gap = np.full(shape, np.nan)
        return np.zeros(shape), gap, gap, gap, gap
    level = cross / ones
    likelihood = -0.5 * (logs + np.log(ones) + squares - cross**2 / ones)
    return likelihood, level, 1 / ones, state - level * unit, spread + unit**2 / ones
