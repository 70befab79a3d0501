"""The logging policy's probabilities of all actions, where a file gives them."""

from pathlib import Path

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.cells import OpenCells, open_cells
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.ope.bandit.policy_file import Probabilities, open_probabilities
from promopilot.experiments.ope.log_rules import SMALLEST_PROPENSITY


def open_behavior(
    path: Path, log: LogSource, tolerance: float, opened: OpenCells = open_cells
) -> tuple[LogSource, Probabilities]:
    """A file `decision_id, action, probability` that agrees with the log's propensities.

    Args:
        path: of the file.
        log: the decisions.
        tolerance: how far probabilities may sum from 1, and lie from the propensities.
        opened: opens a file.

    Returns:
        The log, its actions completed by those that only this file knows, and the probabilities.

    Raises:
        LogError: a fault, with row and value, here or when a block disagrees.
    """
    log, read = open_probabilities(path, log, tolerance, opened)

    def agreeing(block: LogBlock) -> FloatArray:
        table = read(block)
        taken = table[np.arange(len(table)), block.log.action]
        if log.has_propensity:
            bad = np.abs(taken - block.log.propensity) > tolerance
        else:
            bad = taken < SMALLEST_PROPENSITY
        if bad.any():
            row = int(np.argmax(bad))
            rule = (
                f"{log.table.name} says that it was taken with {block.log.propensity[row]:.12g}"
                if log.has_propensity
                else f"it was taken in {log.table.name}, so it must be above 0"
            )
            raise LogError(
                f"{path.name}, decision {block.decision[row]!r}, action "
                f"{block.log.actions[block.log.action[row]]!r}: probability is {taken[row]:.12g}; "
                f"{rule}."
            )
        return table

    return log, agreeing
