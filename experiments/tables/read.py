"""A data folder as typed tables, or everything that is wrong with it at once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pandas as pd

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.tables.files import SUFFIXES, RawTable, find_file, read_file
from promopilot.experiments.tables.parse import DATE_TYPE, Parsed, parse
from promopilot.experiments.tables.readings import count_earlier, latest_readings
from promopilot.experiments.tables.rules import (
    ALL,
    check_ids,
    check_key,
    check_performance,
    check_promotions,
)
from promopilot.experiments.tables.schema import (
    COUNTED,
    PERFORMANCE,
    PLACEMENTS,
    PROMOTIONS,
    SEGMENTS,
    SOURCES_FILE,
    TABLES,
    Table,
)

OUTCOMES = ("clicks", "conversions")  # what a source may record in all rows, in some or in none


@dataclass(frozen=True)
class Tables:
    """The contract's tables of one folder.

    Ids and text are `str`, dates `datetime64[us]`, counts `int64`, all other known columns
    `float64` with NaN where empty, and so are clicks and conversions that some rows lack; unknown
    columns are kept as they are in the file. A folder without placements or segments gets one,
    `all`, also in `performance`. Optional columns that the files lack are absent, clicks and
    conversions also where no row has any; a folder without performance has a `performance` without
    rows.
    """

    folder: Path
    promotions: pd.DataFrame
    placements: pd.DataFrame
    segments: pd.DataFrame
    performance: pd.DataFrame  # the latest reading of each day and line item: rows can be summed
    sources: dict[str, str]  # "table.column" -> "data", "estimate: …" or "assumption: …"
    readings: pd.DataFrame | None = None  # every reading, where some are of the same day and item

    def known_on(self, start: date) -> Tables:
        """The tables with every day before `start` as it was known when a flight starts there."""
        if self.readings is None:
            return self
        return replace(self, performance=latest_readings(self.readings, start))


@dataclass(frozen=True)
class Report:
    """What `data check` found."""

    problems: list[Problem]
    notes: list[str]  # what is kept or ignored, no fault
    rows: dict[str, int] = field(default_factory=dict)  # table -> rows read


def read_tables(folder: Path, *, outcomes: bool = True) -> Tables:
    """Reads and checks the tables of `folder`.

    With `outcomes=False` the columns of performance that tell what happened, `impressions` among
    them, are left out unread: only its line items and dates are of interest then.

    Raises:
        DataError: listing every problem of every file.
    """
    parsed, sources, report = _read(folder, outcomes)
    if report.problems:
        raise DataError(report.problems)
    promotions = parsed[PROMOTIONS.name].frame
    placements = _frame_or_one(parsed, PLACEMENTS, "All placements")
    segments = _frame_or_one(parsed, SEGMENTS, "All customers")
    readings = _performance(parsed, placements, segments)
    performance = latest_readings(readings)
    several = readings if len(performance) < len(readings) else None
    return Tables(folder, promotions, placements, segments, performance, sources, several)


def check_tables(folder: Path, *, outcomes: bool = True) -> Report:
    """Everything wrong with the tables of `folder`, and what is worth knowing; raises nothing."""
    return _read(folder, outcomes)[2]


def _read(folder: Path, outcomes: bool) -> tuple[dict[str, Parsed], dict[str, str], Report]:
    report = Report([], [])
    if not folder.is_dir():
        rule, mend = "must be a folder with tables", "name a folder that holds promotions.csv"
        report.problems.append(Problem(str(folder), None, None, None, rule, mend))
        return {}, {}, report
    parsed: dict[str, Parsed] = {}
    unreadable = set()
    for table in TABLES:
        path, problems = find_file(folder, table.name)
        report.problems.extend(problems)
        if path is None:
            _missing(folder, table, report)
            continue
        raw, problems = read_file(path)
        report.problems.extend(problems)
        if raw is None:
            unreadable.add(table.name)
            continue
        if table is PERFORMANCE and not outcomes:
            table, raw = _to_be_scored(table, raw)
        parsed[table.name], problems = parse(raw, table)
        report.problems.extend(problems)
        report.problems.extend(check_key(parsed[table.name], table))
        report.rows[table.name] = len(raw.cells)
        report.notes.extend(
            f"{raw.file}: column {name} is not part of the contract; it is kept"
            for name in raw.cells.columns
            if name not in table.columns
        )
    _cross_check(parsed, unreadable, outcomes, report)
    sources = _read_sources(folder, report)
    known = {f"{t.name}{suffix}" for t in TABLES for suffix in SUFFIXES} | {SOURCES_FILE}
    report.notes.extend(
        f"{path.name}: not a table of the contract; it is ignored"
        for path in sorted(folder.iterdir())
        if path.name not in known and not path.name.startswith(".")
    )
    return parsed, sources, report


def _to_be_scored(table: Table, raw: RawTable) -> tuple[Table, RawTable]:
    """Both without the columns of what happened: whatever stands there, it is not read."""
    required, optional = (
        {name: kind for name, kind in columns.items() if name not in COUNTED}
        for columns in (table.required, table.optional)
    )
    cells = raw.cells.drop(columns=[name for name in COUNTED if name in raw.cells])
    return replace(table, required=required, optional=optional), replace(raw, cells=cells)


def _missing(folder: Path, table: Table, report: Report) -> None:
    if table is PROMOTIONS:
        rule = f"must be there, but {folder} has neither promotions.csv nor promotions.parquet"
        mend = "add it with the columns promotion_id and text"
        report.problems.append(Problem("promotions.csv", None, None, None, rule, mend))
    elif table is PERFORMANCE:
        report.notes.append("performance: no such table, so there is no history")
    else:
        report.notes.append(f"{table.name}: no such table, so there is one, `{ALL}`")


def _cross_check(
    parsed: dict[str, Parsed], unreadable: set[str], outcomes: bool, report: Report
) -> None:
    if PROMOTIONS.name in parsed:
        report.problems.extend(check_promotions(parsed[PROMOTIONS.name]))
    performance = parsed.get(PERFORMANCE.name)
    if performance is None:
        return
    for table in (PROMOTIONS, PLACEMENTS, SEGMENTS):
        if table.name in unreadable or (table is PROMOTIONS and table.name not in parsed):
            continue  # its own problem says so already; every id would be unknown
        report.problems.extend(check_ids(performance, parsed.get(table.name), table))
    report.problems.extend(check_performance(performance, outcomes))
    earlier = count_earlier(performance.frame)
    if earlier:
        report.notes.append(
            f"{performance.file}: earlier readings (as_of) of a day and line item in {earlier} of "
            f"{len(performance.frame)} rows; the latest one counts"
        )
    for name in OUTCOMES:
        if name in performance.frame:
            _note_empty(performance, name, report)


def _note_empty(performance: Parsed, name: str, report: Report) -> None:
    empty = int(performance.raw[name].isna().sum())
    rows = len(performance.raw)
    if empty:
        what = "it is read as not recorded" if empty == rows else "those rows do not tell of it"
        report.notes.append(
            f"{performance.file}: column {name} is empty in {empty} of {rows} rows; {what}"
        )


def _read_sources(folder: Path, report: Report) -> dict[str, str]:
    path = folder / SOURCES_FILE
    if not path.is_file():
        return {}
    try:
        sources = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        sources = error
    if isinstance(sources, dict) and all(isinstance(v, str) for v in sources.values()):
        return sources
    rule = "must be a JSON object of texts" + (
        f" ({sources})" if isinstance(sources, ValueError) else ""
    )
    report.problems.append(Problem(path.name, None, None, None, rule, "mend or remove it"))
    return {}


def _frame_or_one(parsed: dict[str, Parsed], table: Table, text: str) -> pd.DataFrame:
    if table.name in parsed:
        return parsed[table.name].frame
    return pd.DataFrame({table.key: [ALL], "text": [text]}, dtype="str")


def _performance(
    parsed: dict[str, Parsed], placements: pd.DataFrame, segments: pd.DataFrame
) -> pd.DataFrame:
    if PERFORMANCE.name in parsed:
        frame = parsed[PERFORMANCE.name].frame
        frame = frame.drop(columns=[c for c in OUTCOMES if c in frame and frame[c].isna().all()])
    else:
        frame = pd.DataFrame(
            {
                "date": pd.Series(dtype=DATE_TYPE),
                "promotion_id": pd.Series(dtype="str"),
                "impressions": pd.Series(dtype="int64"),
            }
        )
    for place, name, ids in (
        (2, "placement_id", placements["placement_id"]),
        (3, "segment_id", segments["segment_id"]),
    ):
        if name not in frame:  # checked: then there is only one
            frame.insert(place, name, pd.Series(ids.iloc[0], index=frame.index, dtype="str"))
    return frame
