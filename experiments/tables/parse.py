"""From raw cells to typed columns, with every cell that breaks its column's rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.errors import Problem
from promopilot.experiments.tables.files import RawTable
from promopilot.experiments.tables.schema import Kind, Table

DATE_TYPE: Final = "datetime64[us]"
MAX_EXACT = 2.0**53  # above it a float no longer tells neighbouring whole numbers apart


@dataclass(frozen=True)
class Parsed:
    """One table with typed columns, in the order of the file."""

    file: str
    frame: (
        pd.DataFrame
    )  # R rows; ids and text str, dates datetime64[us], filled counts int64, rest float64
    rows: NDArray[np.int64]  # [R] row numbers of the file
    raw: pd.DataFrame  # [R] the cells as written

    def problems(
        self, bad: NDArray[np.bool_], columns: tuple[str, ...], rule: str, mend: str
    ) -> list[Problem]:
        """One problem per True in `bad` [R], with the values of `columns` as written."""
        at = np.flatnonzero(bad)
        if not len(at):
            return []
        shown = [written(self.raw[c].iloc[at]) for c in columns]
        values: list[str | None] = [
            ", ".join("" if v is None else v for v in cells)
            if any(v is not None for v in cells)
            else None
            for cells in zip(*shown, strict=True)
        ]
        name = ", ".join(columns)
        return [
            Problem(self.file, row, name, value, rule, mend)
            for row, value in zip(self.rows[at].tolist(), values, strict=True)
        ]


def written(cells: pd.Series) -> list[str | None]:
    """The cells as text, None where empty."""
    missing = cells.isna().to_numpy()
    return [
        None if gone else str(v)
        for v, gone in zip(cells.astype("object").tolist(), missing.tolist(), strict=True)
    ]


def parse(raw: RawTable, table: Table) -> tuple[Parsed, list[Problem]]:
    """Types every known column of `raw`; unknown ones are kept as they are.

    A cell that breaks its rule becomes missing (0 in a required count), so that the other rules can
    still be checked on the rest. Optional counts are int64 where every cell is filled, else float64
    with NaN where empty: exact all the same, because none is above `MAX_EXACT`.
    """
    frame = raw.cells.copy()
    parsed = Parsed(raw.file, frame, raw.rows, raw.cells)
    problems: list[Problem] = []
    for name in table.required:
        if name not in frame:
            have = ", ".join(str(c) for c in frame.columns)
            mend = "separate the columns by commas" if ";" in have else f"the file has {have}"
            problems.append(Problem(raw.file, None, name, None, "is a required column", mend))
    for name, kind in table.columns.items():
        if name not in frame:
            continue
        values, wrong = typed(frame[name], kind)
        empty = values.isna().to_numpy(dtype=bool) & ~wrong
        problems += parsed.problems(wrong, (name,), kind.value, table.mend(name))
        if name in table.required or name in table.filled:
            rule = f"must be filled in every row of {table.name}"
            mend = "fill it" + ("" if name in table.required else " or leave the column out")
            problems += parsed.problems(empty, (name,), rule, mend)
        if kind is Kind.COUNT and name in table.required:
            values = values.fillna(0)
        if kind is Kind.COUNT and not values.isna().any():
            values = values.astype("int64")
        frame[name] = values
    return parsed, problems


def no_rows(columns: dict[str, Kind]) -> pd.DataFrame:
    """A table without rows, its columns typed as those of a table that was read."""
    types = {Kind.ID: "str", Kind.TEXT: "str", Kind.DATE: DATE_TYPE, Kind.COUNT: "int64"}
    return pd.DataFrame(
        {name: pd.Series(dtype=types.get(kind, "float64")) for name, kind in columns.items()}
    )


def typed(cells: pd.Series, kind: Kind) -> tuple[pd.Series, NDArray[np.bool_]]:
    """The cells as `kind`, and [R] where a cell is filled but breaks the kind's rule."""
    if kind in (Kind.ID, Kind.TEXT):
        return _text(cells)
    if kind is Kind.DATE:
        return _dates(cells)
    if kind is Kind.FLAG:
        return _flags(cells)
    return _numbers(cells, kind)


def _text(cells: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
    if pd.api.types.is_float_dtype(cells.dtype):  # perhaps only because cells are empty
        filled = cells.dropna()
        if (filled.mod(1).eq(0) & filled.abs().le(MAX_EXACT)).all():
            cells = cells.astype("Int64")
    text = cells.astype("str")
    blank = text.str.strip().eq("").to_numpy(dtype=bool, na_value=False)
    return text.mask(blank), np.zeros(len(cells), dtype=np.bool_)


def _flags(cells: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
    """1 for true, 0 for false."""
    words = cells.astype("str").str.strip().str.lower()
    flags = words.map({"true": 1.0, "false": 0.0}).astype("float64")
    filled = (cells.notna() & words.ne("")).to_numpy(dtype=bool, na_value=False)
    return flags, filled & flags.isna().to_numpy(dtype=bool)


def _dates(cells: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
    filled = cells.notna().to_numpy(dtype=bool)
    if isinstance(cells.dtype, pd.DatetimeTZDtype):  # a moment in some zone is no calendar day
        return pd.Series(pd.NaT, index=cells.index, dtype=DATE_TYPE), filled
    if pd.api.types.is_datetime64_dtype(cells.dtype):
        days = cells.astype(DATE_TYPE)
        days = days.where(days == days.dt.normalize())
    else:
        codes, unique = pd.factorize(cells.astype("str"))  # few distinct days in many rows
        names = pd.Series(unique, dtype="str")
        iso = names.str.fullmatch(r"\d{4}-\d{2}-\d{2}").astype(bool)
        known = pd.to_datetime(names.where(iso), format="%Y-%m-%d", errors="coerce")
        table = np.append(known.astype(DATE_TYPE).to_numpy(), np.datetime64("NaT"))
        days = pd.Series(table[codes], index=cells.index, dtype=DATE_TYPE)
    return days, filled & days.isna().to_numpy(dtype=bool)


def _numbers(cells: pd.Series, kind: Kind) -> tuple[pd.Series, NDArray[np.bool_]]:
    filled = cells.notna().to_numpy(dtype=bool)
    numbers = pd.to_numeric(cells, errors="coerce").astype("float64")
    x = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(x) & (x >= 0)
        if kind is Kind.SHARE:
            good &= x <= 1
        elif kind is Kind.COUNT:
            good &= (x == np.floor(x)) & (x <= MAX_EXACT)
        elif kind is Kind.SIZE:
            good &= x > 0
    return pd.Series(np.where(good, x, np.nan), index=cells.index), filled & ~good
