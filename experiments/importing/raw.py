"""An export as it comes, made into a table of text: the cells as written, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.importing.cells import Cells, read_cells
from promopilot.experiments.importing.encoding import to_utf8
from promopilot.experiments.importing.layout import DELIMITERS, find_layout
from promopilot.experiments.importing.opening import WORKBOOK, read_bytes, refused
from promopilot.experiments.importing.totals import blank_rows, repeated_headers, total_rows
from promopilot.experiments.importing.workbook import workbook_csv

_NAMED = 5  # rows that a note names one by one


@dataclass(frozen=True)
class RawExport:
    """The cells of an export as written, without preamble and totals."""

    file: str  # name, for messages
    cells: pa.Table  # n rows, every column string, null where empty; headers as written
    rows: NDArray[np.int64]  # [n] row of each in the file, as a spreadsheet shows it, from 1
    notes: tuple[str, ...]  # what was found and what was left out


def read_export(path: Path) -> RawExport:
    """Reads an export of any platform: its encoding, delimiter and header are found.

    Lines above the header, blank rows, total rows and remarks below the table are left out, and
    each is told in a note.

    Args:
        path: A CSV or text file in UTF-8, UTF-16, GB18030 or Windows-1252 with commas, semicolons,
            tabs or bars between its cells, or an Excel workbook.

    Raises:
        DataError: It cannot be read, has no table or no rows, two columns of one name, or a row
            with too many or too few cells; with the row and what to do.
        MissingPackageError: It is a workbook, and the package that reads them is not installed.
    """
    content = read_bytes(path)
    workbook = content.startswith(WORKBOOK)
    text, kind = workbook_csv(path) if workbook else to_utf8(path.name, content)
    del content  # as large as the text
    layout = find_layout(path.name, text)
    cells = read_cells(path.name, text, layout)
    del text
    notes = [kind if workbook else f"{kind}, {DELIMITERS[layout.delimiter]}"]
    if layout.header_row > 1:
        notes.append(_counted(layout.header_row - 1, "line") + " above the header left out")
    table = _columns(path.name, cells.table, layout.header, layout.header_row, notes)
    return _without_totals(path.name, table, cells, notes)


def _columns(
    file: str, table: pa.Table, header: tuple[str, ...], row: int, notes: list[str]
) -> pa.Table:
    """The columns under their headers, without empty ones that have none and without doubles.

    Raises:
        DataError: A column with cells has no name, or two columns of one name differ.
    """
    named: dict[str, pa.ChunkedArray] = {}
    for place, (name, column) in enumerate(zip(header, table.columns, strict=True), 1):
        if not name:
            if column.null_count < len(column):
                rule = f"has no name above column {place}, which has values"
                raise refused(file, rule, "name it in the header", row=row)
            continue
        if name not in named:
            named[name] = column
            continue
        if not named[name].equals(column):
            rule = "stands twice in the header, with different values"
            raise refused(file, rule, "rename one of the two", row=row, column=name)
        notes.append(f"column {name!r} stands there twice, with the same values")
    return pa.table(named)


def _without_totals(file: str, table: pa.Table, cells: Cells, notes: list[str]) -> RawExport:
    """The rows that count.

    Raises:
        DataError: There is none.
    """
    blank = blank_rows(table)
    total = total_rows(table) & ~blank
    again = repeated_headers(table)
    kept = ~(blank | total | again)
    if totals := int(total.sum()) + cells.totals:
        where = cells.rows[total].tolist()
        rows = "row " if len(where) == 1 else "rows "
        which = f" ({rows}{', '.join(map(str, where))})" if 0 < len(where) <= _NAMED else ""
        notes.append(_counted(totals, "total row") + f" left out{which}")
    if headers := int(again.sum()):
        notes.append(_counted(headers, "repeated header") + " left out")
    if cells.footers:
        notes.append(_counted(cells.footers, "line") + " below the table left out")
    if not kept.any():
        rule = "has no row below its header" + (" but totals" if totals else "")
        raise refused(file, rule, "export it for more days, or by day and campaign")
    table = table if kept.all() else table.filter(pa.array(kept))
    return RawExport(file, table, cells.rows[kept], tuple(notes))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
