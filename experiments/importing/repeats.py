"""Rows that stand there twice: within a file, or in two files that overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import Problem
from promopilot.experiments.importing.faults import LISTED
from promopilot.experiments.importing.raw import RawExport

KeyArray = NDArray[np.uint64]
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring numbers


def keys(
    export: RawExport,
    named: Sequence[str],
    date: NDArray[np.datetime64],
    as_of: NDArray[np.datetime64] | None,
) -> KeyArray:
    """A number [n] for what each row is of: equal for equal days and cells of the columns `named`.

    64-bit hashes: among a million rows two that differ have the same with chance 3e-8.
    """
    key = _of_days(date)
    if as_of is not None:
        key = key * _ODD + _of_days(as_of)
    for header in named:
        encoded = export.cells[header].combine_chunks().dictionary_encode()
        names = np.array(encoded.dictionary.to_pylist(), dtype=object)
        known = pd.util.hash_array(names) if len(names) else np.empty(0, dtype=np.uint64)
        of_name = np.append(known, np.uint64(0)).astype(np.uint64)
        codes = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        key = key * _ODD + of_name[codes]
    return key


def _of_days(days: NDArray[np.datetime64]) -> KeyArray:
    return np.asarray(days.astype("datetime64[D]").astype(np.int64).astype(np.uint64) * _ODD)


def repeated_within(
    export: RawExport, key: KeyArray, measures: Mapping[str, NDArray[np.float64]]
) -> list[Problem]:
    """A problem per row, all cells of which an earlier row has, too."""
    frame = pd.DataFrame({"key": key, **measures})
    shown = measures["impressions"] > 0
    alike = np.flatnonzero(frame.duplicated(keep=False).to_numpy() & shown)
    if not len(alike):
        return []
    cells = export.cells.take(pa.array(alike)).to_pandas()
    names = list(cells.columns)
    rows = pd.Series(export.rows[alike])
    first = rows.groupby([cells[c].fillna("") for c in names], sort=False).transform("min")
    again = np.flatnonzero((rows > first).to_numpy())[:LISTED]
    return [
        Problem(
            export.file,
            int(rows[at]),
            None,
            None,
            f"is the same as row {int(first[at])} in every cell",
            "remove one, or write `repeats: sum` in a mapping if both count",
        )
        for at in again.tolist()
    ]


def repeated_across(
    files: Sequence[str], rows: Sequence[NDArray[np.int64]], key: Sequence[KeyArray]
) -> list[Problem]:
    """A problem per row that tells of the same day and names as a row of an earlier file."""
    problems: list[Problem] = []
    for later in range(1, len(files)):
        for earlier in range(later):
            index = pd.Index(key[earlier])
            again = np.flatnonzero(pd.Index(key[later]).isin(index))[: LISTED - len(problems)]
            if not len(again):
                continue
            first = pd.Series(rows[earlier], index=index).groupby(level=0).first()
            problems += [
                Problem(
                    files[later],
                    int(rows[later][at]),
                    None,
                    None,
                    f"tells of the same day and names as row {int(first[key[later][at]])} of "
                    f"{files[earlier]}",
                    "export each day once; or tell readings apart by `as_of: file-name` in a "
                    "mapping; or write `repeats: sum` there if both count",
                )
                for at in again.tolist()
            ]
    return problems
