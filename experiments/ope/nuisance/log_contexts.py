"""The placement, segment and date of each decision, by which a predictor knows the context."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.log_columns import feature, timestamp
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.tables import Tables


@dataclass(frozen=True)
class Place:
    """Where decisions were taken, by placement or by segment."""

    column: str  # the log's: x_placement or x_segment
    at: int | None  # its place among the features; None where the log has no such column
    values: FloatArray  # [K] the feature's values, rising
    ids: tuple[str, ...]  # [K] what each stands for in the tables

    def codes(self, block: LogBlock) -> IntArray:
        """[b] places in `ids`."""
        if self.at is None:
            return np.zeros(len(block.decision), dtype=np.int64)
        return np.searchsorted(self.values, block.features[:, self.at]).astype(np.int64)


@dataclass(frozen=True)
class LogContexts:
    """C contexts: placements x segments x days of a log; one day where it tells none."""

    placement: Place
    segment: Place
    days: NDArray[np.datetime64] | None  # [D] rising

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of placements, segments and days."""
        days = 1 if self.days is None else len(self.days)
        return len(self.placement.ids), len(self.segment.ids), days

    def codes(self, block: LogBlock) -> IntArray:
        """The context [b] of each decision, 0 to C - 1."""
        day = np.zeros(len(block.decision), dtype=np.int64)
        if self.days is not None and block.timestamp is not None:
            day = np.searchsorted(self.days, block.timestamp.astype("datetime64[D]"))
        places = (self.placement.codes(block), self.segment.codes(block), day)
        return np.ravel_multi_index(places, self.shape).astype(np.int64)

    def frame(self) -> pd.DataFrame:
        """A row per context in the order of their codes: placement_id, segment_id[, date]."""
        placement, segment, day = np.unravel_index(np.arange(np.prod(self.shape)), self.shape)
        rows: dict[str, Any] = {
            "placement_id": np.array(self.placement.ids, dtype=object)[placement],
            "segment_id": np.array(self.segment.ids, dtype=object)[segment],
        }
        if self.days is not None:
            rows["date"] = self.days[day].astype("datetime64[us]")
        return pd.DataFrame(rows)


def contexts_of(log: LogSource, tables: Tables) -> LogContexts:
    """The contexts of a log: x_placement, x_segment and the date of `timestamp`.

    Placements and segments go by id or, where the log has whole numbers that are no ids, by their
    number in the tables, from 0, as a market writes them.

    Raises:
        LogError: an id that the tables do not have, or no column where they have several; a
            timestamp that cannot be read.
    """
    return LogContexts(
        _place(log, "x_placement", tables.placements["placement_id"].tolist(), tables),
        _place(log, "x_segment", tables.segments["segment_id"].tolist(), tables),
        _days(log),
    )


def _place(log: LogSource, column: str, known: list[str], tables: Tables) -> Place:
    table, where = log.table, tables.folder.name or str(tables.folder)
    if column not in table.types:
        if len(known) > 1:
            raise LogError(
                f"{table.name} has no column {column!r}; the tables in {where} have "
                f"{len(known)} of that kind, and a predictor needs to know which."
            )
        return Place(column, None, np.zeros(1), (known[0],))
    text = table.text(column)
    rows = f"select distinct {feature(table, column)} as value, {text} as id from {table.source}"
    found = table.database.connection.execute(f"select * from ({rows}) order by value").fetchall()
    given = [row[1] for row in found]
    numbered = not set(given) <= set(known) and all(_is_number(one, len(known)) for one in given)
    ids = [known[int(one)] if numbered else one for one in given]
    for one, shown in zip(ids, given, strict=True):
        if one not in known:
            condition = f"{text} is null" if shown is None else f"{text} = ?"
            row, _ = table.first(condition, [text], [] if shown is None else [shown])
            raise LogError(
                f"{table.name}, row {row}: {column} is {'empty' if shown is None else repr(shown)};"
                f" the tables in {where} have {', '.join(known[:10])}."
            )
    at = [name for name in table.types if name.startswith("x_")].index(column)
    return Place(column, at, np.array([row[0] for row in found], dtype=np.float64), tuple(ids))


def _is_number(text: str | None, below: int) -> bool:
    return text is not None and text.isdecimal() and int(text) < below


def _days(log: LogSource) -> NDArray[np.datetime64] | None:
    table = log.table
    time = timestamp(table)
    if time is None:
        return None
    if table.has(f"{time} is null"):
        row, shown = table.first(f"{time} is null", [table.text("timestamp")])
        raise LogError(
            f"{table.name}, row {row}: timestamp is {'empty' if shown is None else repr(shown)}; "
            "a predictor needs a date, such as 2026-11-22, in every row or in none."
        )
    rows = f"select distinct cast({time} as date) as day from {table.source} order by day"
    found = table.database.connection.execute(rows).fetchall()
    return np.array([row[0] for row in found], dtype="datetime64[D]")
