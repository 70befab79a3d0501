"""Daily budgets of campaigns out of platforms' bulk files, exact to the cent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.budget_rows import IDS, STATUS, budget_rows, repeated
from promopilot.experiments.importing.columns import FileColumns, check_columns, columns_of
from promopilot.experiments.importing.currency import currency_of
from promopilot.experiments.importing.folder import check_free, write_folder
from promopilot.experiments.importing.headers import CURRENCIES, Platform
from promopilot.experiments.importing.lacking import require
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.mapping_file import mapping_text
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.reading import read_all
from promopilot.experiments.importing.told import files_of
from promopilot.experiments.progress import silent
from promopilot.experiments.tables.schema import MAPPING_FILE

TABLE = "budgets"
_IN_NAME = re.compile(r"(?<![A-Za-z])([A-Z]{3})(?![A-Za-z])")


def import_budgets(
    files: Sequence[Path],
    platform: Platform,
    mapping: Mapping,
    out: Path,
    progress: Callable[[str, float], None] = silent,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes budgets.csv with `campaign_id, campaign, date, daily_budget, currency`.

    One row per change. Columns that the files lack are left out; `date` is the day from which a
    budget holds.

    Args:
        files: Bulk files, such as `plan --format` writes.
        platform: Whose headers are looked for.
        mapping: What the user says about them: columns, numbers, dates, currency, micros.
        out: A new or empty folder, or an earlier import's.
        progress: Hears what is going on, and the share done.
        overwrite: Whether an earlier import in `out` may be replaced.

    Returns:
        What became of columns and rows, as `data import --json` prints it.

    Raises:
        DataError: A file or cell that cannot be used, a budget that is not by the day, or two for
            the same campaign and day.
        ConfigError: The mapping names a column that no file has.
        RunFolderError: `out` may not be replaced, or cannot be written.
    """
    check_free(out, overwrite)
    exports = read_all(files, platform, mapping, progress)
    columns = [columns_of(export, platform, mapping) for export in exports]
    check_columns(mapping, columns)
    frame, notes = _rows(exports, columns, platform, mapping)
    currency = _currency(mapping, exports, columns)
    budgets = frame.drop(columns=["file", "row", "cents"])
    budgets["daily_budget"] = [f"{cents // 100}.{cents % 100:02d}" for cents in frame["cents"]]
    if currency is not None:
        budgets["currency"] = currency
    else:
        notes.append("no currency is told; say `currency:` in a mapping")
    used = mapping.model_copy(update={"platform": platform, "currency": currency})
    settled = {MAPPING_FILE: mapping_text(used)}
    written = write_folder(out, {TABLE: budgets}, settled, {}, overwrite)
    return {
        "data": str(out),
        "kind": "budgets",
        "platform": str(platform),
        "currency": currency,
        "files": files_of(exports),
        "columns": [row for one in columns for row in _fates(one)],
        "rows": {"read": len(frame), "dropped": {}, "written": len(budgets)},
        "totals": {"daily_budget": int(frame["cents"].sum()) / 100},
        "notes": notes,
        "mapping": used.tree(),
        "written": written,
    }


def _rows(
    exports: Sequence[RawExport],
    columns: Sequence[FileColumns],
    platform: Platform,
    mapping: Mapping,
) -> tuple[pd.DataFrame, list[str]]:
    """The rows of all files, see `budget_rows`, and notes on how they were read.

    Raises:
        DataError: A file lacks a column, a cell cannot be used, or a campaign has two budgets.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    parts = []
    for export, one in zip(exports, columns, strict=True):
        require(export, one, ("budget",), platform)
        if not set(IDS) & set(one.fields):
            require(export, one, ("campaign_id",), platform)
        parts.append(budget_rows(export, one, mapping, problems, notes))
    frame = pd.concat(parts, ignore_index=True)
    problems += repeated(frame)
    if problems:
        raise DataError(problems)
    return frame, notes


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
        kept = field in used or header.casefold() == STATUS
        text = f"used as {field or STATUS}" if kept else "left out, no part of a budget"
        fate = "used" if kept else "dropped"
        rows.append({"file": columns.file, "column": header, "became": fate, "text": text})
    return rows
