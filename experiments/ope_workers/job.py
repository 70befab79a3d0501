"""What workers are given, and what each does with one block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.balanced import Pairs
from promopilot.experiments.ope.bandit.blocks import Work, open_told, reduce_block
from promopilot.experiments.ope.bandit.cells import CellBlocks, CellFile
from promopilot.experiments.ope.bandit.database import Database, open_database
from promopilot.experiments.ope.bandit.extra_weights import ExtraWeights
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.ope.bandit.nuisances import Nuisances
from promopilot.experiments.ope.bandit.reduction import Reduced
from promopilot.experiments.ope.bandit.table import Table
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope_workers.log_files import LogFiles
from promopilot.experiments.ope_workers.shuffle import Piece, cells_of

# Memory for the scans of a whole file that tell where a fault is; without one, next to none.
_FAULT_MB = 400


@dataclass(frozen=True)
class Closed:
    """A table without the database that it was opened in."""

    path: Path
    source: str
    types: Mapping[str, str]
    count: int

    def opened(self, database: Database) -> Table:
        """The table in another database."""
        return Table(database, self.path, self.source, self.types, self.count)


def closed(table: Table) -> Closed:
    """The table without its database."""
    return Closed(table.path, table.source, dict(table.types), table.count)


@dataclass(frozen=True)
class Dealt:
    """A file with a row per decision and action, dealt to blocks."""

    table: Closed
    column: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Job:
    """All that a worker needs to reduce any block; no larger than the models in it."""

    inputs: Inputs
    tolerance: float
    log: Closed
    evidence: str
    actions: tuple[str, ...]
    unseen_from: int
    blocks: LogFiles
    files: tuple[Dealt, ...]  # as `Told.cells`
    models: Nuisances
    extra: ExtraWeights


@dataclass(frozen=True)
class Answer:
    """What is kept of a block."""

    part: Reduced
    pairs: list[Pairs] = field(default_factory=list)  # as in `ExtraWeights`
    probability: list[FloatArray] = field(default_factory=list)


def job_of(work: Work, blocks: LogFiles, files: Sequence[Dealt]) -> Job:
    """The work without what cannot be sent: open files, progress, and how models were made."""
    log, models = work.log, work.models
    # What a run stands for was written to a file when it was opened.
    others = sum(path is not None for path in (work.inputs.behavior, work.inputs.qhat))
    policy = str(files[0].table.path) if len(files) > others else work.inputs.policy
    if models.choice is not None:
        models = replace(models, choice=replace(models.choice, make=_fitted_before))
    return Job(
        Inputs(work.inputs.log, policy, work.inputs.qhat, behavior=work.inputs.behavior),
        work.tolerance,
        closed(log.table),
        log.evidence,
        log.actions,
        log.unseen_from,
        blocks,
        tuple(files),
        models,
        work.extra,
    )


def reduced_block(job: Job, number: int) -> Answer:
    """What is kept of the block of this number.

    Raises:
        LogError: a fault in a file, with its row and value.
    """
    extra = replace(job.extra, pairs=[], probability=[])
    with open_database(_FAULT_MB) as database:
        run = database.connection.execute
        run("set threads = 1")
        # Only messages ask for it: whether a decision is in the log.
        run(f"create view decision as select decision_id from read_parquet('{job.blocks.pattern}')")
        table = job.log.opened(database)
        log = LogSource(table, job.evidence, job.actions, job.unseen_from)
        block = job.blocks.read(number, log)
        files = iter(job.files)

        def opened(*_: object) -> CellFile:
            one = next(files)
            return _BlockCells(
                one.table.opened(database), one.column, table.name, block, number, one.pieces
            )

        log, told = open_told(job.inputs, log, job.tolerance, opened)
        part = reduce_block(block, log, told, job.models, extra)
    return Answer(part, extra.pairs, extra.probability)


@dataclass(frozen=True)
class _BlockCells(CellFile):
    """A file of which one block is read; what is asked about all of it, the whole file answers."""

    block: LogBlock
    number: int  # of the block
    pieces: tuple[Piece, ...]

    def actions(self) -> list[str]:
        """None: those of the log are complete already."""
        return []

    def blocks(self) -> CellBlocks:
        """A reader of this block alone."""
        rows: pa.RecordBatch = cells_of(self.block, self.number, self.pieces)
        return CellBlocks(self, iter([rows]))


def _fitted_before() -> NoReturn:
    raise NotImplementedError("models are fitted before they are sent to workers")
