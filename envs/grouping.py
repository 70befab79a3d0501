"""Sums of line items inside groups (promotions, pools, audiences)."""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints


@dataclass(frozen=True)
class Grouping:
    """Line items sorted into groups once, so that sums are one pass of `np.add.reduceat`."""

    size: int  # G, number of groups, empty ones included
    order: Ints  # [L] line items sorted by group, stable
    group: Ints  # [L] group of each line item in that order
    starts: Ints  # where each group that has line items begins in that order

    @classmethod
    def of(cls, index: Ints, size: int) -> "Grouping":
        """Group line items by `index` `[L]`, values in 0..size-1."""
        order = np.argsort(index, kind="stable").astype(np.int64)
        group = index[order]
        starts = np.flatnonzero(np.r_[True, np.diff(group) > 0]).astype(np.int64)
        return cls(size, order, group, starts)

    def sum(self, values: Floats) -> Floats:
        """Sums `[..., G]` of `values` `[..., L]`."""
        sums = np.add.reduceat(np.take(values, self.order, axis=-1), self.starts, axis=-1)
        if len(self.starts) == self.size:
            return np.asarray(sums)
        full = np.zeros((*values.shape[:-1], self.size))
        full[..., self.group[self.starts]] = sums
        return full
