"""Dropping changes that are too small to be worth making, in cents, where limits allow."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.experiments.plan.flight_limits import CentRows, Steps
from promopilot.experiments.plan.nearest_cents import SLIGHT, Wish


def without_small_changes(
    cents: Ints, wish: Wish, share: float, rows: CentRows, steps: Steps, before: Floats
) -> Ints:
    """Put amounts back to the current mix where they differ little, until none can be any more.

    Those that are above it go first, as they leave money for the others. Every move keeps all
    limits. What the rounding to cents and the limits of a flight moved is so looked at once more.

    Args:
        cents: A plan `[D, L]` that keeps all limits.
        wish: With its current mix, and what is locked.
        share: A change below this share of the current mix is small.
        rows: Limits of the flight.
        steps: Largest steps of promotions.
        before: Cents of the day before the first `[L]`.
    """
    plan = _Plan(cents.copy(), rows, steps, before)
    moved = True
    while moved:
        moved = False
        change = plan.cents - wish.mix
        small = (change != 0) & (np.abs(change) < share * wish.mix) & ~wish.locked
        for sign in (1, -1):
            for day, item in np.argwhere(small & (np.sign(change) == sign)):
                moved |= plan.put(int(day), int(item), -int(change[day, item]))
    return plan.cents


class _Plan:
    """A plan in cents, and what it uses of every limit."""

    def __init__(self, cents: Ints, rows: CentRows, steps: Steps, before: Floats) -> None:
        self.cents, self._rows, self._steps = cents, rows, steps
        self._columns = csc_array(rows.matrix)
        self._used = rows.used(cents)
        self._promotion = steps.members.argmax(axis=0)  # [L]
        # [D + 1, P] from the day before the first on
        self._sums = np.concatenate([before[None], cents]) @ steps.members.T

    def put(self, day: int, item: int, change: int) -> bool:
        """Change an amount where all limits are then kept; whether it was."""
        after = self._used + change * self._column(day, item)
        worse = after > np.maximum(self._rows.high + SLIGHT, self._used)
        promotion = self._promotion[item]
        sums = self._sums[:, promotion].copy()
        sums[day + 1] += change
        if worse.any() or not self._keeps_steps(day, promotion, sums):
            return False
        self.cents[day, item] += change
        self._used, self._sums[:, promotion] = after, sums
        return True

    def _column(self, day: int, item: int) -> Floats:
        """[R] what a cent of a line item uses of each limit, as part of its day's sum too."""
        days, items = self.cents.shape
        column = self._columns[:, [day * items + item, days * items + day]]
        return np.asarray(column.sum(axis=1))

    def _keeps_steps(self, day: int, promotion: int, sums: Floats) -> bool:
        """Whether a promotion's sums `[D + 1]` keep its steps to a day and from it."""
        steps, days = self._steps, [day, day + 1][: len(sums) - 1 - day]
        low, high = steps.ends(sums[days], steps.share[days])
        now = sums[np.array(days) + 1]
        up: Bools = ~steps.rises[days, promotion] | (now <= high + SLIGHT)
        down: Bools = ~steps.falls[days, promotion] | (now >= low - SLIGHT)
        return bool((up & down).all())
