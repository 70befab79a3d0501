"""Where the table of a text file begins, and what stands between its cells."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from promopilot.experiments.importing.headers import is_known
from promopilot.experiments.importing.opening import refused

DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SAMPLE = 1 << 18  # bytes from the beginning in which the header must stand
_ROWS = 200
# Invisible marks that exports carry: zero-width blanks, direction marks, a second byte order mark.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
# A number, a date in digits or one of the marks for "nothing": no name of a column.
_VALUE = re.compile(r"[-+(]?[\s\d.,:/%()€$£¥-]*\d[\s\d.,:/%()€$£¥-]*|-+|—|n/a", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How a text is to be cut into rows and cells."""

    delimiter: str
    header: tuple[str, ...]  # names as written, cleaned; empty where a column has none
    header_row: int  # row of the header in the file, from 1, as a spreadsheet shows it
    start: int  # byte at which the first row below the header begins


@dataclass(frozen=True)
class _Row:
    """One row of the sample."""

    cells: list[str]  # cleaned, without empty ones at the end
    width: int  # cells as written
    end: int  # byte behind it


def find_layout(file: str, text: bytes) -> Layout:
    """The delimiter and the header of a table, which other lines may precede.

    Of each delimiter's rows, the header is the first with known names of columns; where no name is
    known, the first row of names that is as wide as the rows of the table. The delimiter whose
    header knows more names wins, then the one that makes more rows of one width.

    Args:
        file: Name of the file, for the error.
        text: Its text, UTF-8.

    Raises:
        DataError: No row looks like a header with two columns or more.
    """
    best: tuple[tuple[int, float, int], Layout] | None = None
    for delimiter in DELIMITERS:
        rows = _sample(text, delimiter)
        widths = Counter(row.width for row in rows if len(row.cells) > 1)
        usual = max(widths, key=lambda width: (widths[width], width), default=0)
        at = _header_at(rows, usual)
        if at is None:
            continue
        header, below = rows[at], rows[at + 1 :]
        alike = sum(row.width == header.width for row in below) / len(below) if below else 0.0
        score = (_known(header.cells), alike, header.width)
        names = tuple(header.cells + [""] * (header.width - len(header.cells)))
        if best is None or score > best[0]:
            best = score, Layout(delimiter, names, at + 1, header.end)
    if best is None:
        raise refused(
            file,
            "has no row with the names of two or more columns",
            "export it as CSV with commas, semicolons or tabs, with its header",
        )
    return best[1]


def cleaned(name: str) -> str:
    """A header without invisible marks, and blanks only between its words."""
    return " ".join(_INVISIBLE.sub("", name).split())


def _header_at(rows: Sequence[_Row], usual: int) -> int | None:
    """Place of the header among the rows, None where none looks like one."""
    names = [n for n, row in enumerate(rows) if _names_only(row)]
    for n in names:
        if _known(rows[n].cells) >= 2:
            return n
    for n in names:
        if rows[n].width == usual and 2 * len(rows[n].cells) > usual:
            return n
    return None


def _names_only(row: _Row) -> bool:
    """Whether a row could be a header: two names or more, and no number or date."""
    filled = [cell for cell in row.cells if cell]
    return len(filled) > 1 and not any(_VALUE.fullmatch(cell) for cell in filled)


def _known(cells: Sequence[str]) -> int:
    return sum(is_known(cell) for cell in cells if cell)


def _sample(text: bytes, delimiter: str) -> list[_Row]:
    """The first rows as a delimiter cuts them; a blank line is a row, too."""
    head = text[:_SAMPLE]
    whole = len(head) == len(text)
    rows: list[_Row] = []
    lines = _Lines(head.decode("utf-8", "ignore" if not whole else "strict"))
    try:
        for cells in csv.reader(lines, delimiter=delimiter):
            names = [cleaned(cell) for cell in cells]
            while names and not names[-1]:
                names.pop()
            rows.append(_Row(names, len(cells), lines.read))
            if len(rows) > _ROWS:
                break
        else:
            if not whole and len(rows) > 1:  # the last one may be cut
                rows.pop()
    except csv.Error:  # a cell longer than any has: no table with this delimiter
        return rows
    return rows


class _Lines(Iterator[str]):
    """The lines of a text with their ends, counting the bytes that were read."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.read = 0  # bytes

    def __next__(self) -> str:
        line = next(self._lines)
        self.read += len(line.encode())
        return line
