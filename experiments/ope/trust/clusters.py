"""The independent units of a log: its clusters, numbered, with sums over each."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray

# Codes that range over at most so many times the rows are counted, others sorted first.
_SPARSE = 4


@dataclass(frozen=True)
class Clusters:
    """G clusters of n units."""

    code: IntArray  # [n] from 0 to G - 1
    size: FloatArray  # [G] units in each, at least 1

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums of values [n] over clusters [G]."""
        if len(self.size) == len(values) and self.code[0] == 0 and (np.diff(self.code) == 1).all():
            return values
        return np.asarray(np.bincount(self.code, values, len(self.size)), dtype=np.float64)

    def squared_sums(self, part: IntArray, values: FloatArray, parts: int) -> FloatArray:
        """For each of P parts, squares of the sums of values [n] over each cluster's rows in it.

        Args:
            part: [n] part of each row, from 0 to P - 1.
            values: [n].
            parts: P.

        Returns:
            [P] sums of squares over clusters; clusters without rows in a part add 0.
        """
        if len(self.size) == len(values):
            return np.asarray(np.bincount(part, np.square(values), parts))
        found, place = np.unique(self.code * parts + part, return_inverse=True)
        held = np.bincount(place, values)
        return np.asarray(np.bincount(found % parts, np.square(held), parts))

    def error_of_mean(self, values: FloatArray) -> float:
        """Standard error of the mean of values [n], clusters being independent; NaN for one."""
        count, clusters = len(values), len(self.size)
        if clusters < 2:
            return float("nan")
        off = self.sums(values) - self.size * values.mean()
        return float(np.sqrt(np.square(off).sum() * clusters / (clusters - 1))) / count


def clusters_of(cluster: IntArray) -> Clusters:
    """Numbers any whole numbers [n] from 0, keeping their order."""
    low, high = int(cluster.min()), int(cluster.max())
    if high - low > _SPARSE * len(cluster):
        _, cluster = np.unique(cluster, return_inverse=True)
        low = 0
    shifted = cluster - low
    size = np.bincount(shifted)
    there = size > 0
    if not there.all():
        shifted, size = (np.cumsum(there) - 1)[shifted], size[there]
    return Clusters(np.asarray(shifted, dtype=np.int64), size.astype(np.float64))
