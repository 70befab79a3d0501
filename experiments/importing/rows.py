"""The rows of all files together: typed, without those in which nothing happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.mapping import MEASURES, SHARE, Mapping
from promopilot.experiments.importing.measures import COUNTED, REACH, FloatArray
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.repeats import repeated_across
from promopilot.experiments.importing.typed import DayArray, TypedRows, typed

NOTHING = "nothing was shown, clicked or spent"


@dataclass(frozen=True)
class Rows:
    """n rows, in the order of the files."""

    date: DayArray  # [n]
    as_of: DayArray | None  # [n] the day on which each was read; None where nobody says
    measures: dict[str, FloatArray]  # [n] by field, those that some file has; NaN where not told
    reach: FloatArray | None  # [n] people
    share: FloatArray | None  # [n] of the impressions that a row could have had, those it had
    texts: dict[str, pa.ChunkedArray]  # [n] cells by the name that the rules use
    dropped: dict[str, int]  # reason -> rows
    notes: tuple[str, ...]


def read_rows(
    exports: Sequence[RawExport], columns: Sequence[FileColumns], mapping: Mapping
) -> Rows:
    """Types the rows of all files and puts them together.

    Args:
        exports: The files.
        columns: Those of each file.
        mapping: Complete.

    Raises:
        DataError: Cells that are no date or number, or rows that stand there twice, each listed; or
            nothing happened in any row.
        ConfigError: `as_of` wants a day of a file's name that has none.
    """
    problems: list[Problem] = []
    parts = [
        typed(export, one, mapping, problems) for export, one in zip(exports, columns, strict=True)
    ]
    if problems:
        raise DataError(problems)
    if mapping.repeats == "refuse":
        problems = repeated_across(
            [export.file for export in exports],
            [export.rows for export in exports],
            [part.key for part in parts],
        )
        if problems:
            raise DataError(problems)
    rows = _together(parts)
    if not len(rows.date):
        files = ", ".join(export.file for export in exports)
        rule = f"must be above 0 in some row: {NOTHING}"
        mend = "export days on which ads ran, or say in a mapping which column is which"
        raise DataError([Problem(files, None, "impressions", None, rule, mend)])
    return rows


def _together(parts: Sequence[TypedRows]) -> Rows:
    counts = [len(part.date) for part in parts]
    measures = {
        f: np.concatenate(
            [p.measures.get(f, np.full(n, np.nan)) for p, n in zip(parts, counts, strict=True)]
        )
        for f in COUNTED
        if any(f in part.measures for part in parts)
    }
    date = np.concatenate([part.date for part in parts])
    kept = _kept(date, measures)
    dropped = int((~kept).sum())
    counted = {name: values[kept] for name, values in measures.items()}
    return Rows(
        date=date[kept],
        as_of=_read_on(parts, kept),
        reach=counted.pop(REACH, None),
        share=counted.pop(SHARE, None),
        measures=counted,
        texts=_texts(parts, kept),
        dropped={NOTHING: dropped} if dropped else {},
        notes=tuple(note for part in parts for note in part.notes),
    )


def _kept(date: DayArray, measures: dict[str, FloatArray]) -> NDArray[np.bool_]:
    """Rows in which something happened, and the first one of each day on which nothing did.

    That one says that the day was recorded.
    """
    kept = np.zeros(len(date), dtype=np.bool_)
    for field in MEASURES:
        if field in measures:
            kept |= measures[field] > 0
    if kept.any():
        days, first = np.unique(date, return_index=True)
        kept[first[~np.isin(days, date[kept])]] = True
    return kept


def _read_on(parts: Sequence[TypedRows], kept: NDArray[np.bool_]) -> DayArray | None:
    """The day on which each row was read; never where its file does not say."""
    if all(part.as_of is None for part in parts):
        return None
    never = np.datetime64("NaT", "D")
    days = [p.as_of if p.as_of is not None else np.full(len(p.date), never) for p in parts]
    return np.asarray(np.concatenate(days)[kept])


def _texts(parts: Sequence[TypedRows], kept: NDArray[np.bool_]) -> dict[str, pa.ChunkedArray]:
    chosen = pa.array(np.flatnonzero(kept))
    texts = {}
    for name in sorted({name for part in parts for name in part.texts}):
        whole = [
            p.texts[name].combine_chunks()
            if name in p.texts
            else pa.nulls(len(p.date), pa.string())
            for p in parts
        ]
        texts[name] = pa.chunked_array(whole, pa.string()).take(chosen)
    return texts
