"""A data folder as typed tables, or everything that is wrong with it at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pandas as pd

from promopilot.experiments.errors import DataError
from promopilot.experiments.tables.check import check_folder
from promopilot.experiments.tables.frames import frame_or_none, frame_or_one, performance_frame
from promopilot.experiments.tables.parse import no_rows
from promopilot.experiments.tables.readings import latest_readings
from promopilot.experiments.tables.schema import (
    EVENTS,
    LIFT_TESTS,
    PLACEMENTS,
    PROMOTIONS,
    SEGMENTS,
)


@dataclass(frozen=True)
class Tables:
    """The contract's tables of one folder.

    Ids and text are `str`, dates `datetime64[us]`, counts `int64`, all other known columns
    `float64` with NaN where empty, and so are clicks and conversions that some rows lack; unknown
    columns are kept as they are in the file. A folder without placements or segments gets one,
    `all`, also in `performance`. Optional columns that the files lack are absent, clicks and
    conversions also where no row has any; a folder without performance has a `performance` without
    rows. `lift_tests` and `events` have all their columns, and no rows where there is no such file.
    """

    folder: Path
    promotions: pd.DataFrame
    placements: pd.DataFrame
    segments: pd.DataFrame
    performance: pd.DataFrame  # the latest reading of each day and line item: rows can be summed
    sources: dict[str, str]  # "table.column" -> "data", "estimate: …" or "assumption: …"
    readings: pd.DataFrame | None = None  # every reading, where some are of the same day and item
    # Of each test one of `promotion_id` and `placement_id` is filled, the other missing.
    lift_tests: pd.DataFrame = field(default_factory=lambda: no_rows(LIFT_TESTS.columns))
    # Factors on supply; those of one date multiply.
    events: pd.DataFrame = field(default_factory=lambda: no_rows(EVENTS.columns))

    def known_on(self, start: date) -> Tables:
        """The tables with every day before `start` as it was known when a flight starts there."""
        if self.readings is None:
            return self
        return replace(self, performance=latest_readings(self.readings, start))


def read_tables(folder: Path, *, outcomes: bool = True) -> Tables:
    """Reads and checks the tables of `folder`.

    With `outcomes=False` the columns of performance that tell what happened, `impressions` among
    them, are left out unread: only its line items and dates are of interest then.

    Raises:
        DataError: listing every problem of every file.
    """
    parsed, sources, report = check_folder(folder, outcomes)
    if report.problems:
        raise DataError(report.problems)
    promotions = parsed[PROMOTIONS.name].frame
    placements = frame_or_one(parsed, PLACEMENTS, "All placements")
    segments = frame_or_one(parsed, SEGMENTS, "All customers")
    readings = performance_frame(parsed, placements, segments)
    performance = latest_readings(readings)
    several = readings if len(performance) < len(readings) else None
    return Tables(
        folder,
        promotions,
        placements,
        segments,
        performance,
        sources,
        several,
        frame_or_none(parsed, LIFT_TESTS),
        frame_or_none(parsed, EVENTS),
    )
