"""Reward estimates that are given, block by block."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import USABLE_REWARD, USABLE_SQL, FloatArray
from promopilot.experiments.ope.bandit.cells import OpenCells, open_cells
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource

# Gives estimates [b, A] in a block, where the policy's probabilities are these [b, A], or None.
Rewards = Callable[[LogBlock, FloatArray | None], FloatArray]


def open_rewards(path: Path, log: LogSource, opened: OpenCells = open_cells) -> Rewards:
    """A file `decision_id, action, q`.

    Estimates are needed for each logged action and for each action that the policy may take; others
    are 0 where they are left out, as nothing depends on them.

    Raises:
        LogError: a fault with row and value, here or when a block lacks an estimate.
    """
    cells = opened(log, path, "q", USABLE_SQL, USABLE_REWARD)
    blocks = cells.blocks()

    def read(block: LogBlock, policy: FloatArray | None) -> FloatArray:
        estimates = blocks.table(block)
        absent = np.isnan(estimates)
        needed = np.zeros(absent.shape, dtype=bool) if policy is None else policy > 0.0
        needed[np.arange(len(needed)), block.log.action] = True
        if (missing := needed & absent).any():
            row, action = (int(i) for i in np.argwhere(missing)[0])
            raise LogError(
                f"{cells.name} has no estimate for decision {block.decision[row]!r}, "
                f"action {block.log.actions[action]!r}."
            )
        estimates[absent] = 0.0
        return estimates

    return read
