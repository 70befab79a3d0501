"""What an analyst's limits say of planned spend, beside budget, line items' maxima and supply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.target import Target


@dataclass(frozen=True)
class Group:
    """Line items that share limits on their planned spend: of each day, or of the flight.

    A minimum of a day holds on days on which at least one of its line items may be funded.
    """

    name: str  # as an analyst would say it
    items: Bools  # [L]
    min: float | Floats = 0.0  # money a day (of each day [D]), or of the whole flight
    max: float | Floats = float("inf")  # likewise
    max_share: float = 1.0  # of the planned spend of a day, or of the flight, 0-1
    whole_flight: bool = False  # whether limits are on the flight's sum
    # Minimum and maximum in words, where they follow from something else than a number of money.
    words: tuple[str, str] = ("", "")
    entry: str = ""  # where an analyst wrote it, "bounds[2]"

    @property
    def least_text(self) -> str:
        """The minimum as a sentence."""
        return f"{self.name} needs at least {self.words[0] or self._money(self.min)}"

    @property
    def most_text(self) -> str:
        """The maximum as a sentence."""
        return f"{self.name} may spend at most {self.words[1] or self._money(self.max)}"

    @property
    def share_text(self) -> str:
        """The largest share as a sentence."""
        whole = "the flight's" if self.whole_flight else "a day's"
        return f"{self.name} may have at most {self.max_share:.1%} of {whole} spend"

    def _money(self, amount: float | Floats) -> str:
        """An amount and what it is for; the range of amounts that differ by day."""
        low, high = float(np.min(amount)), float(np.max(amount))
        text = money_text(low) if low == high else f"{money_text(low)} to {money_text(high)}"
        return f"{text} over the flight" if self.whole_flight else f"{text} a day"


@dataclass(frozen=True)
class Limits:
    """Limits of a flight, on planned spend.

    A line item that may not be funded on a day has no minimum then. A lock goes before a step and
    before exploration: they bind what is not locked.
    """

    min_spend: Floats  # [L] least that is spent a day
    locked: Bools  # [L] spends exactly what the current mix spends that day
    explored: Bools  # [L] line items that `exploration` is spread over
    groups: tuple[Group, ...] = ()
    # Largest change of a promotion's spend against the day before (day one: `World.day_before`),
    # relative to the larger of that spend and the promotion's equal share of the day's budget;
    # inf where off.
    max_step: float = float("inf")
    exploration: float = 0.0  # share of the day's planned spend, spread evenly
    # A line item's change against the current mix by less than this share of it is dropped last,
    # where the other limits allow; 0 where all are made.
    min_change: float = 0.0
    target: Target | None = None  # on the flight's expected totals, with its price

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


def money_text(amount: float) -> str:
    """Money as a sentence has it: 1,234.50, and 1,234 where there are no cents."""
    return f"{amount:,.2f}".removesuffix(".00")
