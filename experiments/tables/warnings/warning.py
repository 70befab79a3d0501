"""One warning: what stands in a table, what that does to the plan, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

SHOWN = 5  # names or dates in a sentence
LISTED = 1000  # of them in `items`
Item = dict[str, str | float]  # a day or an id that a warning means, with its figures
ROW = "row number in the file"  # a column of frames here; no column of the contract has this name


@dataclass(frozen=True)
class TableWarning:
    """Something that the contract allows, with the rows or days that it is about."""

    kind: str  # a stable name, for programs
    file: str
    column: str | None  # the column, or several joined by ", "
    row: int | None  # the first row meant, the header being row 1; None where days or ids are meant
    rows: int  # how many rows are meant; 0 where it is days or ids
    first_day: date | None  # of the days meant
    last_day: date | None
    found: str
    means: str  # for the plan
    mend: str
    items: tuple[Item, ...] = ()  # one for each day or id meant, at most `LISTED`

    def __str__(self) -> str:
        """The warning as two lines: what was found where; what it means and what to do."""
        where = self.file
        if self.row is not None:
            where += f", row {self.row}"
            if self.rows > 1:
                where += f" and {self.rows - 1:,} more"
        if self.first_day is not None:
            where += f", {self.first_day}"
            if self.last_day != self.first_day:
                where += f" to {self.last_day}"
        return f"{where}: {self.found}\n    {self.means}. {self.mend}."

    def summary(self) -> dict[str, Any]:
        """The warning for JSON, days as ISO dates."""
        days = {"first_day": self.first_day, "last_day": self.last_day}
        told = {name: None if day is None else day.isoformat() for name, day in days.items()}
        return {**vars(self), **told, "items": list(self.items)}


def about_rows(
    kind: str, file: str, column: str, rows: pd.DataFrame, found: str, means: str, mend: str
) -> list[TableWarning]:
    """One warning of `rows`, with their days where they have some; none where there are no rows.

    Args:
        kind: A stable name.
        file: Where they stand.
        column: What is odd about them.
        rows: The rows, with their numbers in `ROW`.
        found: What is odd, as a sentence.
        means: What that does to the plan.
        mend: What to do.
    """
    if rows.empty:
        return []
    days = rows["date"] if "date" in rows else None
    first, last = (None, None) if days is None else (days.min().date(), days.max().date())
    number = int(rows[ROW].min())
    return [TableWarning(kind, file, column, number, len(rows), first, last, found, means, mend)]


def items_of(frame: pd.DataFrame) -> tuple[Item, ...]:
    """The first rows of a frame of names and figures, its columns as keys."""
    return tuple(
        {str(name): value for name, value in row.items()}
        for row in frame.head(LISTED).to_dict("records")
    )


def some(names: list[str]) -> str:
    """The first few of many names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def figure(number: float) -> str:
    """A number with four digits that count, never in powers of ten."""
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}" if number >= 1e-4 else f"{number:.8f}"
