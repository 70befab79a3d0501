"""Which sign of a file's numbers is the decimal mark: told from all its numbers together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

_PART = 1 << 16  # numbers looked at in one go; most files are told by the first
# What the sign D must be when a cell has one of these: D before other than three digits, D after
# the other sign O, D behind a zero or behind more digits than a group has, O twice in groups.
_DECIMAL: Final = (
    r"(^|[^0-9.,])([0-9]+(O[0-9]{2,3})*|)D([0-9]{1,2}|[0-9]{4,})([^0-9.,]|$)"
    r"|O[0-9]{3}D[0-9]"
    r"|(^|[^0-9.,])(0|[0-9]{4,})D[0-9]+([^0-9.,]|$)"
    r"|(^|[^0-9.,])[0-9]{1,3}(O[0-9]{2,3})+O[0-9]{3}([^0-9.,]|$)"
)
_OPEN: Final = r"(^|[^0-9.,])[0-9]{1,3}S[0-9]{3}([^0-9.,]|$)"  # "1,234": either
_UNGROUPED: Final = r"(^|[^0-9.,])[0-9]{4,}([^0-9]|$)"  # "1234": this column groups no thousands


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written in one file."""

    decimal: str  # "." or ","
    thousands: str  # "," or "." or "" where none stands; blanks and apostrophes always count
    note: str = ""  # what was taken for granted, where the file leaves it open


def number_style(columns: Sequence[pa.ChunkedArray]) -> NumberStyle:
    """Tells the decimal mark of a file.

    Cells that can only be read one way decide, the more numerous where they disagree (the others
    are then no numbers). "1,234" alone can be both: the sign is the decimal mark if the same column
    also has numbers of four digits without it, else it groups thousands, and a note says so.

    Args:
        columns: The file's numeric columns, as text.
    """
    for part in _parts(columns):
        comma, point = _count(part, _DECIMAL, ",", "."), _count(part, _DECIMAL, ".", ",")
        if comma != point:
            return _COMMA if comma > point else _POINT
    return _from_open(columns)


_POINT = NumberStyle(".", ",")
_COMMA = NumberStyle(",", ".")


def _from_open(columns: Sequence[pa.ChunkedArray]) -> NumberStyle:
    """The style of a file whose every mark stands before three digits."""
    open_cells = {",": "", ".": ""}  # an example of each sign
    for column in columns:
        cells = pc.unique(column)
        ungrouped = pc.any(pc.match_substring_regex(cells, _UNGROUPED)).as_py()
        for sign in open_cells:
            found = cells.filter(pc.match_substring_regex(cells, _OPEN.replace("S", f"[{sign}]")))
            if not len(found):
                continue
            if ungrouped:
                return _COMMA if sign == "," else _POINT
            open_cells[sign] = open_cells[sign] or found[0].as_py()
    for sign, style in ((",", _POINT), (".", _COMMA)):
        if open_cells[sign]:
            note = f"{open_cells[sign]!r} was read as thousands: the file leaves it open"
            return NumberStyle(style.decimal, style.thousands, note)
    return _POINT


def _parts(columns: Sequence[pa.ChunkedArray]) -> Iterator[pa.Array]:
    """The columns' distinct cells by and by, the first rows of each column first."""
    longest = max((len(column) for column in columns), default=0)
    for start in range(0, longest, _PART):
        cells = [pc.unique(column.slice(start, _PART)) for column in columns]
        yield pa.concat_arrays([one for one in cells if len(one)]) if cells else pa.array([])


def _count(cells: pa.Array, pattern: str, decimal: str, other: str) -> int:
    signs = pattern.replace("D", f"[{decimal}]").replace("O", f"[{other}]")
    return int(pc.sum(pc.match_substring_regex(cells, signs)).as_py() or 0)
