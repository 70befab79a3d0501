"""What an analyst's limits say of a day's spend, beside budget, line items' maxima and supply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools, Floats


@dataclass(frozen=True)
class Group:
    """Line items that share limits on their planned spend of a day.

    A minimum holds on days on which at least one of its line items may be funded.
    """

    name: str  # as an analyst would say it
    items: Bools  # [L]
    min: float = 0.0  # money a day
    max: float = float("inf")  # money a day
    max_share: float = 1.0  # of the day's planned spend, 0-1


@dataclass(frozen=True)
class Limits:
    """Limits of every day of a flight, on planned spend.

    A line item that may not be funded on a day has no minimum then. A lock goes before a step and
    before exploration: they bind what is not locked.
    """

    min_spend: Floats  # [L] least that is spent a day
    locked: Bools  # [L] spends exactly what the current mix spends that day
    explored: Bools  # [L] line items that `exploration` is spread over
    groups: tuple[Group, ...] = ()
    # Largest change of a promotion's spend against the day before (day one: the current mix),
    # relative to the larger of that spend and the promotion's equal share of the day's budget;
    # inf where off.
    max_step: float = float("inf")
    exploration: float = 0.0  # share of the day's planned spend, spread evenly

    @classmethod
    def none(cls, line_items: int) -> Limits:
        """Limits that allow everything, to replace some of."""
        return cls(
            min_spend=np.zeros(line_items),
            locked=np.zeros(line_items, dtype=bool),
            explored=np.ones(line_items, dtype=bool),
        )

    @property
    def steps(self) -> bool:
        """Whether a promotion's spend may change only so much from day to day."""
        return self.max_step < float("inf")
