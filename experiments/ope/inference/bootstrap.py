"""The cluster bootstrap, on sums over groups: a replicate is one product of counts and sums.

All estimators share the replicates, so differences are paired: both sides are computed on the same
resampled units. Davison and Hinkley (1997), section 3.8; Cameron, Gelbach and Miller (2008).
"""

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray

# Replicates whose counts are held at once: 32 x 20,000 doubles are 5 MB.
_CHUNK = 32


def resample(sums: FloatArray, replicates: int, rng: np.random.Generator) -> FloatArray:
    """Sums over bootstrap replicates, the G groups drawn with replacement: [B, K] from [G, K]."""
    groups = len(sums)
    drawn = np.empty((replicates, sums.shape[1]))
    for start in range(0, replicates, _CHUNK):
        size = min(_CHUNK, replicates - start)
        picks = rng.integers(groups, size=(size, groups)) + groups * np.arange(size)[:, None]
        counts = np.bincount(picks.ravel(), minlength=size * groups).reshape(size, groups)
        drawn[start : start + size] = counts @ sums
    return drawn


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
