"""What the encoder reads of a promotion: its fields, put together by a template of the config.

P is the number of promotions.
"""

import difflib
import re
from collections.abc import Hashable
from datetime import date, datetime
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.template import Field, Part, parts_of

PLAIN = "{text}"
_WHERE = "`$.predictor.text_template`"
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|\[\s*\]")
_OF_NUMBERS = frozenset("eEfFgGnd%")  # last letters of formats that only numbers have
_OF_WHOLE_NUMBERS = frozenset("bcdoxX")


def texts_from(promotions: pd.DataFrame, template: str) -> NDArray[np.object_]:
    """Writes each promotion's text [P] by a template.

    A missing cell is written as nothing. A part between two separators whose cells are all missing
    is left out with its separator and its words: no "| off" stays of "| {discount:.0%} off".

    Args:
        promotions: the contract's `promotions`; columns beyond the contract may be named too.
        template: names of columns in braces, each with a format of Python's where wanted.

    Raises:
        PredictorDataError: the template is not one, names a column that is not there, has a format
            that does not suit its column, or leaves a promotion without any text.
    """
    if template == PLAIN and "text" in promotions:
        texts = promotions["text"].fillna("").astype(str).to_numpy(object)
    else:
        texts = _written(promotions, template)
    empty = np.array([not text.strip() for text in texts], dtype=bool)
    if empty.any():
        row = int(np.argmax(empty))
        which = promotions["promotion_id"].iloc[row] if "promotion_id" in promotions else row + 1
        raise PredictorDataError(
            f"promotions, row {row + 2}: the text of promotion {which!r} is empty by the template "
            f"{template!r}: fill its cells, or name another column in {_WHERE}."
        )
    return np.asarray(texts, dtype=object)


def _written(promotions: pd.DataFrame, template: str) -> NDArray[np.object_]:
    try:
        parts = parts_of(template)
    except ValueError as error:
        raise PredictorDataError(f"{_WHERE} is {template!r}: it {error}.") from None
    cells = {field: _cells(promotions, field, template) for part in parts for field in part.fields}
    return np.array(
        [_text(parts, cells, row) for row in range(len(promotions))] or [], dtype=object
    )


def _cells(promotions: pd.DataFrame, field: Field, template: str) -> list[str]:
    """The column's cells as the template writes them, "" where missing."""
    columns = [str(name) for name in promotions.columns]
    if field.column not in columns:
        near = difflib.get_close_matches(field.column, columns, n=1, cutoff=0.5)
        hint = f"did you mean {{{near[0]}}}?" if near else f"write one of {', '.join(columns)}."
        raise PredictorDataError(
            f"{_WHERE} is {template!r}, but promotions has no column {field.column!r}: {hint}"
        )
    column = promotions[field.column]
    missing = column.isna().to_numpy(dtype=bool)
    known: dict[Hashable, str] = {}  # most columns repeat few values
    out = []
    for row, (value, gone) in enumerate(zip(column.tolist(), missing.tolist(), strict=True)):
        if gone:
            out.append("")
            continue
        key = value if isinstance(value, Hashable) else str(value)
        if key not in known:
            try:
                known[key] = _cell(value, field.format)
            except (ValueError, TypeError, OverflowError) as error:
                raise PredictorDataError(
                    f"{_WHERE} is {template!r}, but the format {field.format!r} does not suit "
                    f"{field.column} {value!r} in row {row + 2} of promotions ({error}): change "
                    "the format or leave it out."
                ) from None
        out.append(known[key])
    return out


def _cell(value: Any, form: str) -> str:
    """One cell by a format; numbers and days have a plain form where none is given."""
    if isinstance(value, datetime):
        value = value.date()
    elif not isinstance(value, str | date | Real):
        value = str(value)
    if isinstance(value, str) and form and form[-1] in _OF_NUMBERS:
        value = float(value)  # columns beyond the contract are text in a CSV file
    if (
        isinstance(value, float)
        and value.is_integer()
        and (not form or form[-1] in _OF_WHOLE_NUMBERS)
    ):
        value = int(value)
    return " ".join(format(value, form).split()) if form else str(value)


def _text(parts: tuple[Part, ...], cells: dict[Field, list[str]], row: int) -> str:
    text = ""
    for part in parts:
        values = [cells[field][row].strip() for field in part.fields]
        if part.fields and not any(values):
            continue
        written = "".join(
            cells[piece][row].strip() if isinstance(piece, Field) else piece
            for piece in part.pieces
        )
        if not all(values):  # no brackets around nothing, and no two spaces where it stood
            written = re.sub(r"\s+", " ", _EMPTY_BRACKETS.sub("", written))
        text += (part.separator if text else "") + written.strip()
    return text
