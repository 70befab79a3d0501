"""Days as platforms and spreadsheets write them, in five languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.importing.opening import refused
from promopilot.experiments.importing.plain import plain

_FIRST_YEAR, _LAST_YEAR = 1990, 2099  # a day outside is a slip of the pen, or no day


class DateOrder(StrEnum):
    """The order of day and month in "03/04/2026": what `dates:` in a mapping says."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


# Names of months without accents and points: English, German, French, Spanish; then short ones.
_MONTHS: Final = (
    "january januar janner janvier enero jan janv ene",
    "february februar fevrier febrero feb fev fevr",
    "march marz maerz mars marzo mar mrz",
    "april avril abril apr avr abr",
    "may mai mayo",
    "june juni juin junio jun",
    "july juli juillet julio jul juil",
    "august aout agosto aug ago",
    "september septembre septiembre setiembre sep sept set",
    "october oktober octobre octubre oct okt",
    "november novembre noviembre nov",
    "december dezember decembre diciembre dec dez dic",
)
_MONTH: Final = {name: n for n, names in enumerate(_MONTHS, 1) for name in names.split()}
_WEEKDAY: Final = r"(?:[a-z]{2,10}\.?,? +)?"  # "Sun, ": what it says is not checked
# A day may come with midnight; with an hour it is no day.
_MIDNIGHT: Final = r"(?:[t ]+0?0:00(?::00(?:\.0+)?)?(?: ?z| ?[+-]00:?00| ?am)?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_MIDNIGHT}")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_POINTS = re.compile(rf"(\d{{1,2}})\. ?(\d{{1,2}})\. ?(\d{{4}}|\d{{2}})\.?{_MIDNIGHT}")
_EITHER_FIRST = re.compile(rf"(\d{{1,2}})([-/])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_MIDNIGHT}")
_MONTH_NAME_FIRST = re.compile(rf"{_WEEKDAY}([a-z]+)\.? +(\d{{1,2}})(?:st|nd|rd|th)?,? +(\d{{4}})")
_DAY_THEN_NAME = re.compile(
    rf"{_WEEKDAY}(\d{{1,2}})(?:\.|er|st|nd|rd|th)?[ -](?:de )?([a-z]+)\.?[ -](?:de |del )?(\d{{4}})"
)
_CHINESE = re.compile(r"(\d{4}) ?年 ?(\d{1,2}) ?月 ?(\d{1,2}) ?[日号]?")
_SERIAL: Final = r"^[2-6][0-9]{4}([.,][0-9]+)?$"  # 1954 to 2091 in days as Excel counts them


def dates(
    column: pa.ChunkedArray,
    hint: str | None,
    *,
    file: str = "the file",
    name: str | None = None,
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """The days of a column of text.

    Whether "03/04/2026" is in March or April the hint says; without one all rows together do: a
    first number above 12 can only be a day.

    Args:
        column: [n] cells.
        hint: A `DateOrder`, or None to tell it from the rows.
        file: Name of the file, for errors.
        name: The column, for errors.

    Returns:
        Days [n], datetime64[D], NaT where empty or bad, and [n] which filled cells are no day.

    Raises:
        DataError: The order of day and month cannot be told, or the cells are numbers of days as
            Excel keeps them.
    """
    codes = pc.dictionary_encode(column).combine_chunks()
    cells = [plain(cell) for cell in codes.dictionary.to_pylist()]
    either = [found for cell in cells if (found := _EITHER_FIRST.fullmatch(cell))]
    order = _order(either, hint, file, name)
    days = np.array([_day(cell, order) for cell in cells] + [None], dtype="datetime64[D]")
    empty = np.array([cell in ("", "-", "--", "—", "–") for cell in cells] + [True])
    at = codes.indices.fill_null(len(cells)).to_numpy(zero_copy_only=False)
    bad = (np.isnat(days) & ~empty)[at]
    if bad.any():
        _refuse_serials(column.filter(pa.array(bad)), file, name)
    return days[at], bad


def _order(
    either: Sequence[re.Match[str]], hint: str | None, file: str, name: str | None
) -> DateOrder:
    """Which number of "03/04/2026" is the day.

    Raises:
        DataError: There is no hint, and the rows do not tell.
    """
    if hint is not None:
        return DateOrder(hint)
    first = sum(int(found[1]) > 12 for found in either)
    second = sum(int(found[3]) > 12 for found in either)
    if first != second:  # where rows disagree, those of the fewer are no days
        return DateOrder.DAY_FIRST if first > second else DateOrder.MONTH_FIRST
    if any(found[1] != found[3] for found in either):
        raise refused(
            file,
            "can be day/month or month/day, and no row tells which",
            f"say it with a mapping: `dates: {DateOrder.DAY_FIRST}` (day first) or "
            f"`dates: {DateOrder.MONTH_FIRST}` (month first)",
            column=name,
            value=next(found[0] for found in either if found[1] != found[3]),
        )
    return DateOrder.DAY_FIRST


def _day(cell: str, order: DateOrder) -> date | None:
    """The day that a cell is, None where it is none."""
    for pattern, parts in _READINGS:
        found = pattern.fullmatch(cell)
        if found is None:
            continue
        year, month, day = parts(found, order)
        try:
            number = int(year) + (2000 if len(year) == 2 else 0)
            known = _FIRST_YEAR <= number <= _LAST_YEAR
            return date(number, _MONTH.get(month) or int(month), int(day)) if known else None
        except ValueError:  # no such month, or no such day in it
            return None
    return None


_Parts = Callable[[re.Match[str], DateOrder], tuple[str, str, str]]  # to year, month, day
_READINGS: Final[tuple[tuple[re.Pattern[str], _Parts], ...]] = (
    (_YEAR_FIRST, lambda f, _: (f[1], f[3], f[4])),
    (_COMPACT, lambda f, _: (f[1], f[2], f[3])),
    (_POINTS, lambda f, _: (f[3], f[2], f[1])),
    (
        _EITHER_FIRST,
        lambda f, order: (f[4], f[3], f[1]) if order == DateOrder.DAY_FIRST else (f[4], f[1], f[3]),
    ),
    (_MONTH_NAME_FIRST, lambda f, _: (f[3], f[1], f[2])),
    (_DAY_THEN_NAME, lambda f, _: (f[3], f[2], f[1])),
    (_CHINESE, lambda f, _: (f[1], f[2], f[3])),
)


def _refuse_serials(bad: pa.ChunkedArray, file: str, name: str | None) -> None:
    """Days as Excel counts them depend on the workbook's first year: they are not guessed.

    Raises:
        DataError: Every bad cell is a number of that size.
    """
    if pc.all(pc.match_substring_regex(bad, _SERIAL)).as_py():
        raise refused(
            file,
            "is a day as Excel counts it, not a date",
            "format the column as a date (2026-03-01) in the spreadsheet and save it again",
            column=name,
            value=bad[0].as_py(),
        )
