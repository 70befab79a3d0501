"""Bringing sides to what they have in common, or saying why they cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from promopilot.experiments.comparing.side import Side
from promopilot.experiments.errors import ComparisonError


@dataclass(frozen=True)
class Aligned:
    """Sides on the days that all of them have."""

    sides: tuple[Side, ...]
    dates: tuple[pd.Timestamp, ...]
    notes: tuple[str, ...]  # what was left out

    @property
    def currency(self) -> str:
        """Of every amount."""
        return self.sides[0].currency


def aligned(sides: Sequence[Side]) -> Aligned:
    """Cut sides down to their common days.

    Raises:
        ComparisonError: They are in different currencies, by day and by week, or share no day.
    """
    first = sides[0]
    for other in sides[1:]:
        if other.currency != first.currency:
            raise ComparisonError(
                f"{first.name} is in {first.currency} and {other.name} in {other.currency}; "
                "compare plans of one currency"
            )
        if other.weekly != first.weekly:
            day, week = (first, other) if other.weekly else (other, first)
            raise ComparisonError(
                f"{day.name} is by day and {week.name} by week; export both with the same --by"
            )
    common = sorted(set.intersection(*(set(side.dates) for side in sides)))
    if not common:
        raise ComparisonError(
            f"{' and '.join(_told(side) for side in sides)} have no day in common; compare plans "
            "of the same dates"
        )
    notes = [
        f"{side.name}: {_days(len(side.dates) - len(common))} not in every plan and left out"
        for side in sides
        if len(side.dates) > len(common)
    ]
    return Aligned(tuple(side.on(common) for side in sides), tuple(common), tuple(notes))


def _days(count: int) -> str:
    return "1 day is" if count == 1 else f"{count} days are"


def _told(side: Side) -> str:
    days = side.dates
    return f"{side.name} ({days[0].date().isoformat()} to {days[-1].date().isoformat()})"
