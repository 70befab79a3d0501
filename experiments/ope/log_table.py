"""What reading a log or a policy has in common, whatever its kind: naming the row at fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import BoolArray, FloatArray, IntArray, TextArray
from promopilot.experiments.ope.columns import (
    FIRST_ROW,
    feature_column,
    id_column,
    text_column,
)
from promopilot.experiments.ope.known_columns import is_known
from promopilot.experiments.ope.log_rules import EVIDENCE

# A date, or a date and a time of day with or without its distance from UTC.
ISO_TIME = (
    r"\d{4}-\d{2}-\d{2}"
    r"([T ]([01]\d|2[0-3]):\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?"
)
ISO_RULE = "it must be an ISO date or time, such as 2026-03-01 or 2026-03-01T12:30:00, or empty"


@dataclass(frozen=True)
class Place:
    """Where rows come from, so that a message can name the one at fault."""

    name: str = "the log"  # the file's name, where there is one
    first_row: int = 1  # number of the first row; a file's header is row 1
    decision: TextArray | None = None  # [m] ids to name beside the row
    rows: IntArray | None = None  # [m] which rows are meant, counted from 0; None: all, in order

    def of_rows(self, rows: IntArray) -> "Place":
        """The place of some of the rows."""
        ids = None if self.decision is None else self.decision[rows]
        return Place(self.name, self.first_row, ids, rows)

    def refuse(self, bad: BoolArray, column: str, values: NDArray[Any], rule: str) -> None:
        """Refuses rows that break a rule.

        Args:
            bad: [m] the rows that break it.
            column: the column's name.
            values: [m] its values, numbers or text.
            rule: what must hold, as the end of a sentence.

        Raises:
            LogError: naming the first bad row, its column, its value and the rule.
        """
        if bad.any():
            row = int(np.argmax(bad))
            value = values[row]
            shown = repr(value) if isinstance(value, str) else f"{value:.12g}"
            of = "" if self.decision is None else f" (decision {self.decision[row]})"
            raise LogError(
                f"{self.name}, row {self._number(row)}{of}: {column} is {shown}; {rule}."
            )

    def refuse_repeated(self, keys: dict[str, NDArray[Any]]) -> None:
        """Refuses rows that share all of their keys [m], given by column name, with another.

        Raises:
            LogError: naming the first row that stands there again.
        """
        twice = pd.DataFrame(keys).duplicated().to_numpy()
        if twice.any():
            row = int(np.argmax(twice))
            which = ", ".join(f"{name} {_shown(column[row])}" for name, column in keys.items())
            raise LogError(f"{self.name}, row {self._number(row)}: {which} stands there twice.")

    def _number(self, row: int) -> int:
        return self.first_row + (row if self.rows is None else int(self.rows[row]))


def place_in(name: str, decision: TextArray) -> Place:
    """The place of a file's rows, whose header is row 1."""
    return Place(name, FIRST_ROW, decision)


def evidence_column(table: pa.Table, place: Place) -> str:
    """One word for the whole log: a part that is simulated makes all of it so.

    Raises:
        LogError: another word than `logged` or `simulated`, with its row.
    """
    if "evidence" not in table.column_names:
        return "logged"
    words = id_column(table, "evidence", place.name)
    place.refuse(~np.isin(words, EVIDENCE), "evidence", words, "it must be logged or simulated")
    return "simulated" if (words == "simulated").any() else "logged"


def feature_columns(table: pa.Table, start: str, file: str) -> FloatArray:
    """The features [m, d], columns that begin with `start`; NaN where missing.

    Those without any value are passed over.

    Raises:
        LogError: a word among numbers, with its row.
    """
    names = [name for name in table.column_names if name.startswith(start)]
    known = [feature_column(table, name, file) for name in names if not _is_empty(table, name)]
    return np.column_stack(known) if known else np.empty((table.num_rows, 0))


def ignored_columns(table: pa.Table, known: Sequence[str]) -> tuple[str, ...]:
    """Columns that nothing uses: those that are not known, and features without any value."""
    return tuple(
        name
        for name in table.column_names
        if not is_known(name, known) or (name not in known and _is_empty(table, name))
    )


def timestamp_column(table: pa.Table, place: Place) -> NDArray[np.datetime64] | None:
    """Times [m] in UTC of a column `timestamp`, NaT where it is empty; None without one.

    Raises:
        LogError: a value that is no ISO date or time, with its row.
    """
    if "timestamp" not in table.column_names:
        return None
    column = table.column("timestamp")
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        times = pd.to_datetime(pd.Series(column.to_pandas()), utc=True)
    else:
        written = text_column(table, "timestamp")
        iso = written.where(written.str.fullmatch(ISO_TIME).fillna(False))
        times = pd.to_datetime(iso, format="ISO8601", errors="coerce", utc=True)
        wrong = (written.notna() & times.isna()).to_numpy(dtype=bool)
        place.refuse(wrong, "timestamp", written.to_numpy(dtype=object), ISO_RULE)
    return np.asarray(times.dt.tz_localize(None).to_numpy(dtype="datetime64[s]"))


def _is_empty(table: pa.Table, name: str) -> bool:
    return bool(text_column(table, name).isna().all())


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else f"{value}"
