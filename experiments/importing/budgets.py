"""Daily budgets of campaigns out of platforms' bulk files, exact to the cent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.columns import (
    FileColumns,
    check_columns,
    columns_of,
    require,
)
from promopilot.experiments.importing.currency import currency_of
from promopilot.experiments.importing.dates import dates
from promopilot.experiments.importing.faults import faults
from promopilot.experiments.importing.folder import check_new, write_folder
from promopilot.experiments.importing.headers import CURRENCIES, Platform
from promopilot.experiments.importing.ids import coded
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.mapping_file import FILE, mapping_text
from promopilot.experiments.importing.numbers import NumberStyle, numbers
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.reading import read_all
from promopilot.experiments.importing.style import style_of
from promopilot.experiments.progress import silent

TABLE = "budgets"
_IDS = ("campaign_id", "campaign")
# What platforms call a budget by the day; one for a whole flight would be counted every day.
_BY_DAY = ("", "daily", "day", "daily budget", "täglich", "quotidien", "diario", "每日", "每天")
_CENT_SLACK = 1e-6  # of a cent: how far a number read as a double may be from a whole cent
_IN_NAME = re.compile(r"(?<![A-Za-z])([A-Z]{3})(?![A-Za-z])")


def import_budgets(
    files: Sequence[Path],
    platform: Platform,
    mapping: Mapping,
    out: Path,
    progress: Callable[[str, float], None] = silent,
) -> dict[str, Any]:
    """Writes budgets.csv with `campaign_id, campaign, date, daily_budget, currency`.

    One row per change. Columns that the files lack are left out; `date` is the day from which a
    budget holds.

    Args:
        files: Bulk files, such as `plan --format` writes.
        platform: Whose headers are looked for.
        mapping: What the user says about them: columns, numbers, dates, currency, micros.
        out: A new or empty folder.
        progress: Hears what is going on, and the share done.

    Returns:
        What became of columns and rows, as `data import --json` prints it.

    Raises:
        DataError: A file or cell that cannot be used, a budget that is not by the day, or two for
            the same campaign and day.
        ConfigError: The mapping names a column that no file has.
        RunFolderError: `out` is not empty, or cannot be written.
    """
    check_new(out)
    exports = read_all(files, progress)
    columns = [columns_of(export, platform, mapping) for export in exports]
    check_columns(mapping, columns)
    problems: list[Problem] = []
    notes: list[str] = []
    parts = []
    for export, one in zip(exports, columns, strict=True):
        require(one, ("budget",), platform)
        if not set(_IDS) & set(one.fields):
            require(one, ("campaign_id",), platform)
        parts.append(_budgets(export, one, mapping, problems, notes))
    frame = pd.concat(parts, ignore_index=True)
    problems += _repeated(frame)
    if problems:
        raise DataError(problems)
    currency = _currency(mapping, exports, columns)
    budgets = frame.drop(columns=["file", "row", "cents"])
    budgets["daily_budget"] = [f"{cents // 100}.{cents % 100:02d}" for cents in frame["cents"]]
    if currency is not None:
        budgets["currency"] = currency
    else:
        notes.append("no currency is told; say `currency:` in a mapping")
    used = mapping.model_copy(update={"platform": platform, "currency": currency})
    written = write_folder(out, {TABLE: budgets}, {FILE: mapping_text(used)}, {})
    return {
        "data": str(out),
        "kind": "budgets",
        "platform": str(platform),
        "currency": currency,
        "files": [
            {"file": one.file, "rows": one.cells.num_rows, "notes": list(one.notes)}
            for one in exports
        ],
        "columns": [row for one in columns for row in _fates(one)],
        "rows": {"read": len(frame), "dropped": {}, "written": len(budgets)},
        "totals": {"daily_budget": int(frame["cents"].sum()) / 100},
        "notes": notes,
        "mapping": used.tree(),
        "written": written,
    }


def _budgets(
    export: RawExport,
    columns: FileColumns,
    mapping: Mapping,
    problems: list[Problem],
    notes: list[str],
) -> pd.DataFrame:
    """`campaign_id, campaign, date` where they are there, `cents`, and `file, row` for messages."""
    frame = pd.DataFrame({"file": export.file, "row": export.rows})
    for name in _IDS:
        if name in columns.fields:
            ids = coded(export.cells[columns.fields[name]])
            frame[name] = pd.Series([*ids.names, None], dtype="str").take(ids.codes).to_numpy()
    named = frame[[name for name in _IDS if name in frame]]
    name_header = columns.fields[str(named.columns[0])]
    nameless = named.isna().all(axis=1).to_numpy(dtype=bool)
    problems += faults(export, name_header, nameless, "must be filled", "name the campaign")
    if (day_header := columns.fields.get("start_date") or columns.fields.get("date")) is not None:
        days, bad = dates(
            export.cells[day_header], mapping.dates, file=export.file, name=day_header
        )
        problems += faults(export, day_header, bad, "is no date", "write 2026-03-31")
        frame["date"] = days
    if (type_header := columns.fields.get("budget_type")) is not None:
        kinds = coded(export.cells[type_header])
        other = np.array([name.casefold() not in _BY_DAY for name in kinds.names] + [False])
        rule, mend = "is not a budget by the day", "change it to one, or leave the campaign out"
        problems += faults(export, type_header, other[kinds.codes], rule, mend)
    style = style_of(mapping, [export.cells[columns.fields["budget"]]])
    frame["cents"] = _cents(export, columns, style, problems)
    notes += [f"{export.file}: {style.note}"] if style.note else []
    return frame


def _cents(
    export: RawExport,
    columns: FileColumns,
    style: NumberStyle,
    problems: list[Problem],
) -> NDArray[np.int64]:
    header = columns.fields["budget"]
    values, bad = numbers(export.cells[header], style)
    problems += faults(export, header, bad, "is no number", "write 12.50")
    missing = np.isnan(values) & ~bad
    problems += faults(export, header, missing, "must be filled", "write the budget of a day")
    cents = 100 * values / (1e6 if "budget" in columns.micros else 1.0)
    with np.errstate(invalid="ignore"):
        part = np.abs(cents - np.rint(cents)) > np.maximum(_CENT_SLACK, 1e-12 * np.abs(cents))
        rule = "must be at least 0, in whole cents"
        problems += faults(export, header, (cents < 0) | part, rule, "write 12.50")
    return np.asarray(np.rint(np.nan_to_num(cents)), dtype=np.int64)


def _repeated(frame: pd.DataFrame) -> list[Problem]:
    key = [name for name in (*_IDS, "date") if name in frame]
    first = frame.groupby(key, dropna=False, sort=False)["row"].transform("first")
    source = frame.groupby(key, dropna=False, sort=False)["file"].transform("first")
    again = frame.duplicated(key)
    names = ", ".join(key)
    return [
        Problem(
            file,
            int(row),
            names,
            None,
            f"has a second budget for what row {int(earlier)} of {where} has one",
            "keep one of the two",
        )
        for file, row, earlier, where in zip(
            frame["file"][again], frame["row"][again], first[again], source[again], strict=True
        )
    ]


def _currency(
    mapping: Mapping, exports: Sequence[RawExport], columns: Sequence[FileColumns]
) -> str | None:
    """That of a column, a header, or else of the files' names ("budgets-EUR.csv")."""
    cells = [
        chunk
        for export, one in zip(exports, columns, strict=True)
        if "currency" in one.fields
        for chunk in export.cells[one.fields["currency"]].chunks
    ]
    texts = {"currency": pa.chunked_array(cells, pa.string())} if cells else {}
    names = ", ".join(export.file for export in exports)
    found = currency_of(mapping, [one.currency for one in columns], texts, names)
    if found is not None:
        return found
    in_names = {
        code
        for export in exports
        for code in _IN_NAME.findall(Path(export.file).stem.upper())
        if code in CURRENCIES
    }
    return in_names.pop() if len(in_names) == 1 else None


def _fates(columns: FileColumns) -> list[dict[str, str]]:
    used = {"campaign_id", "campaign", "date", "start_date", "budget", "budget_type", "currency"}
    field_of = {header: field for field, header in columns.fields.items()}
    rows = []
    for header in columns.headers:
        field = field_of.get(header)
        kept = field in used
        text = f"used as {field}" if kept else "left out, no part of a budget"
        fate = "used" if kept else "dropped"
        rows.append({"file": columns.file, "column": header, "became": fate, "text": text})
    return rows
