"""The policy to judge: probabilities of its actions, block by block."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.cells import CellFile, OpenCells, open_cells
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.ope.bandit.run_policy import write_run_policy
from promopilot.experiments.ope.distribution import check_sums, normalised
from promopilot.experiments.ope.policy_name import always_action, policy_path

_SHARE = "{value} >= 0 and {value} <= 1"
_NAMES = ("uniform", "logged", "always:<action>")


# Gives the probabilities [b, A] in a log's blocks, which come in the order of its decisions.
Probabilities = Callable[[LogBlock], FloatArray]


def open_policy(
    policy: str, log: LogSource, tolerance: float, opened: OpenCells = open_cells
) -> tuple[LogSource, Probabilities | None]:
    """A policy by file, by run or by name.

    A file has `decision_id, action, probability`; actions left out have probability 0, decisions
    that the log does not hold are passed over. A run stands for its plan (`run_policy`). Names are
    `uniform` over the actions logged, `always:<action>`, and `logged`, which wrote the log.

    Args:
        policy: the file, the run's folder or the name.
        log: the log.
        tolerance: how far a decision's probabilities may sum from 1.
        opened: opens a file.

    Returns:
        The log, its actions completed by those that only the policy knows, and the probabilities;
        None in their place for "logged".

    Raises:
        LogError: a fault, with row and value, or a name or action that is not known.
    """
    if policy == "logged":
        return log, None
    if policy == "uniform":
        return log, lambda block: _even(block, log.unseen_from)
    if policy.startswith("always:"):
        chosen = always_action(policy, log.actions, log.table.name)
        return log, lambda block: _fixed(block, chosen)
    path = policy_path(policy, _NAMES, "a file, a run")
    if (path / "manifest.json").is_file():
        plan = log.table.database.scratch / f"plan of {path.name}.parquet"
        write_run_policy(path, log.table.path, plan)
        path = plan
    return open_probabilities(path, log, tolerance, opened)


def open_probabilities(
    path: Path, log: LogSource, tolerance: float, opened: OpenCells = open_cells
) -> tuple[LogSource, Probabilities]:
    """A file of probabilities of all actions: the log with its actions, and their table [b, A].

    Raises:
        LogError: a fault, with row and value.
    """
    cells = opened(log, path, "probability", _SHARE, "it must be from 0 to 1")
    log = _with_actions(log, cells)
    blocks = cells.blocks()

    def read(block: LogBlock) -> FloatArray:
        return _summing(blocks.table(block), block, cells, log, tolerance)

    return log, read


def _summing(
    table: FloatArray, block: LogBlock, cells: CellFile, log: LogSource, tolerance: float
) -> FloatArray:
    """The table, 0 where an action is left out; refuses decisions without row or of another sum."""
    absent = np.isnan(table)
    if (missing := absent.all(axis=1)).any():
        raise LogError(
            f"{cells.name} has no row for decision {block.decision[int(np.argmax(missing))]!r} of "
            f"{log.table.name} ({cells.missing()} of {log.count} decisions are missing)"
            f"{cells.unknown()}."
        )
    table[absent] = 0.0
    check_sums(table, tolerance, lambda row: f"{cells.name}, decision {block.decision[row]!r}")
    return normalised(table)


def _with_actions(log: LogSource, cells: CellFile) -> LogSource:
    """The log with the file's further actions behind its own."""
    known = set(log.actions)
    new = [name for name in cells.actions() if name not in known]
    if new:
        first = len(log.actions)
        log.table.database.connection.executemany(
            "insert into action values (?, ?)", [[name, first + at] for at, name in enumerate(new)]
        )
    return replace(log, actions=(*log.actions, *new))


def _even(block: LogBlock, logged: int) -> FloatArray:
    """Equal over the actions that the log shows."""
    table = np.zeros((len(block.decision), len(block.log.actions)))
    table[:, :logged] = 1.0 / logged
    return table


def _fixed(block: LogBlock, chosen: int) -> FloatArray:
    table = np.zeros((len(block.decision), len(block.log.actions)))
    table[:, chosen] = 1.0
    return table
