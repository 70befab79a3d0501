"""What a flight may be asked to attain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.scenarios.totals import Totals

# What may be asked for: whether more of it is better, and whether the answer is the least budget
# that reaches it (sums grow with the budget) or the largest that keeps it (returns fall).
MEASURES: dict[str, tuple[bool, bool]] = {
    "profit": (True, True),
    "net_profit": (True, True),
    "revenue": (True, True),
    "conversions": (True, True),
    "roas": (True, False),
    "poas": (True, False),
    "cpa": (False, False),
}


@dataclass(frozen=True)
class Target:
    """What a flight is to attain."""

    measure: str  # one of `MEASURES`
    value: float  # at least, but at most where less is better

    @property
    def least_budget(self) -> bool:
        """Whether the least budget is asked for, else the largest."""
        return MEASURES[self.measure][1]

    def of(self, totals: Totals) -> float:
        """The measure of a mean flight."""
        return float(self.of_flights(totals.mean())[0])

    def of_flights(self, totals: Totals) -> np.ndarray:
        """The measure of each flight `[F]`."""
        return totals.of("conversion_value" if self.measure == "revenue" else self.measure)

    def met(self, value: float | np.ndarray, goal: float | None = None) -> np.ndarray:
        """Whether a measure is good enough."""
        goal = self.value if goal is None else goal
        return np.asarray(value >= goal if MEASURES[self.measure][0] else value <= goal)
