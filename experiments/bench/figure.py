"""A measured figure, as bench.json holds it."""

from __future__ import annotations

from typing import TypedDict


class Figure(TypedDict):
    """One measurement."""

    value: float
    unit: str
    goal: float | None  # in `unit`; None where none is set
    holds: bool | None  # whether the goal is met; None without a goal


def figure(
    value: float, unit: str, at_least: float | None = None, at_most: float | None = None
) -> Figure:
    """A figure whose goal, where there is one, is a lower or an upper bound."""
    if at_most is not None:
        return Figure(value=float(value), unit=unit, goal=at_most, holds=bool(value <= at_most))
    holds = None if at_least is None else bool(value >= at_least)
    return Figure(value=float(value), unit=unit, goal=at_least, holds=holds)
