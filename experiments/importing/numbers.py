"""Numbers as platforms write them, from text: "1.234,50 €", "(12)", "< 10%", "--"."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.importing.headers import CURRENCIES
from promopilot.experiments.importing.number_style import NumberStyle, number_style

__all__ = ["NumberStyle", "bounds", "number_style", "numbers", "without_bounds"]

# What stands in a cell where a platform has nothing to say.
_MISSING: Final = pa.array(
    "- -- --- – — − n/a na n.a. #n/a nan null none (none) k.a. n.d. n.c. s.o. 无 不适用".split()
)
_GROUP_MARKS: Final = "\u00a0\u2007\u2008\u2009\u202f '’"  # group thousands in any file
# Left out before anything else, so that most cells are plain.
_AROUND: Final = " \t\u00a0\u2009\u202f$€£¥￥₹₩"
_BLANKS: Final = r"[\s\x{00a0}\x{2007}\x{2008}\x{2009}\x{202f}]*"  # RE2's \s is ASCII alone
_BOUND: Final = rf"^{_BLANKS}[<>≤≥＜＞]{_BLANKS}"
# What stands before or behind an amount: "$", "US$", "CN¥", "EUR", "kr", "元".
_CURRENCY: Final = (
    rf"(?:[A-Za-z]{{0,3}}[\p{{Sc}}￥]|{'|'.join(sorted(CURRENCIES))}"
    r"|Fr\.?|kr\.?|zł|Kč|Ft|lei|Rs\.?|元|円|圆)?"
)
_UNUSUAL: Final = (
    rf"^(?P<open>\()?{_BLANKS}(?P<before>[-+−])?{_BLANKS}{_CURRENCY}{_BLANKS}(?P<between>[-+−])?{_BLANKS}"
    rf"(?P<core>[0-9.,{_GROUP_MARKS}]*[0-9](?:[eE][-+]?[0-9]+)?)"
    rf"{_BLANKS}(?P<per_cent>[%％])?{_BLANKS}{_CURRENCY}{_BLANKS}(?P<behind>[-−])?{_BLANKS}(?P<close>\))?$"
)


def numbers(
    column: pa.ChunkedArray, style: NumberStyle
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers of a column of text.

    Per cents are fractions ("12%" is .12); parentheses and a trailing minus are negative; signs
    and codes of currencies are left out; "--" and its like are missing, and so are bounds
    ("< 10%"). Thousands must stand in groups: "12,34" is no number where the comma groups them.

    Args:
        column: [n] cells.
        style: Decimal and thousands marks of the file.

    Returns:
        Values [n], NaN where missing, and [n] which cells are no number in this style.
    """
    codes = pc.dictionary_encode(column).combine_chunks()
    cells = pc.utf8_trim(codes.dictionary, _AROUND)
    plain = pc.match_substring_regex(cells, _plain_pattern(style))
    usual = plain.to_numpy(zero_copy_only=False)
    # One more at the end for cells that are null.
    values = np.full(len(cells) + 1, np.nan)
    bad = np.zeros(len(cells) + 1, dtype=np.bool_)
    values[:-1][usual] = _plain(cells.filter(plain), style)
    values[:-1][~usual], bad[:-1][~usual] = _unusual(cells.filter(pc.invert(plain)), style)
    bad |= np.isinf(values)
    bad[:-1] |= _only_signs(codes.dictionary)
    values[bad] = np.nan
    at = codes.indices.fill_null(len(cells)).to_numpy(zero_copy_only=False)
    return values[at], bad[at]


def without_bounds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The cells with "< 10%" as "10%": each bound taken for the number."""
    return pc.replace_substring_regex(column, _BOUND, "")


def bounds(column: pa.ChunkedArray) -> int:
    """How many cells only say above or below what a number lies ("< 10%")."""
    return int(pc.sum(pc.match_substring_regex(column, _BOUND)).as_py() or 0)


def _plain_pattern(style: NumberStyle) -> str:
    """Digits, perhaps in groups (three each, or two as in India) and with decimals."""
    mark, group = f"[{style.decimal}]", f"[{style.thousands}{_GROUP_MARKS}]"
    grouped = f"[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}"
    decimals = f"(?:{mark}[0-9]*)?"
    return f"^[-+]?(?:(?:{grouped}|[0-9]+){decimals}|{mark}[0-9]+)(?:[eE][-+]?[0-9]+)?$"


def _plain(cells: pa.Array, style: NumberStyle) -> NDArray[np.float64]:
    """The numbers of cells that follow the plain pattern."""
    for mark in style.thousands + _GROUP_MARKS:
        cells = pc.replace_substring(cells, mark, "")
    if style.decimal != ".":
        cells = pc.replace_substring(cells, style.decimal, ".")
    cells = pc.utf8_ltrim(cells, "+")  # which pyarrow does not take
    return np.asarray(cells.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _unusual(cells: pa.Array, style: NumberStyle) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers of cells with anything else in them, and which of them are none."""
    cells = pc.utf8_trim_whitespace(cells)
    parts = pc.extract_regex(cells, _UNUSUAL)
    core = parts.field("core").fill_null("")
    number = pc.and_(
        pc.match_substring_regex(core, _plain_pattern(style)),
        pc.equal(_has(parts, "open"), _has(parts, "close")),
    )
    found = number.to_numpy(zero_copy_only=False)
    values = np.full(len(cells), np.nan)
    values[found] = _plain(core.filter(number), style)
    minus = _has(parts, "open").to_numpy(zero_copy_only=False)
    for place in ("before", "between", "behind"):
        minus |= pc.is_in(parts.field(place), pa.array(["-", "−"])).to_numpy(zero_copy_only=False)
    values[minus] *= -1
    values[_has(parts, "per_cent").to_numpy(zero_copy_only=False)] /= 100
    empty = pc.or_(pc.equal(cells, ""), pc.is_in(pc.utf8_lower(cells), _MISSING))
    missing = pc.or_(empty, pc.match_substring_regex(cells, _BOUND))
    return values, ~found & ~missing.to_numpy(zero_copy_only=False)


def _only_signs(cells: pa.Array) -> NDArray[np.bool_]:
    """Which cells are the sign of a currency, without an amount."""
    found = pc.match_substring_regex(cells, r"^\s*[$€£¥￥₹₩\s]*[$€£¥￥₹₩]\s*$")
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _has(parts: pa.StructArray, name: str) -> pa.BooleanArray:
    return pc.greater(pc.binary_length(parts.field(name).fill_null("")), 0)
