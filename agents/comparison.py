"""Paired comparison of policies that met the same flights."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

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


def gap_closed(
    values: Floats, baseline: Floats, goal: Floats, seed: int
) -> tuple[float, float, float]:
    """Share of the gap between baseline and goal that is closed, with a paired 95 % interval.

    (mean value - mean baseline) / (mean goal - mean baseline); flights are resampled as triples,
    so that the interval holds the doubt of the gap itself.

    Args:
        values: Objective per flight `[F]`.
        baseline: Objective on the same flights `[F]` where nothing of the gap is closed.
        goal: Objective on the same flights `[F]` where all of it is; its mean is another one.
        seed: Fixes the resampling.
    """
    gains = np.stack([values - baseline, goal - baseline], axis=1)
    draws = _resampled(gains, seed)
    # A resample without a gap says nothing of the share.
    shares = np.divide(
        draws[:, 0], draws[:, 1], out=np.full(len(draws), np.nan), where=draws[:, 1] != 0
    )
    low, high = np.nanpercentile(shares, [2.5, 97.5])
    closed, gap = gains.mean(axis=0)
    return float(closed / gap), float(low), float(high)


def _resampled(columns: Floats, seed: int) -> Floats:
    """Bootstrap means `[replicates, C]` of `columns` `[F, C]`."""
    flights = len(columns)
    return np.asarray(_counts(flights, seed) @ columns / flights)


@lru_cache(maxsize=4)  # drawing them takes longer than all that is done with them
def _counts(flights: int, seed: int) -> NDArray[np.uint16]:
    """How often each resample holds each flight `[replicates, F]`."""
    share = np.full(flights, 1 / flights)
    drawn = np.random.default_rng(seed).multinomial(flights, share, size=_REPLICATES)
    return drawn.astype(np.uint16)
