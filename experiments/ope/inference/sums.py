"""Sums of terms over groups of clusters: all that intervals need of a log."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.estimator import Terms

# Columns before the estimators' own: number of units, and what they brought.
_COUNT, _LOGGED, _FIRST = 0, 1, 2


def groups_of(cluster: IntArray, most: int, rng: np.random.Generator) -> IntArray:
    """Groups 0 to G - 1 [n]: one per cluster, or `most` into which clusters are dealt at random.

    Groups of independent clusters are independent, and variance and skewness add within them, so
    the spread and lean of a sum over groups are those of the sum over clusters.
    """
    labels, codes = np.unique(cluster, return_inverse=True)
    if len(labels) <= most:
        return np.asarray(codes, dtype=np.int64)
    return np.asarray((rng.permutation(len(labels)) % most)[codes], dtype=np.int64)


@dataclass(frozen=True)
class GroupSums:
    """Sums over G groups of the units' number, of what they brought, and of estimators' terms."""

    matrix: FloatArray  # [G, K]
    columns: tuple[slice, ...]  # of each estimator: plain, then above and below of each ratio

    def values(self, at: int, totals: FloatArray) -> FloatArray:
        """Estimate `at` from sums [..., K] over groups or replicates; NaN where undefined."""
        part = totals[..., self.columns[at]]
        above, below = part[..., 1::2], part[..., 2::2]
        ratios = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0.0)
        return np.asarray(part[..., 0] / totals[..., _COUNT] + ratios.sum(axis=-1))

    def logged(self, totals: FloatArray) -> FloatArray:
        """Mean of what a unit brought, from sums [..., K]."""
        return np.asarray(totals[..., _LOGGED] / totals[..., _COUNT])

    def totals(self) -> FloatArray:
        """Sums over the whole log [K]."""
        return np.asarray(self.matrix.sum(axis=0))

    def influence(self, at: int) -> FloatArray:
        """How far each group moves estimate `at`, to first order [G]; sums to 0.

        The influence function of a mean plus ratios (delta method; Hampel 1974), summed over the
        group's units and divided by their number: the variance of the estimate is the sum of
        squares.
        """
        totals = self.totals()
        part, whole = self.matrix[:, self.columns[at]], totals[self.columns[at]]
        count = totals[_COUNT]
        moved = (part[:, 0] - self.matrix[:, _COUNT] * (whole[0] / count)) / count
        for above in range(1, part.shape[1], 2):
            below = above + 1
            if not whole[below] > 0.0:
                return np.full(len(part), np.nan)
            ratio = whole[above] / whole[below]
            moved = moved + (part[:, above] - ratio * part[:, below]) / whole[below]
        return np.asarray(moved)

    def influence_of_logged(self) -> FloatArray:
        """The same for the mean of what a unit brought [G]."""
        totals = self.totals()
        count = totals[_COUNT]
        mean = totals[_LOGGED] / count
        return np.asarray((self.matrix[:, _LOGGED] - self.matrix[:, _COUNT] * mean) / count)


def sum_by_group(group: IntArray, logged: FloatArray, terms: Sequence[Terms]) -> GroupSums:
    """Sums terms [n] over groups 0 to G - 1 [n]."""
    size = int(group.max()) + 1

    def summed(values: FloatArray | None) -> FloatArray:
        found = np.zeros(size) if values is None else np.bincount(group, values, size)
        return np.asarray(found, dtype=np.float64)

    columns = [np.bincount(group, minlength=size).astype(np.float64), summed(logged)]
    parts = []
    for one in terms:
        start = len(columns)
        columns.append(summed(one.plain))
        for ratio in one.ratios:
            columns += [summed(ratio.above), summed(ratio.below)]
        parts.append(slice(start, len(columns)))
    return GroupSums(np.column_stack(columns), tuple(parts))
