"""Long files, one row per decision and action, dealt to the blocks that their decisions are in.

Rows come in any order, and a block needs all of its own. So each piece of a file is sorted by block
and written once, and a block later reads its slice of every piece: no process holds more than one
piece or one block, whatever the size of the file.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.bandit.cells import CellFile
from promopilot.experiments.ope.bandit.database import Database, open_database
from promopilot.experiments.ope.bandit.log_file import LogBlock
from promopilot.experiments.ope.bandit.table import ROW
from promopilot.experiments.ope_workers.log_files import LogFiles

# Rows of a piece: some 100 MB while it is sorted.
_PIECE = 1_000_000
# Memory for sorting one piece; more goes to scratch files.
_PIECE_MB = 400


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, sorted by block: an Arrow file with a batch per block."""

    file: Path
    blocks: IntArray  # numbers of the blocks that have rows here, rising; their batches' order


@dataclass(frozen=True)
class Deck:
    """A file to be dealt."""

    rows: str  # SQL: decision_id, action and value of all rows
    count: int  # rows
    size: int  # rows of a piece
    actions: tuple[str, ...]  # [A] in the order of their codes
    log: LogFiles
    folder: Path  # for the pieces

    @property
    def pieces(self) -> int:
        """Their number."""
        return -(-self.count // self.size)


def deck_of(cells: CellFile, actions: tuple[str, ...], log: LogFiles, folder: Path) -> Deck:
    """A file that was opened, and so is checked, to be dealt into a folder that all workers see."""
    table = cells.table
    rows = (
        f"select {table.text('decision_id')} as decision_id, {table.text('action')} as action, "
        f"{table.number(cells.column)} as value "
        f"from {table.source}"
    )
    return Deck(rows, table.count, _PIECE, actions, log, folder)


def deal(deck: Deck, number: int) -> Piece:
    """Sorts the piece of this number by block, and writes it under a name that nobody else takes.

    Rows of unknown actions, and of decisions before the first known one, are left out.
    """
    with open_database(_PIECE_MB) as database:
        run = database.connection.execute
        run("set threads = 1")
        _table(database, "action", "action", deck.actions)
        _table(database, "start", "decision_id", deck.log.firsts)
        first = number * deck.size
        rows = f"{deck.rows} where {ROW} >= {first} and {ROW} < {first + deck.size}"
        found = database.connection.sql(
            f"select start.code as block, cell.decision_id, action.code as action, cell.value "
            f"from ({rows}) cell join action using (action) "
            f"asof join start on cell.decision_id >= start.decision_id order by block"
        ).to_arrow_table()
    blocks, starts = np.unique(found.column("block").to_numpy(), return_index=True)
    file = deck.folder / f"{secrets.token_hex(8)}.arrow"
    told = found.drop_columns(["block"]).combine_chunks()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(file, told.schema, options=options) as writer:
        stops = [*starts[1:], told.num_rows][: len(starts)]  # none, where no row is the log's
        for start, stop in zip(starts, stops, strict=True):
            for batch in told.slice(start, stop - start).to_batches():
                writer.write_batch(batch)
    return Piece(file, blocks)


def cells_of(block: LogBlock, number: int, pieces: Sequence[Piece]) -> pa.RecordBatch:
    """All rows of a block's decisions: their code, the action's code and the value, sorted by both.

    Args:
        block: The block.
        number: Its number.
        pieces: Of one file, all.
    """
    names = ["decision", "action", "value"]
    parts = [batch for piece in pieces for batch in _slice(piece, number)]
    if not parts:
        none = np.empty(0, np.int64)
        return pa.record_batch([none, none, np.empty(0)], names=names)
    found = pa.Table.from_batches(parts)
    ids = pa.array(block.decision, pa.string())
    place = pc.index_in(found.column("decision_id"), value_set=ids)
    known = place.is_valid()
    decision = place.filter(known).to_numpy().astype(np.int64) + block.start
    action = found.column("action").filter(known).to_numpy()
    value = found.column("value").filter(known).to_numpy()
    order = np.argsort(decision * len(block.log.actions) + action)
    return pa.record_batch([decision[order], action[order], value[order]], names=names)


def _slice(piece: Piece, number: int) -> Iterator[pa.RecordBatch]:
    at = int(np.searchsorted(piece.blocks, number))
    if at < len(piece.blocks) and piece.blocks[at] == number:
        with pa.OSFile(str(piece.file)) as source:
            yield pa.ipc.open_file(source).get_batch(at)


def _table(database: Database, name: str, column: str, values: Sequence[str]) -> None:
    """Makes a table of texts and their `code`, 0 for the first."""
    given = pa.table({column: pa.array(values, pa.string()), "code": np.arange(len(values))})
    database.connection.register("given", given)
    database.connection.execute(f"create table {name} as select * from given")
    database.connection.unregister("given")
