"""What the rows of one file count and cost: every cell a number in units, or not told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from promopilot.experiments.errors import Problem
from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.faults import faults
from promopilot.experiments.importing.mapping import EMPTY, MEASURES, SHARE, WHOLE, Mapping
from promopilot.experiments.importing.numbers import (
    NumberStyle,
    bounds,
    numbers,
    without_bounds,
)
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.style import style_of

FloatArray = NDArray[np.float64]
REACH = "reach"
COUNTED = (*MEASURES, REACH, SHARE)
_MAX_WHOLE = 2.0**53  # above it a float no longer tells neighbouring whole numbers apart


def measures_of(
    export: RawExport, columns: FileColumns, mapping: Mapping, problems: list[Problem]
) -> tuple[dict[str, FloatArray], tuple[str, ...]]:
    """Counts, money, reach and shares by field, and notes on how they were read.

    Args:
        export: n rows of a file.
        columns: Its columns.
        mapping: Complete.
        problems: Cells that cannot be used are added to it.

    Returns:
        By field [n]: whole where it counts, at least 0, a share from 0 to 1; NaN where not told.
    """
    headers = {f: h for f, h in columns.fields.items() if f in COUNTED}
    style = style_of(mapping, [export.cells[header] for header in headers.values()])
    notes = [f"{export.file}: {style.note}"] if style.note else []
    found: dict[str, FloatArray] = {}
    for field, header in headers.items():
        read = _shares if field == SHARE else _amounts
        found[field] = read(export, columns, field, style, problems)
        if field in (mapping.empty_is_zero or ()):
            found[field] = np.nan_to_num(found[field])
        if unsure := bounds(export.cells[header]):
            are = "each counts as its number" if field == SHARE else "no numbers"
            notes.append(
                f"{export.file}: {unsure:,} cells of {header!r} are bounds like '< 10%', {are}"
            )
    shown = found["impressions"]
    happened = np.zeros(len(shown), dtype=bool)
    for field in EMPTY:
        happened |= found.get(field, np.zeros(1)) > 0
    rule = "must be filled where there are clicks, conversions or spend"
    mend = "write the number that was shown"
    problems += faults(export, headers["impressions"], np.isnan(shown) & happened, rule, mend)
    return found, tuple(notes)


def _amounts(
    export: RawExport,
    columns: FileColumns,
    field: str,
    style: NumberStyle,
    problems: list[Problem],
) -> FloatArray:
    header = columns.fields[field]
    values, bad = numbers(export.cells[header], style)
    problems += faults(export, header, bad, "is no number", "write digits, or leave it empty")
    if field in columns.micros:
        values = values / 1e6
    rule, mend = "must be at least 0", "check which column is which, or remove the row"
    problems += faults(export, header, values < 0, rule, mend)
    if field in WHOLE:
        broken = (values != np.floor(values)) | (values > _MAX_WHOLE)
        rule = f"is {field}, which must be whole (decimal mark {style.decimal!r})"
        mend = "say how numbers are written with `numbers:` in a mapping, or correct it"
        problems += faults(export, header, broken & ~np.isnan(values), rule, mend)
    return values


def _shares(
    export: RawExport,
    columns: FileColumns,
    field: str,
    style: NumberStyle,
    problems: list[Problem],
) -> FloatArray:
    """Shares of what could be had; 0, which the API writes where there was nothing, is not told."""
    header = columns.fields[field]
    values, bad = numbers(without_bounds(export.cells[header]), style)
    with np.errstate(invalid="ignore"):
        bad = bad | (values < 0) | (values > 1)
        rule = "is no share from 0 to 100%"
        mend = "write it with its sign, like 45.2%, or leave it empty"
        problems += faults(export, header, bad, rule, mend)
        return np.where(values > 0, values, np.nan)
