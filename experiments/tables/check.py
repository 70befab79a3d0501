"""Everything that is wrong with a data folder at once, and what is worth knowing of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import Problem
from promopilot.experiments.tables.files import SUFFIXES, RawTable, find_file, read_file
from promopilot.experiments.tables.ids import check_key
from promopilot.experiments.tables.parse import Parsed, parse
from promopilot.experiments.tables.schema import (
    ALL,
    COUNTED,
    MAPPING_FILE,
    PERFORMANCE,
    PLACEMENTS,
    PROMOTIONS,
    SEGMENTS,
    SOURCES_FILE,
    TABLES,
    Table,
)
from promopilot.experiments.tables.together import check_together, notes_on_performance
from promopilot.experiments.tables.warnings.warning import TableWarning

Told = Callable[[str, float], None]  # what is being done, and the share of it that is done


@dataclass(frozen=True)
class Report:
    """What `data check` found."""

    problems: list[Problem]
    notes: list[str]  # what is kept or ignored, no fault
    rows: dict[str, int] = field(default_factory=dict)  # table -> rows read
    warnings: list[TableWarning] = field(default_factory=list)  # allowed, but perhaps not meant


def check_tables(
    folder: Path,
    *,
    outcomes: bool = True,
    config: RunConfig | None = None,
    today: date | None = None,
    progress: Told | None = None,
) -> Report:
    """Everything wrong with the tables of `folder`, and what is worth knowing; raises nothing.

    Args:
        folder: A data folder.
        outcomes: Whether what happened is looked at; without it there are no warnings.
        config: Of the run that is to come; warnings go by its dates, laws, assumptions and
            currency. None: the defaults, and any currency.
        today: The day of the check (default: this computer's).
        progress: Told what is going on.
    """
    from promopilot.experiments.tables.warnings.find import find_warnings

    parsed, sources, report = check_folder(folder, outcomes, progress)
    if outcomes:
        report.warnings.extend(find_warnings(parsed, sources, config, today or date.today()))
    return report


def check_folder(
    folder: Path, outcomes: bool, progress: Told | None = None
) -> tuple[dict[str, Parsed], dict[str, str], Report]:
    """The tables that could be read by name, the sources of their columns, and what was found.

    Warnings are left out: they take a look at every row, and only a person reads them.
    """
    report = Report([], [])
    if not folder.is_dir():
        rule, mend = "must be a folder with tables", "name a folder that holds promotions.csv"
        report.problems.append(Problem(str(folder), None, None, None, rule, mend))
        return {}, {}, report
    parsed: dict[str, Parsed] = {}
    unreadable = set()
    for at, table in enumerate(TABLES):
        if progress is not None:
            progress(table.name, at / len(TABLES))
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
            table, raw = to_be_scored(table, raw)
        parsed[table.name], problems = parse(raw, table)
        report.problems.extend(problems)
        report.problems.extend(check_key(parsed[table.name], table))
        report.rows[table.name] = len(raw.cells)
        report.notes.extend(
            f"{raw.file}: column {name} is not part of the contract; it is kept"
            + (f"; did you mean {near}?" if (near := table.meant(name, raw.cells.columns)) else "")
            for name in raw.cells.columns
            if name not in table.columns
        )
    report.problems.extend(check_together(parsed, unreadable, outcomes))
    if PERFORMANCE.name in parsed:
        report.notes.extend(notes_on_performance(parsed[PERFORMANCE.name]))
    sources = _read_sources(folder, report)
    known = {f"{t.name}{suffix}" for t in TABLES for suffix in SUFFIXES}
    known |= {SOURCES_FILE, MAPPING_FILE}
    report.notes.extend(
        f"{path.name}: not a table of the contract; it is ignored"
        for path in sorted(folder.iterdir())
        if path.name not in known and not path.name.startswith(".")
    )
    return parsed, sources, report


def to_be_scored(table: Table, raw: RawTable) -> tuple[Table, RawTable]:
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
    elif table in (PLACEMENTS, SEGMENTS):
        report.notes.append(f"{table.name}: no such table, so there is one, `{ALL}`")


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
