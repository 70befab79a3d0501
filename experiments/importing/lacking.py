"""Fields without which nothing can be made: which are lacking, and which column could be each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.dates import DateOrder, dates
from promopilot.experiments.importing.headers import NAMES, Platform, named_on, recognise
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.numbers import number_style, numbers
from promopilot.experiments.importing.raw import RawExport

_FOR: Final = {
    "date": "the day that a row tells of",
    "impressions": "how often ads were shown",
    "budget": "the money of a day",
    "campaign_id": "which campaign a row is of",
}
_LOOKED_AT = 1000  # rows that tell whether a column's values fit
_MORE = 2  # fields that another platform may know besides: fewer names differ by language alone
_ID: Final = re.compile(r"(?i).*(id|编号|nummer|numéro|número|number|\bnr\.?|\bno\.?|code)$")


def require(
    export: RawExport, columns: FileColumns, needed: Sequence[str], platform: Platform
) -> None:
    """Checks that fields without which nothing can be made are there.

    Raises:
        DataError: One is not; with the columns whose values could be it, or the platform that the
            file looks like.
    """
    lacking = [name for name in needed if name not in columns.fields]
    if not lacking:
        return
    other = looks_like(columns.headers, platform, more=0)
    if other is not None:
        mend = _use(other)
    else:
        mend = "; ".join(_mend(export, columns, name, platform) for name in lacking)
    what = "; ".join(_FOR[name] for name in lacking)
    listed = ", ".join(map(repr, columns.headers))
    rule = f"must be there ({what}), but no column is known as that among {listed}"
    raise DataError([Problem(columns.file, None, ", ".join(lacking), None, rule, mend)])


def refuse_other_platforms(
    columns: Sequence[FileColumns], platform: Platform, mapping: Mapping
) -> None:
    """Checks that no file is another platform's, most of whose columns would be left out.

    A mapping that names its platform has the last word.

    Raises:
        DataError: One looks like it.
    """
    if mapping.platform is not None or platform is Platform.GENERIC:
        return
    for one in columns:
        other = looks_like(one.headers, platform, more=_MORE)
        if other is not None and len(recognise(one.headers, other).columns) > len(one.fields):
            rule = f"does not look like {NAMES[platform]}"
            mend = f"{_use(other)}; or say `platform: {platform}` in a mapping if it is right"
            raise DataError([Problem(one.file, None, None, None, rule, mend)])


def looks_like(headers: Sequence[str], platform: Platform, more: int) -> Platform | None:
    """The platform that knows over `more` fields more than `platform`; None where none does."""
    known = {
        one: len(recognise(headers, one).columns) for one in Platform if one != Platform.GENERIC
    }
    best = max(known, key=lambda one: known[one])
    own = len(recognise(headers, platform).columns)
    return best if known[best] > own + more else None


def _use(other: Platform) -> str:
    return f"it looks like {NAMES[other]}: use --platform {other}"


def _mend(export: RawExport, columns: FileColumns, name: str, platform: Platform) -> str:
    taken = set(columns.fields.values())
    fitting = [h for h in columns.headers if h not in taken and _fits(export, h, name)]
    if not fitting:
        return f"no column holds values like {name}: export {named_on(platform, name)!r} as well"
    which = " or ".join(map(repr, fitting[:3]))
    return (
        f"if {name} is {which}, say so with --mapping FILE that holds "
        f"`columns: {{{name}: {fitting[0]!r}}}`"
    )


def _fits(export: RawExport, header: str, name: str) -> bool:
    """Whether all values of a column could be those of a field."""
    column = export.cells[header].slice(0, _LOOKED_AT)
    if name == "date":
        return _are_days(column)
    values, bad = numbers(column, number_style([column]))
    if name == "campaign_id":
        return bool(_ID.fullmatch(header)) or bool(bad.any())
    good = ~bad.any() and bool((values >= 0).any()) and not (values < 0).any()
    if name == "impressions":
        good = good and bool((values[~np.isnan(values)] % 1 == 0).all())
    return bool(good) and not _ID.fullmatch(header) and not _are_days(column)


def _are_days(column: pa.ChunkedArray) -> bool:
    try:
        found, bad = dates(column, DateOrder.DAY_FIRST)
    except DataError:
        return False
    return not bad.any() and not bool(np.isnat(found).all())
