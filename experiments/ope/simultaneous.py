"""Intervals of several estimates that hold together, and which of them may be the largest.

All estimates come from the same units, so their errors move together; a bootstrap of what each
group of units adds shows how. Everything here needs nothing but that: `influence` [G, K] is how far
each of G groups moves each of K estimates, to first order.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import BoolArray, FloatArray
from promopilot.experiments.ope.inference.bootstrap import resample


@dataclass(frozen=True)
class Best:
    """How each of K estimates compares with the largest true value among the others."""

    may_be: BoolArray  # [K] cannot be told from the best
    ahead: FloatArray  # [K] how far it lies ahead of the best of the others; negative: behind
    low: FloatArray  # [K] ends of the interval of that, at most and at least 0
    high: FloatArray  # [K]


def stretches(
    influence: FloatArray, confidence: float, replicates: int, rng: np.random.Generator
) -> FloatArray:
    """By how much each estimate's own interval must be stretched so that all hold at once, [K].

    The quantile of the largest of all |t| over that of the estimate's own |t| (single-step max-t:
    Romano and Wolf 2005; Hothorn, Bretz and Westfall 2008). At least 1, and 1 for one estimate; an
    estimate that no unit moves needs no stretch.
    """
    error = np.sqrt(np.square(influence).sum(axis=0))
    moved = error > 0.0
    stretch = np.ones(influence.shape[1])
    if not moved.any():
        return stretch
    t = np.abs(resample(influence[:, moved] / error[moved], replicates, rng))
    largest = np.quantile(t.max(axis=1), confidence)
    stretch[moved] = np.maximum(1.0, largest / np.quantile(t, confidence, axis=0))
    return stretch


def compare_with_best(
    values: FloatArray,
    influence: FloatArray,
    confidence: float,
    replicates: int,
    rng: np.random.Generator,
) -> Best:
    """Multiple comparisons with the best (Hsu 1984), unequal errors allowed.

    Each estimate in turn is the one that all others are compared with; it may be the best unless
    one of them lies above it by more than the quantile of the largest of their t. The best is thus
    kept with probability `confidence`, whichever it is, and the intervals hold together.

    Args:
        values: [K] estimates.
        influence: [G, K] how far each group of units moves each.
        confidence: of the set, and of all intervals together.
        replicates: of the bootstrap.
        rng: draws the replicates.
    """
    count = len(values)
    if count == 1:
        return Best(np.ones(1, dtype=bool), np.zeros(1), np.zeros(1), np.zeros(1))
    drawn = resample(influence, replicates, rng)
    reach = np.zeros((count, count))  # [k, j] how far k may fall behind j by chance
    for k in range(count):
        apart = influence - influence[:, [k]]
        error = np.sqrt(np.square(apart).sum(axis=0))
        differ = error > 1e-12 * np.sqrt(np.square(influence[:, k]).sum())
        if not differ.any():
            continue
        t = (drawn - drawn[:, [k]])[:, differ] / error[differ]
        reach[k, differ] = np.quantile(t.max(axis=1), confidence) * error[differ]
    lead = values[:, None] - values[None, :]  # [k, j] how far k lies ahead of j
    others = ~np.eye(count, dtype=bool)
    upper = np.where(others, lead + reach, np.inf).min(axis=1)
    may_be = upper >= 0.0
    # Whoever may be the best is compared with; its own quantile bounds how far others trail it.
    rivals = others & may_be[None, :]
    lower = np.where(rivals, lead - reach.T, np.inf).min(axis=1)
    return Best(
        may_be,
        np.where(others, lead, np.inf).min(axis=1),
        np.minimum(0.0, lower),  # nothing to compare with: it is the best, and trails nobody
        np.maximum(0.0, upper),
    )
