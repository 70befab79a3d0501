"""From a log's blocks to what is kept of them: the work on one, and who does all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.behavior_file import open_behavior
from promopilot.experiments.ope.bandit.cells import CellFile, OpenCells, open_cells
from promopilot.experiments.ope.bandit.extra_weights import ExtraWeights
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.ope.bandit.nuisances import Nuisances
from promopilot.experiments.ope.bandit.policy_file import Probabilities, open_policy
from promopilot.experiments.ope.bandit.reduction import Reduced, reduced
from promopilot.experiments.ope.bandit.reward_file import Rewards, open_rewards
from promopilot.experiments.ope.bandit.rows import rows_for, rows_for_logged
from promopilot.experiments.ope.inputs import Inputs


@dataclass(frozen=True)
class Told:
    """What the inputs tell of a block's decisions; each must be asked block by block, in order."""

    policy: Probabilities | None  # None for the policy that wrote the log
    behavior: Probabilities | None  # None where no file gives them
    rewards: Rewards | None  # None where no file gives them
    cells: tuple[CellFile, ...]  # the files, the policy's first


@dataclass(frozen=True)
class Work:
    """All that is needed to reduce the blocks of a log."""

    inputs: Inputs
    tolerance: float  # how far probabilities may sum from 1
    log: LogSource  # with all actions that are known
    size: int  # decisions of a block
    told: Told
    models: Nuisances
    extra: ExtraWeights  # told of every block


# Reduces the blocks of a log, and gives what is kept of them in their order.
Engine = Callable[[Work], Iterator[Reduced]]


def open_told(
    inputs: Inputs, log: LogSource, tolerance: float, opened: OpenCells = open_cells
) -> tuple[LogSource, Told]:
    """Opens the policy, and the logging policy and reward estimates where they are given.

    Args:
        inputs: which they are.
        log: the log.
        tolerance: how far probabilities may sum from 1.
        opened: opens a file.

    Returns:
        The log, its actions completed by those that only the files know, and what they tell.

    Raises:
        LogError: a fault in a file, with its row and value, or a name that is not known.
    """
    cells: list[CellFile] = []

    def noted(log: LogSource, path: Path, column: str, holds: str, words: str) -> CellFile:
        cells.append(opened(log, path, column, holds, words))
        return cells[-1]

    log, policy = open_policy(inputs.policy, log, tolerance, noted)
    behavior = rewards = None
    if inputs.behavior is not None:
        log, behavior = open_behavior(inputs.behavior, log, tolerance, noted)
    if inputs.qhat is not None:
        rewards = open_rewards(inputs.qhat, log, noted)
    return log, Told(policy, behavior, rewards, tuple(cells))


def reduce_here(work: Work) -> Iterator[Reduced]:
    """The engine of one process: one block after the other."""
    for block in work.log.blocks(work.size):
        yield reduce_block(block, work.log, work.told, work.models, work.extra)


def reduce_block(
    block: LogBlock, log: LogSource, told: Told, models: Nuisances, extra: ExtraWeights
) -> Reduced:
    """What is kept of one block.

    Raises:
        LogError: a fault in a file, with its row and value.
    """
    shares = None if told.policy is None else told.policy(block)
    logging = models.propensities(block) if told.behavior is None else told.behavior(block)
    if logging is not None and not log.has_propensity:
        block = _with_propensity(block, logging)
    qhat = models.rewards(block) if told.rewards is None else told.rewards(block, shares)
    rows = rows_for_logged(block.log, qhat) if shares is None else rows_for(block.log, shares, qhat)
    rows = extra.add(rows, block, shares, logging, models.fold)
    return reduced(block, rows, shares)


def _with_propensity(block: LogBlock, logging: FloatArray) -> LogBlock:
    """The block with the propensity that the logging policy's probabilities [b, A] give."""
    taken = np.take_along_axis(logging, block.log.action[:, None], axis=1)[:, 0]
    return replace(block, log=replace(block.log, propensity=taken))
