"""The rows of one file, typed: days, readings, measures, and what each row is of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import ConfigError, Problem
from promopilot.experiments.importing.columns import FileColumns
from promopilot.experiments.importing.dates import dates
from promopilot.experiments.importing.faults import faults
from promopilot.experiments.importing.mapping import Mapping, Rule, rules_of
from promopilot.experiments.importing.measures import COUNTED, FloatArray, measures_of
from promopilot.experiments.importing.raw import RawExport
from promopilot.experiments.importing.repeats import keys, repeated_within

DayArray = NDArray[np.datetime64]  # datetime64[D]
_IN_NAME = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)")
_NO_NAMES = frozenset({*COUNTED, "budget", "date", "as_of"})


@dataclass(frozen=True)
class TypedRows:
    """n rows of one file, in its order."""

    date: DayArray  # [n]
    as_of: DayArray | None  # [n] the day on which each was read
    measures: dict[str, FloatArray]  # [n] by field; NaN where not told
    key: NDArray[np.uint64]  # [n] what each row is of
    texts: dict[str, pa.ChunkedArray]  # [n] cells by the name that the rules use
    notes: tuple[str, ...]


def typed(
    export: RawExport, columns: FileColumns, mapping: Mapping, problems: list[Problem]
) -> TypedRows:
    """Types the rows of a file.

    Args:
        export: The file.
        columns: Its columns.
        mapping: Complete.
        problems: What cannot be used is added to it.

    Raises:
        DataError: The order of day and month cannot be told.
        ConfigError: `as_of` wants a day of the file's name, which has none.
    """
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
    measures, notes = measures_of(export, columns, mapping, problems)
    wanted = {name for rule in rules_of(mapping) for name in rule.fields}
    by_name = {name.removesuffix("_id") for name in (mapping.promotion or Rule()).fields}
    wanted |= ({"currency"} | by_name) & set(columns.fields)
    texts = {name: export.cells[columns.find(name, "rules")] for name in sorted(wanted)}
    telling = wanted | {field for field in columns.fields if field not in _NO_NAMES}
    named = [columns.find(name, "rules") for name in sorted(telling)]
    key = keys(export, named, date, as_of)
    if mapping.repeats == "refuse":
        problems += repeated_within(export, key, measures)
    return TypedRows(date, as_of, measures, key, texts, notes)


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
