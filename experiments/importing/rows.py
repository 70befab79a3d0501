"""The rows of all files together: typed, without those in which nothing happened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import ConfigError, DataError, Problem
from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.dates import dates
from promopilot.experiments.importing.faults import faults
from promopilot.experiments.importing.mapping import EMPTY, MEASURES, WHOLE, Mapping, Rule, rules_of
from promopilot.experiments.importing.numbers import bounds, numbers
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.repeats import keys, repeated_across, repeated_within
from promopilot.experiments.importing.style import style_of

FloatArray = NDArray[np.float64]
DayArray = NDArray[np.datetime64]  # datetime64[D]
_IN_NAME = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)")
_REACH = "reach"
_NO_NAMES = frozenset({*MEASURES, _REACH, "budget", "date", "as_of"})
_MAX_WHOLE = 2.0**53  # above it a float no longer tells neighbouring whole numbers apart


@dataclass(frozen=True)
class Rows:
    """n rows, in the order of the files."""

    date: DayArray  # [n]
    as_of: DayArray | None  # [n] the day on which each was read; None where nobody says
    measures: dict[str, FloatArray]  # [n] by field, those that some file has; NaN where not told
    reach: FloatArray | None  # [n] people
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
        _typed(export, one, mapping, problems) for export, one in zip(exports, columns, strict=True)
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
    rows = _together(parts, mapping)
    if not len(rows.date):
        files = ", ".join(export.file for export in exports)
        rule = "must be above 0 in some row: nothing was shown, clicked or spent"
        mend = "export days on which ads ran, or say in a mapping which column is which"
        raise DataError([Problem(files, None, "impressions", None, rule, mend)])
    return rows


@dataclass(frozen=True)
class _Part:
    """The rows of one file."""

    date: DayArray
    as_of: DayArray | None
    measures: dict[str, FloatArray]
    key: NDArray[np.uint64]
    texts: dict[str, pa.ChunkedArray]
    notes: tuple[str, ...]


def _typed(
    export: RawExport, columns: FileColumns, mapping: Mapping, problems: list[Problem]
) -> _Part:
    date = _days(export, columns.fields["date"], mapping.dates, problems)
    as_of = _as_of(export, columns, mapping, problems)
    if as_of is not None:
        header = columns.fields.get("as_of", columns.fields["date"])
        rule, mend = "was read before the day that it tells of", "check as_of"
        problems += faults(export, header, as_of < date, rule, mend)
    if "date_end" in columns.fields:
        header = columns.fields["date_end"]
        end, _ = dates(export.cells[header], mapping.dates, file=export.file, name=header)
        rule = "is not the day that the row starts on: the row is of several days"
        problems += faults(export, header, end > date, rule, "export the report by day")
    measures, notes = _measures(export, columns, mapping, problems)
    wanted = {name for rule in rules_of(mapping) for name in rule.fields}
    by_name = {name.removesuffix("_id") for name in (mapping.promotion or Rule()).fields}
    wanted |= ({"currency"} | by_name) & set(columns.fields)
    texts = {name: export.cells[columns.find(name, "rules")] for name in sorted(wanted)}
    telling = wanted | {field for field in columns.fields if field not in _NO_NAMES}
    named = [columns.find(name, "rules") for name in sorted(telling)]
    key = keys(export, named, date, as_of)
    if mapping.repeats == "refuse":
        problems += repeated_within(export, key, measures)
    return _Part(date, as_of, measures, key, texts, notes)


def _days(export: RawExport, header: str, hint: str | None, problems: list[Problem]) -> DayArray:
    found, bad = dates(export.cells[header], hint, file=export.file, name=header)
    problems += faults(export, header, bad, "is no date", "write 2026-03-31, or leave the row out")
    empty = np.isnat(found) & ~bad
    problems += faults(export, header, empty, "must be filled", "export the report by day")
    return found


def _as_of(
    export: RawExport, columns: FileColumns, mapping: Mapping, problems: list[Problem]
) -> DayArray | None:
    if mapping.as_of is None:
        if "as_of" not in columns.fields:
            return None
        return _days(export, columns.fields["as_of"], mapping.dates, problems)
    day = mapping.as_of
    if day == "file-name":
        found = _IN_NAME.search(Path(export.file).stem)
        if found is None:
            raise ConfigError(
                f"the mapping's as_of is file-name, but the name {export.file} holds no day; name "
                "the file like report-2026-03-31.csv"
            )
        day = "-".join(found.groups())
    try:
        return np.full(export.cells.num_rows, np.datetime64(day, "D"))
    except ValueError as error:
        raise ConfigError(f"as_of {day!r} of {export.file} is no day of a year") from error


def _measures(
    export: RawExport, columns: FileColumns, mapping: Mapping, problems: list[Problem]
) -> tuple[dict[str, FloatArray], tuple[str, ...]]:
    """Counts and money by field, in units: whole, at least 0, or NaN where not told."""
    headers = {f: h for f, h in columns.fields.items() if f in (*MEASURES, _REACH)}
    style = style_of(mapping, [export.cells[header] for header in headers.values()])
    found: dict[str, FloatArray] = {}
    notes = [f"{export.file}: {style.note}"] if style.note else []
    for field, header in headers.items():
        values, bad = numbers(export.cells[header], style)
        problems += faults(export, header, bad, "is no number", "write digits, or leave it empty")
        if unsure := bounds(export.cells[header]):
            notes.append(
                f"{export.file}: {unsure:,} cells of {header!r} are bounds like '< 10%', no numbers"
            )
        if field in columns.micros:
            values = values / 1e6
        rule, mend = "must be at least 0", "check which column is which, or remove the row"
        problems += faults(export, header, values < 0, rule, mend)
        if field in WHOLE:
            broken = (values != np.floor(values)) | (values > _MAX_WHOLE)
            rule = f"is {field}, which must be whole (decimal mark {style.decimal!r})"
            mend = "say how numbers are written with `numbers:` in a mapping, or correct it"
            problems += faults(export, header, broken & ~np.isnan(values), rule, mend)
        if field in (mapping.empty_is_zero or ()):
            empty = np.isnan(values)
            values = np.where(empty, 0.0, values)
        found[field] = values
    shown = found["impressions"]
    happened = np.zeros(len(shown), dtype=bool)
    for field in EMPTY:
        happened |= found.get(field, np.zeros(1)) > 0
    rule = "must be filled where there are clicks, conversions or spend"
    mend = "write the number that was shown"
    problems += faults(export, headers["impressions"], np.isnan(shown) & happened, rule, mend)
    return found, tuple(notes)


def _together(parts: Sequence[_Part], mapping: Mapping) -> Rows:
    counts = [len(part.date) for part in parts]
    fields = [f for f in (*MEASURES, _REACH) if any(f in part.measures for part in parts)]
    measures = {
        f: np.concatenate(
            [p.measures.get(f, np.full(n, np.nan)) for p, n in zip(parts, counts, strict=True)]
        )
        for f in fields
    }
    kept = np.zeros(sum(counts), dtype=bool)
    for field in MEASURES:
        if field in measures:
            kept |= measures[field] > 0
    date = np.concatenate([part.date for part in parts])
    if kept.any():
        kept[_one_of_each(date, kept)] = True
    names = sorted({name for part in parts for name in part.texts})
    chosen = pa.array(np.flatnonzero(kept))
    texts = {}
    for name in names:
        whole = [
            part.texts[name].combine_chunks() if name in part.texts else pa.nulls(n, pa.string())
            for part, n in zip(parts, counts, strict=True)
        ]
        texts[name] = pa.chunked_array(whole, pa.string()).take(chosen)
    dated = any(part.as_of is not None for part in parts)
    never = np.datetime64("NaT", "D")
    as_of = [
        part.as_of if part.as_of is not None else np.full(n, never)
        for part, n in zip(parts, counts, strict=True)
    ]
    dropped = int((~kept).sum())
    reach = measures.pop(_REACH, None)
    return Rows(
        date=date[kept],
        as_of=np.concatenate(as_of)[kept] if dated else None,
        measures={name: values[kept] for name, values in measures.items()},
        reach=None if reach is None else reach[kept],
        texts=texts,
        dropped={"nothing was shown, clicked or spent": dropped} if dropped else {},
        notes=tuple(note for part in parts for note in part.notes),
    )


def _one_of_each(date: DayArray, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first row of each day on which nothing happened at all: the day itself was recorded."""
    days, first = np.unique(date, return_index=True)
    return np.asarray(first[~np.isin(days, date[kept])])
