"""Sums and running sums of line items inside groups (promotions, pools, audiences)."""

from collections.abc import Callable
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

    def through_running_sum(
        self, values: Floats, transform: Callable[[Floats, Ints], Floats]
    ) -> Floats:
        """Replace each group's running sum by a monotone function of it and take differences.

        Args:
            values: `[N, L]`, not negative.
            transform: Given running sums inside groups `[N, L]` and the group of each column,
                returns what they become.
        """
        running = np.cumsum(np.take(values, self.order, axis=1), axis=1)
        before = np.zeros((len(values), len(self.starts)))
        before[:, 1:] = running[:, self.starts[1:] - 1]
        run = np.diff(np.r_[self.starts, len(self.order)])
        changed = transform(running - np.repeat(before, run, axis=1), self.group)
        previous = np.zeros_like(changed)
        previous[:, 1:] = changed[:, :-1]
        previous[:, self.starts] = 0.0
        result = np.empty_like(changed)
        result[:, self.order] = np.maximum(changed - previous, 0.0)
        return result
