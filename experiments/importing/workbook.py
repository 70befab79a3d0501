"""An Excel workbook as CSV text, so that there is one way of reading tables."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from promopilot.experiments.errors import MissingPackageError
from promopilot.experiments.importing.opening import refused


def workbook_csv(path: Path) -> tuple[bytes, str]:
    """The first sheet that holds anything, as CSV with commas, and a note on what was read.

    Days are written as ISO dates and fractions with more than three decimals, so that no number
    can be taken for one with a thousands separator.

    Raises:
        DataError: It is no workbook that can be read, or an empty one.
        MissingPackageError: The package that reads workbooks is not installed.
    """
    try:
        import openpyxl  # type: ignore[import-untyped]  # only workbooks need it
    except ImportError as error:
        raise MissingPackageError(
            f"{path.name} is an Excel workbook: save it as CSV UTF-8, or install "
            "promopilot[xlsx], which reads workbooks"
        ) from error
    try:
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                rows = _rows(sheet)
                if any(cell for row in rows for cell in row):
                    return _csv(rows), _note(sheet.title, len(book.worksheets))
    except Exception as error:  # what it raises on damaged files has no common class
        rule = "is no Excel workbook that can be read"
        raise refused(path.name, rule, "save it as CSV UTF-8") from error
    raise refused(path.name, "must have a header and at least one row", "export it again")


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _note(title: str, sheets: int) -> str:
    return f"sheet {title!r} of an Excel workbook" + (f", one of {sheets}" if sheets > 1 else "")


def _rows(sheet: Any) -> list[list[str]]:
    """Rows of cells as text, all as long as the longest."""
    rows = [[_text(value) for value in row] for row in _values(sheet)]
    width = max((len(row) for row in rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _values(sheet: Any) -> Iterator[tuple[object, ...]]:
    sheet.reset_dimensions()  # platforms write a wrong size into the file
    yield from sheet.iter_rows(values_only=True)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        midnight = value.time() == datetime.min.time()
        return value.date().isoformat() if midnight else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 2.0**53:
            return str(int(value))
        whole, _, decimals = repr(value).partition(".")
        return f"{whole}.{decimals}0" if len(decimals) == 3 and decimals.isdigit() else repr(value)
    return str(value)
