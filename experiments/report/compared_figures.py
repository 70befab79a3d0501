"""Figures and traces that the pages of comparisons share."""

from __future__ import annotations

from datetime import date
from typing import Any

from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.numbers import NONE, Numbers, bare, marked
from promopilot.experiments.report.section import period

_COUNTS = (
    *("expected_impressions", "expected_clicks", "expected_conversions"),
    *("due_conversions", "conversions"),
)
_RATIOS = ("expected_roas", "expected_poas")


def figure(
    key: str, value: float | None, measure: str, numbers: Numbers, *, sign: bool = False
) -> Cell:
    """A value of a measure as it is read."""
    if value is None:
        return NONE
    if measure in _COUNTS:
        return marked(key, value, bare(value, 0, sign=sign))
    if measure in _RATIOS:
        return marked(key, value, bare(value, 2, sign=sign))
    return numbers.money(key, value, sign=sign)


def days_of(document: dict[str, Any]) -> str:
    """First and last day, or the only one."""
    return period(*(date.fromisoformat(document[end]) for end in ("first", "last")))
