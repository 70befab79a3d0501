"""Counts that line items and days explain: counts_r ~ offset_r a_i b_t, factors by likelihood."""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools, Floats, Ints

_SWEEPS, _SETTLED = 200, 1e-7


@dataclass(frozen=True)
class TwoWay:
    """Rows of I line items on T days."""

    counts: Floats  # [R]
    item: Ints  # [R] 0 to I - 1
    day: Ints  # [R]
    days: int  # T

    def expected(self, offset: Floats, factors: Floats) -> tuple[Floats, Floats]:
        """Expected counts [R] with the totals of each line item and day, and the days' b [T].

        Iterative proportional fitting, which is maximum likelihood of Poisson factors (Deming and
        Stephan 1940).

        Args:
            offset: [R] at least 0.
            factors: [T] to start from.
        """
        items = int(self.item.max()) + 1
        by_item, by_day = self._by_item(self.counts, items), self._by_day(self.counts)
        for _ in range(_SWEEPS):
            of_item = _ratio(by_item, self._by_item(offset * factors[self.day], items))
            fresh = _ratio(by_day, self._by_day(offset * of_item[self.item]))
            moved = np.abs(fresh - factors).max() / max(float(fresh.max()), 1e-300)
            factors = fresh
            if moved < _SETTLED:
                break
        return offset * of_item[self.item] * factors[self.day], factors

    def within(self, values: Floats, weight: Floats) -> Floats:
        """Values [R] minus weighted means of line items and days."""
        items = int(self.item.max()) + 1
        of_item, of_day = self._by_item(weight, items), self._by_day(weight)
        for _ in range(_SWEEPS):
            values = values - _ratio(self._by_item(weight * values, items), of_item)[self.item]
            shift = _ratio(self._by_day(weight * values), of_day)
            values = values - shift[self.day]
            if np.abs(shift).max() < _SETTLED:
                break
        return values

    def overdispersion(self, expected: Floats) -> float:
        """Pearson's, at least 1 (McCullagh and Nelder 1989, section 9.2)."""
        some: Bools = expected > 0
        free = len(self.counts) - len(np.unique(self.item)) - len(np.unique(self.day))
        pearson = ((self.counts - expected)[some] ** 2 / expected[some]).sum() / max(free, 1)
        return max(float(pearson), 1.0)

    def day_weight(self, expected: Floats) -> Floats:
        """[T] expected counts."""
        return self._by_day(expected)

    def _by_item(self, values: Floats, items: int) -> Floats:
        return np.bincount(self.item, values, items).astype(np.float64)

    def _by_day(self, values: Floats) -> Floats:
        return np.bincount(self.day, values, self.days).astype(np.float64)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
