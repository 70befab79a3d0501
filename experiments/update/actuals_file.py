"""Reading the file of what happened: rows in `performance` columns, checked against the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.envs.world import World
from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.tables.files import SUFFIXES, find_file, read_file
from promopilot.experiments.tables.ids import check_line_items
from promopilot.experiments.tables.parse import DATE_TYPE, Parsed, parse
from promopilot.experiments.tables.readings import AS_OF, KEY
from promopilot.experiments.tables.rules import check_performance
from promopilot.experiments.tables.schema import (
    ALL,
    PERFORMANCE,
    PLACEMENTS,
    PROMOTIONS,
    SEGMENTS,
    Table,
)
from promopilot.experiments.update.raw_export import raw_export

COUNTS = ("impressions", "clicks", "conversions")
AMOUNTS = (*COUNTS, "spend", "conversion_value", "subsidy")
COLUMNS = (*KEY, *AMOUNTS, AS_OF)


_IMPORT = "`promopilot data import` brings a platform's export into these columns"
_TABLES = (PROMOTIONS, PLACEMENTS, SEGMENTS)


@dataclass(frozen=True)
class Known:
    """What rows may speak of, and what they must say."""

    start: date  # first day that counts
    last: date
    # Table -> its ids; every id of a row must be one of them. None where there is no such table.
    ids: Mapping[str, Parsed | None] | None  # None: any id may stand there
    needed: tuple[str, ...]  # columns that may not be empty, beyond what performance asks for

    @classmethod
    def of_run(cls, world: World, data: Path) -> Known:
        """What the next update of a run takes in.

        Args:
            world: The run's market; where it counts clicks they are needed.
            data: The run's data folder, for the ids that there are.
        """
        needed = ("conversions", "clicks") if world.rates.has_clicks else ("conversions",)
        ids = {table.name: _table(data, table) for table in _TABLES}
        return cls(world.start, world.dates[-1], ids, needed)


@dataclass(frozen=True)
class Actuals:
    """The rows of a file that are dated in the flight."""

    readings: pd.DataFrame  # R rows of `COLUMNS`; amounts float64, NaN where not recorded
    notes: list[str]  # what was left out, and what was assumed


def read_actuals(path: Path, known: Known) -> Actuals:
    """Read and check a file of what happened.

    Args:
        path: CSV or Parquet, rows in `performance` columns.
        known: What they may speak of.

    Raises:
        DataError: listing every problem.
    """
    if path.suffix.lower() not in SUFFIXES:
        rule, mend = "must end in .csv or .parquet", f"save it as CSV UTF-8; {_IMPORT}"
        raise DataError([Problem(path.name, None, None, None, rule, mend)])
    raw, problems = read_file(path)
    if (raw is None or not set(PERFORMANCE.required) <= set(raw.cells)) and (
        export := raw_export(path)
    ):
        raise DataError([export])
    if raw is None:
        raise DataError(problems)
    parsed, found = parse(raw, PERFORMANCE)
    problems += [_translated(problem) for problem in found]
    if known.ids is not None:
        for table in _TABLES:
            problems += check_line_items(parsed, known.ids[table.name], table)
    # A whole day on which nothing was shown is news as any other.
    problems += [p for p in check_performance(parsed, True) if p.row is not None]
    problems += _needed(parsed, known.needed)
    if problems:
        raise DataError(problems)
    return _in_flight(_whole(parsed.frame, known.ids or {}), path.name, known.start, known.last)


def _table(data: Path, table: Table) -> Parsed | None:
    path, _ = find_file(data, table.name)
    raw = read_file(path)[0] if path is not None else None
    return None if raw is None else parse(raw, table)[0]


def _translated(problem: Problem) -> Problem:
    """Of a column that is missing, perhaps since it has a platform's name, also the way out."""
    if problem.row is not None or problem.rule != "is a required column":
        return problem
    return replace(problem, mend=f"{problem.mend}; {_IMPORT}")


def _needed(parsed: Parsed, needed: tuple[str, ...]) -> list[Problem]:
    """Columns that `performance` may lack and an update may not; spend in all rows or in none."""
    problems = []
    for column in parsed.raw.columns:
        if near := PERFORMANCE.meant(column, parsed.raw.columns):
            rule = f"is not known here, and {near} is missing"
            problems.append(
                Problem(parsed.file, None, column, None, rule, f"write {near}, or drop the column")
            )
    for name in needed:
        if name not in parsed.frame or parsed.frame[name].isna().all():
            rule = "must be filled: the run's plan rests on it, and so does what an update learns"
            mend = f"add the column {name}, with 0 where there were none"
            problems.append(Problem(parsed.file, None, name, None, rule, mend))
    if "spend" in parsed.frame:
        empty = parsed.raw["spend"].isna().to_numpy(dtype=bool)
        if not empty.all():
            rule = "must be filled where other rows are: money left is budget less spend"
            mend = "write 0 where nothing was spent"
            problems += parsed.problems(empty, ("spend",), rule, mend)
    return problems


def _whole(frame: pd.DataFrame, ids: Mapping[str, Parsed | None]) -> pd.DataFrame:
    """Every column of `COLUMNS`: ids that a folder with only one need not write, and empty ones."""
    frame = frame.copy()
    for table in (PLACEMENTS, SEGMENTS):
        if table.key not in frame:
            parsed = ids.get(table.name)
            frame[table.key] = ALL if parsed is None else str(parsed.frame[table.key].iloc[0])
    for name in AMOUNTS:
        values = frame[name] if name in frame else np.nan
        frame[name] = pd.Series(values, index=frame.index, dtype="float64")
    if AS_OF not in frame:
        frame[AS_OF] = pd.Series(pd.NaT, index=frame.index, dtype=DATE_TYPE)
    return frame[list(COLUMNS)]


def _in_flight(frame: pd.DataFrame, file: str, start: date, last: date) -> Actuals:
    """Rows of days of the flight that were over when they were read."""
    notes = []
    days = frame["date"]
    outside = (days < pd.Timestamp(start)) | (days > pd.Timestamp(last))
    if outside.any():
        notes.append(f"{file}: rows outside {start} to {last} are left out: {outside.sum():,}")
    begun = frame[AS_OF] == days
    if (running := begun & ~outside).any():
        notes.append(
            f"{file}: rows read on their own day (as_of), which was not over, are left out: "
            f"{running.sum():,}"
        )
    inside = frame[~outside & ~begun]
    if inside.empty:
        rule = f"must have days of the flight, {start} to {last}, that are over"
        mend = "export the days since the flight began"
        raise DataError([Problem(file, None, "date", None, rule, mend)])
    undated = inside[AS_OF].isna()
    if undated.any():
        # The file may go on after the flight: its conversions then had that long to come in.
        read = days[~begun].max().date() + timedelta(days=1)
        inside = inside.assign(as_of=inside[AS_OF].fillna(pd.Timestamp(read)))
        notes.append(
            f"{file}: rows without as_of are taken to have been read on {read}, the day after the "
            f"file's last: {undated.sum():,}"
        )
    return Actuals(inside.reset_index(drop=True), notes)
