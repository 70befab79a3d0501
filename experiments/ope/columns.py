"""Columns of a CSV or Parquet file, as ids and numbers, with the place of what cannot be read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv, parquet

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, TextArray
from promopilot.experiments.ope.file_faults import read_faults, refuse_twice, require_csv
from promopilot.experiments.ope.known_columns import require_names

# The header is row 1, in a CSV and, so that both read alike, in a Parquet file.
FIRST_ROW = 2
# How a missing value may be written, in small letters.
MISSING = ("", "na", "n/a", "nan", "nat", "null", "none")
# Where more of a feature's values than this are numbers, a word among them is a slip, no category.
NUMBERS = 0.9


def read_table(path: Path, ids: Sequence[str]) -> pa.Table:
    """Reads a .csv or .parquet file; in a CSV the columns `ids` are kept as written.

    Raises:
        LogError: no such file, another ending, not readable, or a column that stands there twice.
    """
    with read_faults(path):
        if path.suffix == ".csv":
            require_csv(path)
            options = csv.ConvertOptions(
                column_types={name: pa.string() for name in ids}, null_values=[""]
            )
            table = csv.read_csv(path, convert_options=options)
        else:
            table = parquet.ParquetFile(path).read()
    refuse_twice(table.column_names, path)
    return table


def column_names(path: Path) -> list[str]:
    """Names of the columns of a .csv or .parquet file, without reading its rows.

    Raises:
        LogError: as `read_table`.
    """
    if path.suffix == ".parquet" and path.is_file():
        with read_faults(path):
            return list(parquet.read_schema(path).names)
    if path.suffix == ".csv" and path.is_file():
        try:
            with csv.open_csv(path) as stream:
                return list(stream.schema.names)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return []  # reading it says what is wrong
    return []


def require(table: pa.Table, names: Sequence[str], file: str, optional: Sequence[str] = ()) -> None:
    """Refuses a table without one of the columns, or with a misspelt one, as `require_names`.

    Raises:
        LogError: naming the column at fault.
    """
    require_names(table.column_names, names, file, optional)


def id_column(table: pa.Table, name: str, file: str, first_row: int = FIRST_ROW) -> TextArray:
    """Ids [n] as text; whole numbers are written without a decimal point.

    `first_row` is the number of the table's first row in the file.

    Raises:
        LogError: an empty id, with its row.
    """
    column = pd.Series(table.column(name).to_pandas())
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    empty = column.isna() | (column.astype("string") == "")
    if empty.any():
        row = int(np.argmax(empty.to_numpy())) + first_row
        raise LogError(f"{file}, row {row}: {name} is empty; every row needs one.")
    return np.asarray(column.astype("string").to_numpy(dtype=object))


def number_column(table: pa.Table, name: str, file: str) -> FloatArray:
    """Numbers [n]; NaN only where a cell says so.

    Raises:
        LogError: an empty cell or a value that is no number, with its row.
    """
    column = table.column(name)
    series = pd.Series(column.to_pandas())
    empty = np.asarray(column.is_null().to_numpy())
    if pa.types.is_string(column.type):
        empty = empty | (series.str.strip() == "").to_numpy(dtype=bool)
    if empty.any():
        row = int(np.argmax(empty)) + FIRST_ROW
        raise LogError(f"{file}, row {row}: {name} is empty; every row needs one.")
    numbers = pd.to_numeric(series, errors="coerce")
    if (wrong := (numbers.isna() & series.notna()).to_numpy()).any():
        row = int(np.argmax(wrong))
        text = str(series.iloc[row])
        if text.strip().lower() != "nan":
            raise LogError(
                f"{file}, row {row + FIRST_ROW}: {name} is {text!r}; it must be a number."
            )
    return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))


def text_column(table: pa.Table, name: str) -> "pd.Series[str]":
    """Cells [n] as text without spaces around it; missing ones are NA."""
    text = pd.Series(table.column(name).to_pandas(integer_object_nulls=True))
    text = text.astype("string").str.strip()
    return text.mask(text.str.lower().isin(MISSING))


def feature_column(table: pa.Table, name: str, file: str) -> FloatArray:
    """A feature [n] as numbers: NaN where missing, words as the alphabetical rank of their value.

    Raises:
        LogError: a word in a column of which more than the share `NUMBERS` are numbers.
    """
    series = pd.Series(table.column(name).to_pandas())
    if pd.api.types.is_numeric_dtype(series):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    text = text_column(table, name)
    numbers = pd.to_numeric(text, errors="coerce")
    word = (numbers.isna() & text.notna()).to_numpy()
    if not word.any():
        return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))
    if numbers.notna().sum() > NUMBERS * text.notna().sum():
        row = int(np.argmax(word))
        raise a_word_among_numbers(file, row + FIRST_ROW, name, str(text.iloc[row]))
    codes, _ = pd.factorize(text, sort=True)
    return np.where(codes < 0, np.nan, codes.astype(np.float64))


def a_word_among_numbers(file: str, row: int, name: str, value: str) -> LogError:
    """The fault of a feature's value that stands among numbers."""
    return LogError(
        f"{file}, row {row}: {name} is {value!r}, but nearly all others there are numbers; it must "
        "be a number, or empty where it is not known."
    )


def unknown_id(ids: TextArray, known: TextArray, what: str, log: str) -> str:
    """The first of a file's ids that the log does not hold, as the end of a message; else empty."""
    other = pd.Index(known).get_indexer(pd.Index(ids)) < 0
    return told_id(str(ids[int(np.argmax(other))]), what, log) if other.any() else ""


def told_id(name: str, what: str, log: str) -> str:
    """Says in the end of a message that a file has an id that the log does not."""
    return f"; it has {what} {name!r}, which {log} has not"
