"""Paired comparison of policies that met the same flights."""

import numpy as np

from promopilot.envs.arrays import Floats

_REPLICATES = 4000


def mean_interval(values: Floats, seed: int) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the mean of `values` `[F]` over flights."""
    low, high = np.percentile(_resampled(values[:, None], seed)[:, 0], [2.5, 97.5])
    return float(low), float(high)


def gain_pct(values: Floats, baseline: Floats, seed: int) -> tuple[float, float, float] | None:
    """Gain over the baseline in per cent of |its mean|, with a paired 95 % interval.

    Flights are resampled as pairs (Efron and Tibshirani, An Introduction to the Bootstrap, ch. 8).
    On a baseline whose mean is 0 there is no percentage.

    Args:
        values: Objective per flight `[F]`.
        baseline: Objective of the baseline on the same flights `[F]`.
        seed: Fixes the resampling.
    """
    if baseline.mean() == 0:
        return None
    means = _resampled(np.stack([values, baseline], axis=1), seed)
    draws = 100 * (means[:, 0] - means[:, 1]) / np.maximum(np.abs(means[:, 1]), 1e-300)
    gain = 100 * (values.mean() - baseline.mean()) / abs(baseline.mean())
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(gain), float(low), float(high)


def _resampled(columns: Floats, seed: int) -> Floats:
    """Bootstrap means `[replicates, C]` of `columns` `[F, C]`."""
    flights = len(columns)
    counts = np.random.default_rng(seed).multinomial(
        flights, np.full(flights, 1 / flights), size=_REPLICATES
    )
    return np.asarray(counts @ columns / flights)
