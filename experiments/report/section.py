"""A section of the page: its heading, its template and what the template shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from promopilot.experiments.report.finished_run import FinishedRun
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import Numbers


@dataclass(frozen=True)
class Section:
    """One section; `template` is a file of this folder."""

    id: str
    title: str
    template: str
    view: dict[str, Any]
    contents: str = ""  # a shorter title for the list of contents


@dataclass(frozen=True)
class Page:
    """What sections are made from."""

    run: FinishedRun
    numbers: Numbers


def day(value: date, *, year: bool = True) -> str:
    """6 November 2017, whatever the machine's language."""
    pattern = tr("{day} {month} {year}") if year else tr("{day} {month}")
    month = tr(_MONTHS[value.month - 1])
    return pattern.format(day=value.day, month=month, year=value.year)


def short_day(value: date) -> str:
    """6 Nov."""
    return tr("{day} {month}").format(day=value.day, month=tr(_MONTHS[value.month - 1][:3]))


def weekday_and_day(value: date) -> str:
    """Mon 6 Nov."""
    return tr("{weekday} {date}").format(
        weekday=tr(_WEEKDAYS[value.weekday()]), date=short_day(value)
    )


def period(first: date, last: date) -> str:
    """6 November to 3 December 2017; 6 November 2017 where that is all."""
    if first == last:
        return day(first)
    if first.year != last.year:
        return tr("{} to {}").format(day(first), day(last))
    # Whole, because languages differ in where the year that both share stands.
    return tr("{day} {month} to {last_day} {last_month} {year}").format(
        day=first.day,
        month=tr(_MONTHS[first.month - 1]),
        last_day=last.day,
        last_month=tr(_MONTHS[last.month - 1]),
        year=last.year,
    )


_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
