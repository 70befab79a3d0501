"""CSV files of a million rows in a second or two, where pandas formats number by number."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

_EXACT_POWER = 22  # 10 to the 22nd is the largest power of ten that a double holds exactly


def write_csv(frame: pd.DataFrame, path: Path, digits: int = 9) -> None:
    """Writes a table as pandas would: header, no index, quotes where needed, missing empty.

    Fractions keep `digits` significant digits: more would double the file and say nothing.

    Raises:
        OSError: `path` cannot be written.
    """
    rounded = {
        name: significant(frame[name].to_numpy(np.float64), digits)
        for name in frame.columns
        if pd.api.types.is_float_dtype(frame[name].dtype)
    }
    table = pa.Table.from_pandas(frame.assign(**rounded), preserve_index=False)
    target = str(path).replace("'", "''")
    with duckdb.connect() as connection:
        connection.register("rows_to_write", table)
        try:
            connection.execute(f"COPY rows_to_write TO '{target}' (FORMAT csv, HEADER, NULLSTR '')")
        except duckdb.IOException as error:
            code = errno.ENOSPC if os.strerror(errno.ENOSPC) in str(error) else errno.EIO
            raise OSError(code, os.strerror(code), str(path)) from error


def significant(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Rounds to significant decimal digits: the double nearest to each decimal.

    A whole number divided by an exact power of ten is rounded once, so that its shortest decimal
    is the one meant. Below 1e-13 (at 9 digits), where the power is no longer exact, digits stay.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude = np.floor(np.log10(np.abs(values)))
        places = digits - 1 - magnitude
        fits = (places >= 0) & (places <= _EXACT_POWER)
        power = np.power(10.0, np.where(fits, places, 0.0))
        return np.where(fits, np.rint(values * power) / power, values)
