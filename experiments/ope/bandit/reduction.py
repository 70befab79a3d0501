"""A log's blocks reduced to what estimators need: some numbers per decision, no tables."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.case import case_of_rows
from promopilot.experiments.ope.bandit.log_file import LogBlock
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.case import Case, Choices, Model


@dataclass(frozen=True)
class Reduced:
    """Some 50 bytes for each of a block's b decisions."""

    rows: BanditRows
    action: IntArray  # [b] taken
    cluster: IntArray  # [b]
    timestamp: NDArray[np.datetime64] | None  # [b]
    chosen: FloatArray | None  # [A] the policy's probabilities, summed; None for "logged"


def reduced(block: LogBlock, rows: BanditRows, policy: FloatArray | None) -> Reduced:
    """What is kept of a block."""
    chosen = None if policy is None else policy.sum(axis=0)
    return Reduced(rows, block.log.action, block.log.cluster, block.timestamp, chosen)


def case_of(
    parts: Sequence[Reduced],
    actions: tuple[str, ...],
    evidence: str,
    reward_model: Model,
    propensities: Literal["logged", "estimated"],
) -> Case[BanditRows]:
    """The case that all blocks of a log make together.

    Args:
        parts: the blocks in order.
        actions: [A] names.
        evidence: "logged" or "simulated".
        reward_model: where reward estimates come from.
        propensities: whether they were logged.
    """
    rows = BanditRows(
        **{
            field.name: _joined([getattr(part.rows, field.name) for part in parts])
            for field in fields(BanditRows)
        }
    )
    action = np.concatenate([part.action for part in parts])
    choices = None
    if chosen := [part.chosen for part in parts if part.chosen is not None]:
        choices = Choices(actions, action, np.sum(chosen, axis=0) / len(action))
    return case_of_rows(
        rows,
        np.concatenate([part.cluster for part in parts]),
        evidence,
        choices,
        reward_model,
        propensities,
        _joined([part.timestamp for part in parts]),
    )


def _joined(parts: Sequence[NDArray[Any] | None]) -> Any:
    """All parts as one array; None where one is missing."""
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if len(there) == len(parts) else None
