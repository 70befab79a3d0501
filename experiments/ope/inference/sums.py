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
    codes = _codes(cluster)
    clusters = int(codes.max()) + 1
    if clusters <= most:
        return codes
    return np.asarray((rng.permutation(clusters) % most)[codes], dtype=np.int64)


def _codes(cluster: IntArray) -> IntArray:
    """Clusters as 0 to C - 1 [n], in the order of their numbers."""
    # A million of them sort in 0.1 s; most come numbered, or are the decisions themselves.
    if cluster.min() == 0 and cluster.max() < len(cluster) and np.bincount(cluster).all():
        return np.asarray(cluster, dtype=np.int64)
    return np.asarray(np.unique(cluster, return_inverse=True)[1], dtype=np.int64)


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

    def gradient(self, at: int, totals: FloatArray) -> FloatArray:
        """How estimate `at` moves with each of its sums, at totals [..., K]: [..., 2 + its own].

        The columns are those of `parts`: count, logged, then the estimator's own. NaN where the
        estimate is undefined.
        """
        count, own = totals[..., _COUNT], totals[..., self.columns[at]]
        found = np.zeros((*count.shape, _FIRST + own.shape[-1]))
        found[..., _COUNT] = -own[..., 0] / count**2
        found[..., _FIRST] = 1.0 / count
        above, below = own[..., 1::2], own[..., 2::2]
        inverse = np.divide(1.0, below, out=np.full_like(below, np.nan), where=below > 0.0)
        found[..., _FIRST + 1 :: 2] = inverse
        found[..., _FIRST + 2 :: 2] = -above * inverse**2
        return found

    def gradient_of_logged(self, totals: FloatArray) -> FloatArray:
        """The same for the mean of what a unit brought: [..., 2]."""
        count = totals[..., _COUNT]
        return np.stack([-totals[..., _LOGGED] / count**2, 1.0 / count], axis=-1)

    def parts(self, at: int) -> FloatArray:
        """Sums of each group that estimate `at` and its gain are made of [G, 2 + its own]."""
        return np.concatenate([self.matrix[:, :_FIRST], self.matrix[:, self.columns[at]]], axis=1)

    def influence(self, at: int) -> FloatArray:
        """How far each group moves estimate `at`, to first order [G]; sums to 0.

        The influence function of a mean plus ratios (delta method; Hampel 1974), summed over the
        group's units and divided by their number: the variance of the estimate is the sum of
        squares. It is the group's sums times the gradient, as the estimate does not change when all
        sums are scaled alike.
        """
        return np.asarray(self.parts(at) @ self.gradient(at, self.totals()))

    def influence_of_logged(self) -> FloatArray:
        """The same for the mean of what a unit brought [G]."""
        return np.asarray(self.matrix[:, :_FIRST] @ self.gradient_of_logged(self.totals()))


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
