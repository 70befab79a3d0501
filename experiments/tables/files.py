"""Opening the files of a data folder: raw cells with their row numbers, or what stops that."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import Problem

SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class RawTable:
    """The cells of one file as they are written there; CSV cells are text, empty ones missing."""

    file: str
    cells: pd.DataFrame  # R rows
    rows: NDArray[np.int64]  # [R] row number as a spreadsheet counts, the header being row 1


def find_file(folder: Path, name: str) -> tuple[Path | None, list[Problem]]:
    """The file of table `name`, None where there is none; having both kinds is a problem."""
    found = [p for p in (folder / f"{name}{suffix}" for suffix in SUFFIXES) if p.is_file()]
    if len(found) < 2:
        return (found[0] if found else None), []
    both = " and ".join(p.name for p in found)
    rule = f"must be one file, but {both} are both there"
    return found[0], [Problem(name, None, None, None, rule, "remove one of them")]


def read_file(path: Path) -> tuple[RawTable | None, list[Problem]]:
    """The cells of a CSV or Parquet file, or None with the problem that stops reading it."""
    try:
        return _read_csv(path) if path.suffix.lower() == ".csv" else _read_parquet(path)
    except (OSError, pa.ArrowInvalid) as error:
        return None, [unreadable(path, error)]


def open_parquet(path: Path) -> tuple[pa.parquet.ParquetFile | None, list[Problem]]:
    """A Parquet file of which no row is read yet, or None with the problem that stops reading."""
    try:
        file = pa.parquet.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        return None, [unreadable(path, error)]
    if doubled := _doubled(path, list(file.schema_arrow.names)):
        return None, doubled
    return (file, []) if file.metadata.num_rows else (None, [without_rows(path)])


def without_rows(path: Path) -> Problem:
    """What is said of a file in which no row is filled."""
    return _stop(path, "must have at least one row", "fill it or remove it")


def unreadable(path: Path, error: Exception) -> Problem:
    """What is said of a file that `OSError` or `pyarrow.ArrowInvalid` stops reading."""
    reason = "".join(letter for letter in str(error).splitlines()[0] if letter.isprintable())
    if isinstance(error, OSError):
        return _stop(path, f"cannot be read ({error.strerror or reason})", "check the file")
    kind = "CSV" if path.suffix.lower() == ".csv" else "Parquet"
    return _stop(path, f"is no {kind} file that can be read ({reason})", "save it anew")


def _read_csv(path: Path) -> tuple[RawTable | None, list[Problem]]:
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        value = content[error.start : error.start + 1].hex()
        rule = f"must be UTF-8 text, but holds the byte 0x{value}"
        return None, [Problem(path.name, row, None, None, rule, "save it as CSV UTF-8")]
    if not content.strip(b"\xef\xbb\xbf\r\n\t "):
        return None, [
            _stop(path, "must have a header and at least one row", "fill it or remove it")
        ]
    names = _header(content)
    if doubled := _doubled(path, names):
        return None, doubled
    ragged: dict[int, Problem] = {}

    def keep_note(row: pa.csv.InvalidRow) -> str:
        rule = f"must have {row.expected_columns} cells, but has {row.actual_columns}"
        mend = "put cells that contain a comma in double quotes"
        ragged[row.number] = Problem(path.name, row.number, None, row.text[:80], rule, mend)
        return "skip"

    table = pa.csv.read_csv(
        pa.BufferReader(content),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=max(len(content), 1 << 20)),
        parse_options=pa.csv.ParseOptions(
            newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=keep_note
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    numbers = np.arange(2, 2 + table.num_rows + len(ragged), dtype=np.int64)
    rows = numbers[~np.isin(numbers, np.fromiter(ragged, np.int64, len(ragged)))]
    raw, empty = _raw(path, table, rows)
    return raw, [*ragged.values(), *empty]


def _header(content: bytes) -> list[str]:
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    return next(csv.reader(text), [])


def _read_parquet(path: Path) -> tuple[RawTable | None, list[Problem]]:
    file, problems = open_parquet(path)
    if file is None:
        return None, problems
    table = file.read()
    return _raw(path, table, np.arange(2, 2 + table.num_rows, dtype=np.int64))


def _raw(
    path: Path, table: pa.Table, rows: NDArray[np.int64]
) -> tuple[RawTable | None, list[Problem]]:
    cells = table.to_pandas(integer_object_nulls=True)  # as floats, long ids would lose digits
    blank = cells.isna().all(axis=1).to_numpy(dtype=bool)  # lines that spreadsheets leave behind
    if not blank.all():
        return RawTable(path.name, cells[~blank].reset_index(drop=True), rows[~blank]), []
    return None, [without_rows(path)]


def _doubled(path: Path, names: list[str]) -> list[Problem]:
    rule, mend = "must appear once in the header", "remove or rename one of them"
    doubled = sorted({n for n in names if names.count(n) > 1})
    return [Problem(path.name, 1, n, None, rule, mend) for n in doubled]


def _stop(path: Path, rule: str, mend: str) -> Problem:
    return Problem(path.name, None, None, None, rule, mend)
