"""Units of one shop that are alike but not the same: each learns from the others.

A number x of unit k is m + own part, own part ~ N(0, between^2) and m ~ N(prior mean, prior sd^2 -
between^2). All is integrated on a grid, so that flat, skew or bounded likelihoods do no harm.
"""

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.priors import Prior


def pooled_weights(
    log_likelihood: Floats, axes: tuple[Floats, ...], priors: tuple[Prior, ...]
) -> Floats:
    """Posterior of each unit on the grid.

    Args:
        log_likelihood: [U, G1, G2] of each unit at each point; all zero where nothing was seen.
        axes: The grid's points on each prior's scale, [G1] and [G2].
        priors: Of each axis.

    Returns:
        [U, G1, G2], adding up to one over each unit's points.
    """
    kernels, common = [], np.ones((1, 1))
    for points, prior in zip(axes, priors, strict=True):
        apart = (points[:, None] - points) / prior.between
        kernel = np.exp(-0.5 * apart**2)
        kernels.append(kernel / kernel.sum(axis=0))  # [x, m]: chance of x where the shop has m
        shared = (points - centre(prior)) / np.sqrt(prior.sd**2 - prior.between**2)
        common = common[..., None] * np.exp(-0.5 * shared**2)
    first, second = kernels
    common = common[0]
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=(1, 2), keepdims=True))
    log_evidence = np.log(np.maximum(first.T @ likelihood @ second, 1e-300))  # of m, by unit
    others = log_evidence.sum(axis=0) - log_evidence
    others = np.exp(others - others.max(axis=(1, 2), keepdims=True)) * common
    posterior = likelihood * (first @ others @ second.T)
    return np.asarray(posterior / posterior.sum(axis=(1, 2), keepdims=True))


def moments(weights: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Mean and sd `[U]` of `points` (of the grid's shape, or with units in front) under weights."""
    mean = (weights * points).sum(axis=(1, 2))
    apart = points - mean[:, None, None]
    return mean, np.sqrt((weights * apart**2).sum(axis=(1, 2)))
