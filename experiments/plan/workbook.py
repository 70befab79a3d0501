"""A plan as an Excel workbook: numbers as numbers, and the same bytes for the same plan."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from promopilot.agents.rollout import Progress
from promopilot.experiments.atomic import atomic_path
from promopilot.experiments.errors import MissingPackageError, RunFolderError
from promopilot.experiments.plan.columns import COLUMNS, EXPECTED, SUMMARY_COLUMNS
from promopilot.experiments.progress import silent

if TYPE_CHECKING:
    from openpyxl import Workbook  # type: ignore[import-untyped]
    from openpyxl.worksheet.worksheet import Worksheet  # type: ignore[import-untyped]

_MOST_ROWS = 1_048_576  # of an Excel sheet
_LEAST_WIDTH, _MOST_WIDTH = 9, 60  # characters
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip file can tell


def require_openpyxl() -> None:
    """Refuse to begin a workbook that could not be written.

    Raises:
        MissingPackageError: openpyxl is not installed.
    """
    try:
        import openpyxl  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f"an Excel file needs the extra `xlsx` ({error}); install it with: "
            'pip install "promopilot[xlsx]"'
        ) from None


def write_workbook(
    plan: pd.DataFrame,
    full: pd.DataFrame,
    summary: pd.DataFrame,
    out: Path,
    progress: Progress = silent,
) -> None:
    """Write the sheets Plan, By promotion, By day and Columns.

    Args:
        plan: The rows of the sheet Plan, by day or week and line item or promotion.
        full: The plan by day and line item.
        summary: `plan_summary.csv`.
        out: The file.
        progress: Told the share done of each sheet.

    Raises:
        MissingPackageError: openpyxl is not installed.
        RunFolderError: The plan has more rows than a sheet, or `out` cannot be written.
    """
    require_openpyxl()
    from openpyxl import Workbook

    if len(plan) >= _MOST_ROWS:
        raise RunFolderError(
            f"the plan has {len(plan):,} rows, and an Excel sheet takes {_MOST_ROWS - 1:,}; "
            "use --by week or --level promotion, or write CSV"
        )
    currency = str(full["currency"].iloc[0])
    told = [(name, *text) for name, text in (COLUMNS | SUMMARY_COLUMNS).items()]
    columns = pd.DataFrame(told, columns=["column", "unit", "meaning"])
    book = Workbook()
    book.remove(book["Sheet"])
    for name, frame in (
        ("Plan", plan.assign(date=[date.fromisoformat(day) for day in plan["date"]])),
        ("By promotion", summary),
        ("By day", by_day(full)),
        ("Columns", columns),
    ):
        _fill(book.create_sheet(name), frame, currency, progress)
    book.properties.creator = "promopilot"
    with atomic_path(out) as partial:
        partial.write_bytes(_timeless(book))


def by_day(plan: pd.DataFrame) -> pd.DataFrame:
    """Sums of each day of a plan by day and line item."""
    rows = (
        plan.groupby("date", sort=False)[["current_budget", "planned_budget", *EXPECTED]]
        .sum()
        .round(3)
        .reset_index()
    )
    rows["date"] = [date.fromisoformat(day) for day in rows["date"]]
    return rows


def _fill(sheet: Worksheet, frame: pd.DataFrame, currency: str, progress: Progress) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # type: ignore[import-untyped]
    from openpyxl.styles import Font  # type: ignore[import-untyped]
    from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]

    known = COLUMNS | SUMMARY_COLUMNS
    for at, name in enumerate(frame.columns, start=1):
        head = sheet.cell(1, at, name)
        head.font = Font(bold=True)
        unit = known.get(name, ("", ""))[0]
        style = _style(unit, currency)
        longest = len(name)
        for row, value in enumerate(frame[name].tolist(), start=2):
            if value == "" or (isinstance(value, float) and np.isnan(value)):
                continue
            cell = sheet.cell(row, at)
            if isinstance(value, str):
                cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
                cell.data_type = "s"  # text that begins with = is no formula
            else:
                cell.value = value
                cell.number_format = style
            longest = max(longest, len(str(value)))
        width = min(max(longest + 2, _LEAST_WIDTH), _MOST_WIDTH)
        progress("workbook", at / len(frame.columns))
        sheet.column_dimensions[get_column_letter(at)].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions


def _style(unit: str, currency: str) -> str:
    """Excel's number format for a unit of the dictionary of columns."""
    return {
        "money": f'#,##0.00 "{currency}"',
        "day": "yyyy-mm-dd",
        "%": "0.0",
        "share": "0.0%",
        "ratio": "0.00",
    }.get(unit, "#,##0.0")


def _timeless(book: Workbook) -> bytes:
    """The workbook's file without the time at which it was made."""
    from openpyxl.writer.excel import ExcelWriter  # type: ignore[import-untyped]

    book.properties.created = book.properties.modified = datetime(*_EPOCH)
    dated, out = io.BytesIO(), io.BytesIO()
    # `Workbook.save` would ask the clock.
    ExcelWriter(book, zipfile.ZipFile(dated, "w")).save()
    with zipfile.ZipFile(dated) as made, zipfile.ZipFile(out, "w") as kept:
        for name in made.namelist():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            kept.writestr(info, made.read(name))
    return out.getvalue()
