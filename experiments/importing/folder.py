"""The folder that an import writes: all of it, or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping as Table
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.experiments.atomic import atomic_folder
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.fast_csv import significant
from promopilot.experiments.tables.schema import SOURCES_FILE

# Up to here a spreadsheet opens the table with ease; above it Parquet is read several times faster.
MOST_CSV_ROWS = 100_000
_DIGITS = 15  # significant ones of fractions, which every double has


def check_new(out: Path) -> None:
    """Checks that nothing would be overwritten.

    Raises:
        RunFolderError: `out` is there and is not an empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(
            f"{out} exists and is not an empty folder; name another --out or remove it first"
        )


def write_folder(
    out: Path, tables: Table[str, pd.DataFrame], texts: Table[str, str], sources: Table[str, str]
) -> list[str]:
    """Writes tables and texts; the folder appears when it is complete.

    Args:
        out: A new or empty folder.
        tables: By name, without suffix.
        texts: By file name.
        sources: What `sources.json` says; no such file where it says nothing.

    Returns:
        The names of the files, sorted.

    Raises:
        RunFolderError: `out` is not empty, or cannot be written.
    """
    check_new(out)
    with atomic_folder(out) as folder:
        for name, exact in tables.items():
            table = _rounded(exact)
            if len(table) > MOST_CSV_ROWS:
                _as_numpy(table).to_parquet(folder / f"{name}.parquet", index=False)
            else:
                target = folder / f"{name}.csv"
                table.to_csv(target, index=False, lineterminator="\n", date_format="%Y-%m-%d")
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        if sources:
            said = json.dumps(sources, indent=2, ensure_ascii=False)
            (folder / SOURCES_FILE).write_text(said + "\n", encoding="utf-8", newline="\n")
        names = sorted(path.name for path in folder.iterdir())
    return names


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Without the last bit of sums: 24.7 and not 24.700000000000003."""
    floats = table.select_dtypes("float64").columns
    return table.assign(**{c: significant(table[c].to_numpy(np.float64), _DIGITS) for c in floats})


def _as_numpy(table: pd.DataFrame) -> pd.DataFrame:
    """With counts as every reader of Parquet knows them; floats where some are missing."""
    counts = {
        c: "float64" if table[c].isna().any() else "int64"
        for c in table.columns
        if isinstance(table[c].dtype, pd.Int64Dtype)
    }
    return table.astype(counts)
