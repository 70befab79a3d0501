"""The folder that an import writes: all of it, or nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping as Table
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.experiments.atomic import atomic_folder
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.fast_csv import significant
from promopilot.experiments.own_folder import require_own
from promopilot.experiments.tables.files import SUFFIXES
from promopilot.experiments.tables.schema import EVENTS, LIFT_TESTS, MAPPING_FILE, SOURCES_FILE

# Up to here a spreadsheet opens the table with ease; above it Parquet is read several times faster.
MOST_CSV_ROWS = 100_000
# Tables that imports write, and tables beside them that only people do.
_WRITTEN = ("promotions", "placements", "segments", "performance", "budgets")
_KEPT = (EVENTS.name, LIFT_TESTS.name)
_DIGITS = 15  # significant ones of fractions, which every double has


def check_free(out: Path, overwrite: bool) -> None:
    """Checks that nothing but an earlier import would be replaced, and that only where asked.

    Args:
        out: The folder to write, there or not.
        overwrite: Whether an earlier import may be replaced.

    Raises:
        RunFolderError: `out` is a file, holds an import that may not be replaced, or something
            else.
    """
    require_own(out, MAPPING_FILE, "an import", overwrite)
    if not out.is_dir():
        return
    tables = {f"{name}{suffix}" for name in (*_WRITTEN, *_KEPT) for suffix in SUFFIXES}
    known = {*tables, MAPPING_FILE, SOURCES_FILE}
    if others := sorted(path.name for path in out.iterdir() if path.name not in known):
        raise RunFolderError(
            f"{out} holds {others[0]} besides an import; move it away, or choose another --out"
        )


def write_folder(
    out: Path,
    tables: Table[str, pd.DataFrame],
    texts: Table[str, str],
    sources: Table[str, str],
    overwrite: bool,
) -> list[str]:
    """Writes tables and texts; the folder appears when it is complete.

    Args:
        out: A new or empty folder, or one of an earlier import; its events and lift tests, which
            no import writes, are kept.
        tables: By name, without suffix.
        texts: By file name.
        sources: What `sources.json` says; no such file where it says nothing.
        overwrite: Whether an earlier import may be replaced.

    Returns:
        The names of the files, sorted.

    Raises:
        RunFolderError: `out` may not be replaced, or cannot be written.
    """
    check_free(out, overwrite)
    own = [out / f"{name}{suffix}" for name in _KEPT for suffix in SUFFIXES]
    with atomic_folder(out) as folder:
        for path in filter(Path.is_file, own):
            shutil.copy2(path, folder)
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
