"""The rows below the header, as text, with the number of each in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.layout import DELIMITERS, Layout
from promopilot.experiments.importing.opening import refused
from promopilot.experiments.importing.totals import is_total

_LARGEST = 1 << 31  # bytes of one file's text: pyarrow's limit for what it reads in one go
_SHOWN = 80  # letters of a broken row that an error shows
_NOT_CLOSED = "begins a quoted cell that is not closed in its row"
_CLOSE = 'close the quote, or write a quote inside a cell as ""'


@dataclass(frozen=True)
class Cells:
    """The table as written."""

    table: pa.Table  # n rows, every column string, null where empty
    rows: NDArray[np.int64]  # [n] row of each in the file
    totals: int  # total rows too short or too long for the table that were left out
    footers: int  # lines below the table that were left out


def read_cells(file: str, text: bytes, layout: Layout) -> Cells:
    """Cuts a text into rows and cells.

    Args:
        file: Name of the file, for errors.
        text: UTF-8.
        layout: Where its table begins and what stands between cells.

    Raises:
        DataError: No row below the header, a row with more or fewer cells than the header, or a
            quote that is never closed.
    """
    if len(text) - layout.start >= _LARGEST:
        raise refused(file, "must be smaller than 2 GB", "export fewer days per file")
    body = pa.py_buffer(text).slice(layout.start)
    if not text[layout.start : layout.start + (1 << 20)].strip():
        raise refused(file, "has a header, but no row below it", "export it for more days")
    names = [str(n) for n in range(len(layout.header))]  # headers may repeat, these do not
    broken: dict[int, pa.csv.InvalidRow] = {}

    def keep_note(row: pa.csv.InvalidRow) -> str:
        broken[row.number] = row
        return "skip"

    try:
        table = pa.csv.read_csv(
            pa.BufferReader(body),
            read_options=pa.csv.ReadOptions(
                column_names=names, use_threads=False, block_size=max(len(body), 1 << 20)
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=layout.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=keep_note,
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise refused(file, f"cannot be cut into rows ({reason})", "export it again") from error
    count = table.num_rows + len(broken)
    numbers = np.arange(1, 1 + count, dtype=np.int64)
    kept = numbers[~np.isin(numbers, np.fromiter(broken, np.int64, len(broken)))]
    _refuse_open_quotes(file, table, kept + layout.header_row, text, layout)
    totals, footers = _judge(file, broken, int(kept[-1]) if len(kept) else 0, layout)
    return Cells(table, kept + layout.header_row, totals, footers)


def _judge(
    file: str, broken: dict[int, pa.csv.InvalidRow], last: int, layout: Layout
) -> tuple[int, int]:
    """How many broken rows are totals, and how many remarks below the last row of the table.

    Raises:
        DataError: Others are broken.
    """
    problems = []
    totals = footers = 0
    for number, row in broken.items():
        cells = [cell.strip('" ') for cell in row.text.split(layout.delimiter)]
        if not any(cells):
            continue
        if is_total(next(cell for cell in cells if cell)):
            totals += 1
        elif number > last > 0 and sum(map(bool, cells)) == 1:
            footers += 1
        else:
            problems.append(_problem(file, number + layout.header_row, row, layout))
    if problems:
        raise DataError(problems)
    return totals, footers


def _problem(file: str, number: int, row: pa.csv.InvalidRow, layout: Layout) -> Problem:
    lines = row.text.splitlines()
    shown = lines[0] if len(lines[0]) <= _SHOWN else lines[0][:_SHOWN] + "…"
    if len(lines) > 1:
        return Problem(file, number, None, shown, _NOT_CLOSED, _CLOSE)
    rule = f"must have {row.expected_columns} cells, but has {row.actual_columns}"
    sign = DELIMITERS[layout.delimiter]
    mend = f"put cells that contain {sign} in double quotes, or export it again"
    return Problem(file, number, None, shown, rule, mend)


def _refuse_open_quotes(
    file: str, table: pa.Table, rows: NDArray[np.int64], text: bytes, layout: Layout
) -> None:
    """A quote that is never closed swallows the rows below it into one cell.

    Raises:
        DataError: A cell holds lines that look like rows, or the file an odd number of quotes and
            a cell with line breaks.
    """
    if text.find(b'"', layout.start) < 0:
        return
    odd = text.count(b'"', layout.start) % 2 == 1
    wide = table.num_columns >= 4  # with fewer, a line of ad text may look like a row
    for column in table.columns:
        at = np.flatnonzero(pc.match_substring_regex(column, r"[\r\n]").fill_null(False).to_numpy())
        for row in at.tolist():
            lines = column[row].as_py().splitlines()[1:]
            if odd or (wide and _has_row(lines, layout.delimiter, table.num_columns)):
                raise refused(file, _NOT_CLOSED, _CLOSE, row=int(rows[row]))


def _has_row(lines: Sequence[str], delimiter: str, columns: int) -> bool:
    return any(line.count(delimiter) >= columns - 1 for line in lines)
