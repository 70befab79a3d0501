"""The engine of many processes, which `ope --engine ray` uses.

This process checks the files, sorts the log and fits the models, as it does alone: all that takes
time in proportion to decisions. What is made for each decision and action is made by workers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.cluster.stream import in_order
from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.blocks import Engine, Work
from promopilot.experiments.ope.bandit.cells import CellFile
from promopilot.experiments.ope.bandit.reduction import Reduced
from promopilot.experiments.ope.columns import column_names
from promopilot.experiments.ope_workers.job import Dealt, closed, job_of, reduced_block
from promopilot.experiments.ope_workers.log_files import LogFiles, write_blocks
from promopilot.experiments.ope_workers.seen import require_seen
from promopilot.experiments.ope_workers.shuffle import Piece, deal, deck_of

# Columns that make a log one of another kind; such logs are held whole.
_OTHER_KINDS = {
    "episode_id": "sequences",
    "position": "lists",
    "propensity_density": "amounts",
}


@contextmanager
def workers(settings: RaySettings, log: Path, files: Sequence[Path]) -> Iterator[Engine]:
    """Workers that reduce the blocks of a log with one choice each.

    Args:
        settings: Where they run.
        log: The log.
        files: All that are read.

    Raises:
        LogError: A log of another kind.
        ClusterError: There are no workers, or one does not see the files or the scratch folder.
    """
    for column in column_names(log):
        if column in _OTHER_KINDS:
            raise LogError(
                f"{log.name} has a column {column!r}, so it logs {_OTHER_KINDS[column]}; "
                "--engine ray is for logs of one choice each: leave it out."
            )
    with connected(settings) as cluster:
        if cluster.nodes > 1:
            parquet = [path.resolve() for path in files if path.suffix == ".parquet"]
            require_seen(parquet, Path(tempfile.gettempdir()), settings.patience_seconds)
        yield _reduced


def _reduced(work: Work) -> Iterator[Reduced]:
    """What is kept of each block, in order."""
    folder = work.log.table.database.scratch / "workers"
    folder.mkdir()
    blocks = write_blocks(work.log, work.size, folder / "log")
    files = [_dealt(work, cells, blocks, folder) for cells in work.told.cells]
    for answer in in_order(reduced_block, job_of(work, blocks, files), len(blocks.firsts)):
        work.extra.pairs.extend(answer.pairs)
        work.extra.probability.extend(answer.probability)
        yield answer.part


def _dealt(work: Work, cells: CellFile, blocks: LogFiles, folder: Path) -> Dealt:
    """A file dealt to the blocks."""
    deck = deck_of(cells, work.log.actions, blocks, folder)
    pieces: list[Piece] = []
    for piece in in_order(deal, deck, deck.pieces):
        pieces.append(piece)
        work.inputs.progress(f"sort {cells.name}", len(pieces) / deck.pieces)
    return Dealt(closed(cells.table), cells.column, tuple(pieces))
