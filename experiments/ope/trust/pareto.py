"""How heavy the tail of the weights is: the shape of a generalised Pareto distribution."""

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray

# Fewest excesses to fit a tail to; the R package loo fits none to fewer either.
_FEWEST = 5
# The weak prior of Vehtari et al. (2024): ten excesses' worth of a shape of one half.
_PRIOR_EXCESSES, _PRIOR_SHAPE = 10.0, 0.5


def pareto_k(weight: FloatArray) -> float:
    r"""Shape of the upper tail of weights [n]; moments of order 1/k and above do not exist.

    A generalised Pareto distribution is fitted to what the largest min(n/5, 3 \sqrt n) weights
    exceed the next one by. Zeros say that the policy never does what was done and are no part of
    the tail. Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance sampling".

    Returns:
        The shape; minus infinity where the weights have a largest value that many of them share or
        too few of them to fit a tail to stand out: nothing is heavier than what was seen.
    """
    positive = weight[weight > 0.0]
    tail = int(np.ceil(min(0.2 * len(positive), 3.0 * np.sqrt(len(positive)))))
    if tail < _FEWEST:
        return -np.inf
    largest = np.partition(positive, len(positive) - tail - 1)[len(positive) - tail - 1 :]
    excess = np.sort(largest[1:]) - largest[0]
    excess = excess[excess > 1e-12 * largest[0]]  # ties with the threshold, up to rounding
    if len(excess) < _FEWEST:
        return -np.inf
    if np.count_nonzero(excess >= excess[-1] * (1.0 - 1e-12)) >= _FEWEST:
        return -np.inf
    shape = fitted_shape(excess)
    count = len(excess)
    return (count * shape + _PRIOR_EXCESSES * _PRIOR_SHAPE) / (count + _PRIOR_EXCESSES)


def fitted_shape(excess: FloatArray) -> float:
    r"""Shape k of a generalised Pareto distribution from excesses [m], sorted and positive.

    The posterior mean of theta = -k/sigma on a grid under a weak prior, then k from it by maximum
    likelihood. Zhang and Stephens (2009), "A new and efficient estimation method for the
    generalized Pareto distribution".
    """
    count = len(excess)
    grid = 30 + int(np.sqrt(count))
    quartile = excess[int(count / 4.0 + 0.5) - 1]
    steps = 1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    theta = 1.0 / excess[-1] + steps / (3.0 * quartile)
    theta = theta[theta != 0.0]  # an exponential tail, whose neighbours on the grid stand for it
    shape = np.log1p(-theta[:, None] * excess).mean(axis=1)  # k at each theta
    profile = count * (np.log(-theta / shape) - shape - 1.0)
    posterior = np.exp(profile - profile.max())
    mean = float((theta * posterior).sum() / posterior.sum())
    return float(np.log1p(-mean * excess).mean())
