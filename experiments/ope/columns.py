"""Columns of a CSV or Parquet file, as ids and numbers, with the place of what cannot be read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv, parquet

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, TextArray

# The header is row 1, in a CSV and, so that both read alike, in a Parquet file.
FIRST_ROW = 2


def read_table(path: Path, ids: Sequence[str]) -> pa.Table:
    """Reads a .csv or .parquet file; in a CSV the columns `ids` are kept as written.

    Raises:
        LogError: no such file, another ending, not readable, or a column that stands there twice.
    """
    try:
        if path.suffix == ".csv":
            options = csv.ConvertOptions(column_types={name: pa.string() for name in ids})
            table = csv.read_csv(path, convert_options=options)
        elif path.suffix == ".parquet":
            table = parquet.ParquetFile(path).read()
        else:
            raise LogError(f"{path} must end in .csv or .parquet.")
    except FileNotFoundError:
        raise LogError(f"there is no file {path}.") from None
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}.") from None
    except pa.ArrowInvalid as error:
        if path.suffix == ".csv" and "Empty CSV file" in str(error):
            raise LogError(f"{path.name} is empty: not even a header.") from None
        raise LogError(f"{path.name} cannot be read: {error}.") from None
    twice = [name for name in table.column_names if table.column_names.count(name) > 1]
    if twice:
        raise LogError(f"{path.name} has two columns named {twice[0]!r}.")
    return table


def column_names(path: Path) -> list[str]:
    """Names of the columns of a .csv or .parquet file, without reading its rows.

    Raises:
        LogError: as `read_table`.
    """
    if path.suffix == ".parquet" and path.is_file():
        try:
            return list(parquet.read_schema(path).names)
        except pa.ArrowInvalid as error:
            raise LogError(f"{path.name} cannot be read: {error}.") from None
    if path.suffix == ".csv" and path.is_file():
        try:
            with csv.open_csv(path) as stream:
                return list(stream.schema.names)
        except pa.ArrowInvalid:
            return []  # reading it says what is wrong
    return []


def require(table: pa.Table, names: Sequence[str], file: str) -> None:
    """Refuses a table without one of the columns.

    Raises:
        LogError: naming the first missing column and the ones there.
    """
    require_names(table.column_names, names, file)


def require_names(there: Sequence[str], names: Sequence[str], file: str) -> None:
    """Refuses columns `there` without one of `names`.

    Raises:
        LogError: naming the first missing column and the ones there.
    """
    for name in names:
        if name not in there:
            raise LogError(f"{file} has no column {name!r}; it has {', '.join(there) or 'none'}.")


def id_column(table: pa.Table, name: str, file: str) -> TextArray:
    """Ids [n] as text; whole numbers are written without a decimal point.

    Raises:
        LogError: an empty id, with its row.
    """
    column = pd.Series(table.column(name).to_pandas())
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    empty = column.isna() | (column.astype("string") == "")
    if empty.any():
        row = int(np.argmax(empty.to_numpy())) + FIRST_ROW
        raise LogError(f"{file}, row {row}: {name} is empty; every row needs one.")
    return np.asarray(column.astype("string").to_numpy(dtype=object))


def number_column(table: pa.Table, name: str, file: str) -> FloatArray:
    """Numbers [n]; NaN where a cell is empty or NaN.

    Raises:
        LogError: a value that is no number, with its row.
    """
    column = table.column(name)
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    series = pd.Series(column.to_pandas())
    numbers = pd.to_numeric(series, errors="coerce")
    if (wrong := (numbers.isna() & series.notna()).to_numpy()).any():
        row = int(np.argmax(wrong))
        text = str(series.iloc[row])
        if text.strip().lower() not in ("", "nan"):
            raise LogError(
                f"{file}, row {row + FIRST_ROW}: {name} is {text!r}; it must be a number."
            )
    return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))


def feature_column(table: pa.Table, name: str) -> FloatArray:
    """A feature [n] as numbers: NaN where missing, text as the alphabetical rank of its value."""
    column = table.column(name)
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    series = pd.Series(column.to_pandas())
    if pd.api.types.is_numeric_dtype(series):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    codes, _ = pd.factorize(series.astype("string"), sort=True)
    return np.where(codes < 0, np.nan, codes.astype(np.float64))
