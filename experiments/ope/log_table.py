"""What reading a log or a policy has in common, whatever its kind: naming the row at fault."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import BoolArray, FloatArray, IntArray, TextArray
from promopilot.experiments.ope.bandit.log import EVIDENCE
from promopilot.experiments.ope.columns import FIRST_ROW, feature_column, id_column


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


def feature_columns(table: pa.Table) -> FloatArray:
    """The features [m, d], columns x_*; NaN where missing."""
    known = [feature_column(table, name) for name in table.column_names if name.startswith("x_")]
    return np.column_stack(known) if known else np.empty((table.num_rows, 0))


def timestamp_column(table: pa.Table) -> NDArray[np.datetime64] | None:
    """Times [m] in UTC of a column `timestamp`, NaT where not readable.

    None where there is no such column, or it holds numbers, whose unit is not known.
    """
    if "timestamp" not in table.column_names:
        return None
    written = pd.Series(table.column("timestamp").to_pandas())
    if pd.api.types.is_numeric_dtype(written):
        return None
    times = pd.to_datetime(written, format="ISO8601", errors="coerce", utc=True)
    return np.asarray(times.dt.tz_localize(None).to_numpy(dtype="datetime64[s]"))


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else f"{value}"
