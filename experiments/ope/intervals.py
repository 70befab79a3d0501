"""Intervals by resampling whole clusters.

Each cluster is reduced once to the sums of its terms; a replicate is then one product of counts and
sums, shared by all estimators. Differences are thereby paired: both sides are computed on the same
resampled decisions.
"""

from collections.abc import Sequence

import numpy as np

from promopilot.experiments.ope.log import FloatArray, IntArray

# Replicates whose counts are held at once: 32 x 20,000 doubles are 5 MB.
_CHUNK = 32


def sums_by_cluster(terms: Sequence[FloatArray], cluster: IntArray) -> FloatArray:
    """Number of rows, then sums of k terms [n], in each of C clusters: [C, 1 + k], ascending."""
    labels, codes = np.unique(cluster, return_inverse=True)
    columns: list[FloatArray] = [np.bincount(codes, minlength=len(labels)).astype(np.float64)]
    if len(labels) == len(cluster):
        order = np.argsort(codes)
        columns += [term[order] for term in terms]
    else:
        for term in terms:
            columns.append(np.bincount(codes, weights=term, minlength=len(labels)).astype(float))
    return np.column_stack(columns)


def resample(
    sums: FloatArray, replicates: int, max_units: int, rng: np.random.Generator
) -> FloatArray:
    """Sums over bootstrap replicates, clusters drawn with replacement: [k, B] from [C, k].

    More than `max_units` clusters are first dealt at random into that many groups of (nearly) equal
    size. Groups of independent clusters are independent, and variance and skewness add within
    them, so the replicates' spread and lean stay as they were. Cluster bootstrap: Davison and
    Hinkley (1997), section 3.8; Cameron, Gelbach and Miller (2008).
    """
    units = len(sums)
    if units > max_units:
        group = rng.permutation(units) % max_units
        columns = [np.bincount(group, weights=sums[:, j]) for j in range(sums.shape[1])]
        sums, units = np.column_stack(columns), max_units
    drawn = np.empty((replicates, sums.shape[1]))
    for start in range(0, replicates, _CHUNK):
        size = min(_CHUNK, replicates - start)
        picks = rng.integers(units, size=(size, units)) + units * np.arange(size)[:, None]
        counts = np.bincount(picks.ravel(), minlength=size * units).reshape(size, units)
        drawn[start : start + size] = counts @ sums
    return drawn.T


def percentile_interval(replicates: FloatArray, confidence: float) -> tuple[float, float]:
    """The middle `confidence` of the replicates [B].

    Replicates in which an estimate is not defined are left out; (NaN, NaN) where that is most.
    """
    defined = replicates[np.isfinite(replicates)]
    if 2 * len(defined) < len(replicates):
        return float("nan"), float("nan")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)
