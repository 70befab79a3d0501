"""Long files, one row per decision and action, as tables [b, A] block by block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.faults import filled, refuse_broken, within
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.ope.bandit.table import ROW, Table, open_table
from promopilot.experiments.ope.columns import told_id

# Rows taken from the database at once.
_BATCH = 1_000_000


@dataclass(frozen=True)
class CellFile:
    """A checked file with `decision_id, action` and a number; rows of other decisions are left."""

    table: Table
    column: str  # of the number
    log: str  # the log's file name, for messages

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.table.name

    def actions(self) -> list[str]:
        """Names of the actions, sorted."""
        run = self.table.database.connection.execute
        action = self.table.text("action")
        found = run(f"select distinct {action} as a from {self.table.source} order by a").fetchall()
        return [str(row[0]) for row in found]

    def blocks(self) -> "CellBlocks":
        """A reader of the tables, from the first decision on."""
        table = self.table
        query = f"""
            select decision.code, action.code, value
            from (select {table.text("decision_id")} as decision_id,
                         {table.text("action")} as action,
                         {table.number(self.column)} as value
                  from {table.source})
            join decision using (decision_id) join action using (action)
            order by decision.code, action.code"""
        return CellBlocks(self, table.database.batches(query, _BATCH))

    def missing(self) -> int:
        """Number of the log's decisions that have no row here."""
        found = self.table.database.one(
            f"select count(*) from decision where decision_id not in "
            f"(select {self.table.text('decision_id')} from {self.table.source})"
        )
        return 0 if found is None else int(found[0])

    def unknown(self) -> str:
        """The first decision that the log does not hold, as the end of a message; else empty."""
        decision = self.table.text("decision_id")
        found = self.table.database.one(
            f"select {decision} from {self.table.source} where {decision} not in "
            f"(select decision_id from decision) order by {ROW} limit 1"
        )
        return "" if found is None else told_id(str(found[0]), "a decision", self.log)

    def refuse_repeated(self, decision: str, action: str) -> LogError:
        """The fault of a decision's action that stands there twice."""
        here = f"{self.table.text('decision_id')} = ? and {self.table.text('action')} = ?"
        row, *_ = self.table.first(
            f"{here} and {ROW} > (select min({ROW}) from {self.table.source} where {here})",
            [],
            [decision, action, decision, action],
        )
        return LogError(
            f"{self.name}, row {row}: decision {decision!r}, action {action!r} stands there twice."
        )


class CellBlocks:
    """Reads a file's cells along with the log's blocks, which must come in their order."""

    def __init__(self, file: CellFile, batches: Iterator[pa.RecordBatch]) -> None:
        """Takes batches of decision code, action code and value, sorted by both codes."""
        self._file, self._batches = file, batches
        self._held = _columns(None)

    def table(self, block: LogBlock) -> FloatArray:
        """Values [b, A] of the block's decisions; NaN where the file has no row.

        Raises:
            LogError: a decision's action stands there twice.
        """
        actions = len(block.log.actions)
        stop = block.start + len(block.decision)
        parts = []
        while True:
            cut = int(np.searchsorted(self._held[0], stop))
            parts.append(tuple(column[:cut] for column in self._held))
            self._held = tuple(column[cut:] for column in self._held)  # type: ignore[assignment]
            if len(self._held[0]) or (batch := next(self._batches, None)) is None:
                break
            self._held = _columns(batch)
        decision, action, value = (np.concatenate(one) for one in zip(*parts, strict=True))
        place = (decision - block.start) * actions + action
        if (twice := np.diff(place) == 0).any():
            at = int(np.argmax(twice))
            raise self._file.refuse_repeated(
                block.decision[decision[at] - block.start], block.log.actions[action[at]]
            )
        cells = np.full(len(block.decision) * actions, np.nan)
        cells[place] = value
        return cells.reshape(-1, actions)


def open_cells(log: LogSource, path: Path, column: str, holds: str, words: str) -> CellFile:
    """Opens a file `decision_id, action` and a number for which an SQL condition holds.

    Args:
        log: the decisions.
        path: of the file.
        column: of the number.
        holds: SQL condition with `{value}` in its place.
        words: the same for messages.

    Raises:
        LogError: a fault, with row, column and value.
    """
    needed = ("decision_id", "action", column)
    table = open_table(log.table.database, path, needed, ("position",))
    if "position" in table.types:
        raise LogError(
            f"{path.name} has a column 'position', but the log has one action per decision."
        )
    if table.count == 0:
        raise LogError(
            f"{path.name} is empty: it needs a row for every decision of {log.table.name}."
        )
    rules = [filled(table, name) for name in ("decision_id", "action")]
    rules.append(within(table, column, holds, words))
    refuse_broken(table, rules, ("decision_id", "action"))
    return CellFile(table, column, log.table.name)


# What opens such a file: arguments and faults are those of `open_cells`.
OpenCells = Callable[[LogSource, Path, str, str, str], CellFile]


def _columns(batch: pa.RecordBatch | None) -> tuple[IntArray, IntArray, FloatArray]:
    if batch is None:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    decision, action, value = (batch.column(at).to_numpy() for at in range(3))
    return decision, action, value
