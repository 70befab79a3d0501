"""The line items and dates of a large `performance.parquet`, read and checked in parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.tables.check import to_be_scored
from promopilot.experiments.tables.files import RawTable, open_parquet
from promopilot.experiments.tables.ids import check_line_items
from promopilot.experiments.tables.parse import Parsed, parse
from promopilot.experiments.tables.rules import check_performance
from promopilot.experiments.tables.schema import (
    COUNTED,
    PERFORMANCE,
    PLACEMENTS,
    PROMOTIONS,
    SEGMENTS,
)

_ROWS_OF_A_PART = 1 << 18
_ROWS_AT_ONCE = 1 << 17
_IDS = ("promotion_id", "placement_id", "segment_id")


@dataclass(frozen=True)
class Part:
    """Neighbouring row groups of the file."""

    groups: tuple[int, ...]
    start: int  # rows before them


@dataclass(frozen=True)
class Source:
    """The file, and the tables whose ids it names."""

    path: Path
    columns: tuple[str, ...]  # of it that are read
    others: tuple[str, ...]  # of it that tell only whether a row is blank
    small: dict[str, Parsed]  # promotions, placements and segments, those that are there
    rows_at_once: int

    def read(self, part: Part) -> Iterator[tuple[Parsed, list[Problem]]]:
        """The rows of a part in blocks, with what is wrong in each."""
        file, done, rest = pq.ParquetFile(self.path), 0, None
        batches = file.iter_batches(self.rows_at_once, list(part.groups), list(self.columns))
        for batch in batches:
            cells = batch.to_pandas(integer_object_nulls=True)
            blank = _blank(cells)
            if blank.any():  # perhaps: the other columns are read for hardly any file
                if rest is None:
                    rest = file.read_row_groups(list(part.groups), list(self.others))
                blank = blank & _blank(rest.slice(done, len(cells)).to_pandas())
            rows = np.arange(len(cells), dtype=np.int64) + part.start + done + 2
            done += len(cells)
            if not blank.all():
                raw = RawTable(self.path.name, cells[~blank].reset_index(drop=True), rows[~blank])
                yield self._checked(raw)

    def _checked(self, raw: RawTable) -> tuple[Parsed, list[Problem]]:
        table, raw = to_be_scored(PERFORMANCE, raw)
        parsed, problems = parse(raw, table)
        for other in (PROMOTIONS, PLACEMENTS, SEGMENTS):
            problems += check_line_items(parsed, self.small.get(other.name), other)
        return parsed, problems + check_performance(parsed, outcomes=False)


def _blank(cells: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows `[R]` in which no cell is filled."""
    return cells.isna().all(axis=1).to_numpy(dtype=bool)


def open_source(path: Path, small: dict[str, Parsed]) -> Source:
    """The file's columns that tell of line items, dates and readings.

    Raises:
        DataError: It is no Parquet file, lacks a column or has one twice, or has no row.
    """
    file, problems = open_parquet(path)
    if file is None:
        raise DataError(problems)
    header = RawTable(path.name, file.schema_arrow.empty_table().to_pandas(), np.empty(0, np.int64))
    table, header = to_be_scored(PERFORMANCE, header)
    if problems := parse(header, table)[1]:
        raise DataError(problems)
    names = file.schema_arrow.names
    wanted = [name for name in PERFORMANCE.columns if name not in COUNTED and name in names]
    others = [name for name in names if name not in wanted]
    return Source(path, tuple(wanted), tuple(others), small, _ROWS_AT_ONCE)


def parts_of(path: Path) -> list[Part]:
    """The file in parts of at least a quarter of a million rows, as its row groups allow."""
    metadata = pq.ParquetFile(path).metadata
    parts: list[Part] = []
    groups: list[int] = []
    start = rows = 0
    for group in range(metadata.num_row_groups):
        groups.append(group)
        rows += metadata.row_group(group).num_rows
        if rows >= _ROWS_OF_A_PART or group == metadata.num_row_groups - 1:
            parts.append(Part(tuple(groups), start))
            groups, start, rows = [], start + rows, 0
    return parts


@dataclass(frozen=True)
class Keys:
    """Numbers of days and line items, of which those of two rows are equal if the rows are."""

    ids: tuple[pd.Index[Any], ...]  # of promotions, placements and segments
    first_day: int = -(1 << 20)  # days since 1970; two thousand years around it
    days: int = 1 << 21

    @classmethod
    def of(cls, small: dict[str, Parsed]) -> Keys:
        """By the ids of the small tables."""
        tables = (PROMOTIONS, PLACEMENTS, SEGMENTS)
        return cls(
            tuple(
                pd.Index(small[table.name].frame[table.key])
                if table.name in small
                else pd.Index(["all"])
                for table in tables
            )
        )

    def number(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Keys `[R]` of rows that are checked; an id that is left out is the only one."""
        found = frame["date"].to_numpy("datetime64[D]").astype(np.int64) - self.first_day
        for ids, name in zip(self.ids, _IDS, strict=True):
            found = found * len(ids)
            if name in frame:
                found = found + ids.get_indexer(pd.Index(frame[name]))
        return found

    def promotion(self, key: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which promotion keys `[R]` are of."""
        promotions, placements, segments = map(len, self.ids)
        return key // (placements * segments) % promotions

    def written(self, key: int) -> dict[str, str]:
        """What stands in the row, by column."""
        found: dict[str, str] = {}
        for ids, name in zip(reversed(self.ids), reversed(_IDS), strict=True):
            key, at = divmod(key, len(ids))
            found[name] = str(ids[at])
        return {"date": str(np.datetime64(int(key) + self.first_day, "D")), **found}
