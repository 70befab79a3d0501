"""The rows of a table that warnings look at: typed, with their numbers in the file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from promopilot.experiments.tables.keys import ITEM
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.readings import AS_OF, latest_readings
from promopilot.experiments.tables.schema import PERFORMANCE, Table
from promopilot.experiments.tables.warnings.warning import ROW


@dataclass(frozen=True)
class Numbered:
    """The rows of one table."""

    file: str
    frame: pd.DataFrame  # the contract's columns that the file has, and `ROW`

    def has(self, *columns: str) -> bool:
        """Whether every one of the columns is there."""
        return set(columns) <= set(self.frame)


def numbered(parsed: Parsed, table: Table) -> Numbered:
    """The contract's columns of a table, with the number of each row."""
    frame = parsed.frame[[name for name in table.columns if name in parsed.frame]]
    return Numbered(parsed.file, frame.assign(**{ROW: parsed.rows}))


def counted(performance: Parsed, known_on: date | None) -> Numbered | None:
    """The latest reading of every day and line item; None where none has date and impressions.

    Args:
        performance: The table as read.
        known_on: First day of the flight, see `latest_readings`.
    """
    rows = numbered(performance, PERFORMANCE)
    if not rows.has("date", "impressions", "promotion_id"):
        return None
    # A cell that breaks its rule is a problem, and 0 is only put in its place.
    given = pd.to_numeric(performance.raw["impressions"], errors="coerce").ge(0)
    frame = rows.frame[given.to_numpy(dtype=bool)].dropna(subset=["date"])
    if AS_OF in frame:
        undated = frame[AS_OF].isna()
        latest = latest_readings(frame[~undated], known_on)
        frame = pd.concat([latest, frame[undated]], ignore_index=True)
    # Text that repeats in a million rows: grouped by its few names.
    names = {name: frame[name].astype("category") for name in ITEM if name in frame}
    return Numbered(rows.file, frame.assign(**names)) if len(frame) else None


def until(rows: Numbered, last: date) -> Numbered | None:
    """The rows of days up to `last`; None where there are none."""
    frame = rows.frame[rows.frame["date"] <= pd.Timestamp(last)]
    return Numbered(rows.file, frame) if len(frame) else None
