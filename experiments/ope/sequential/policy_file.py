"""The policy to judge, and estimates q, as tables of episode x step x action."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import (
    USABLE_REWARD,
    FloatArray,
    IntArray,
    TextArray,
    unusable,
)
from promopilot.experiments.ope.columns import (
    FIRST_ROW,
    id_column,
    number_column,
    read_table,
    require,
    unknown_id,
)
from promopilot.experiments.ope.distribution import check_sums
from promopilot.experiments.ope.policy_name import always_action, policy_path
from promopilot.experiments.ope.sequential.log import SequentialLog, refuse
from promopilot.experiments.ope.sequential.log_file import LogFile, step_column

_NAMES = ("uniform", "logged", "always:<action>")


@dataclass(frozen=True)
class _Cells:
    """A long file's rows: decision (-1 where the log has no such one), action, value."""

    file: str
    row: IntArray  # [k] decision in the log
    action: TextArray  # [k]
    value: FloatArray  # [k]
    where: Callable[[int], str]  # says where a row stands
    unknown: str  # an episode that the log has not, as the end of a message; else empty


def read_policy(
    policy: str, source: LogFile, tolerance: float
) -> tuple[SequentialLog, FloatArray | Literal["logged"]]:
    """A policy by file or by name.

    A file has `episode_id, step, action, probability`; actions left out have probability 0, steps
    that the log does not hold are passed over. Names: `uniform` over the log's actions,
    `always:<action>`, and `logged`, the policy that wrote the log.

    Args:
        policy: the file or name.
        source: the log.
        tolerance: how far a decision's probabilities may sum from 1.

    Returns:
        The log, its actions completed by those that only the policy knows, and the
        probabilities [m, A], or "logged".

    Raises:
        LogError: a fault, with row and value, or a name or action that is not known.
    """
    log = source.log
    if policy == "logged":
        return log, "logged"
    shape = (len(log.action), len(log.actions))
    if policy == "uniform":
        return log, np.full(shape, 1.0 / shape[1])
    if policy.startswith("always:"):
        fixed = np.zeros(shape)
        fixed[:, always_action(policy, log.actions, source.name)] = 1.0
        return log, fixed
    path = policy_path(policy, _NAMES)
    if path.is_dir():
        raise LogError(
            f"policy {policy!r} is a folder: {source.name} holds episodes, which need a file of "
            f"probabilities of their own actions, or one of {', '.join(_NAMES)}."
        )
    return _policy_from_file(path, source, tolerance)


def read_qhat(
    path: Path, source: LogFile, log: SequentialLog, policy: FloatArray | None
) -> FloatArray:
    """Estimates [m, A] from a file `episode_id, step, action, q`.

    q is what the rest of the episode brings from this step on, discounted to it. It is needed for
    each logged action and for each action that the policy may take; others are 0 where they are
    left out, as nothing depends on them.

    Raises:
        LogError: a fault with row and value, or the step and action without an estimate.
    """
    cells = _read_cells(path, "q", source)
    refuse(unusable(cells.value), cells.value, "q", USABLE_REWARD, cells.where)
    column = pd.Index(log.actions).get_indexer(pd.Index(cells.action))
    known = (cells.row >= 0) & (column >= 0)
    qhat = np.full((len(log.action), len(log.actions)), np.nan)
    qhat[cells.row[known], column[known]] = cells.value[known]
    needed = np.zeros(qhat.shape, dtype=bool) if policy is None else policy > 0.0
    needed[np.arange(len(log.action)), log.action] = True
    if (missing := needed & np.isnan(qhat)).any():
        row, action = (int(i) for i in np.argwhere(missing)[0])
        raise LogError(
            f"{cells.file} has no estimate for {_place(source, row)}, action "
            f"{log.actions[action]!r}."
        )
    return np.where(np.isnan(qhat), 0.0, qhat)


def _policy_from_file(
    path: Path, source: LogFile, tolerance: float
) -> tuple[SequentialLog, FloatArray]:
    cells = _read_cells(path, "probability", source)
    impossible = ~((cells.value >= 0.0) & (cells.value <= 1.0))
    refuse(impossible, cells.value, "probability", "it must be from 0 to 1", cells.where)
    log = source.log
    new = sorted(set(pd.unique(cells.action)) - set(log.actions))
    log = replace(log, actions=(*log.actions, *(str(name) for name in new)))
    inside = cells.row >= 0
    column = pd.Index(log.actions).get_indexer(pd.Index(cells.action[inside]))
    probability = np.zeros((len(log.action), len(log.actions)))
    probability[cells.row[inside], column] = cells.value[inside]
    covered = np.bincount(cells.row[inside], minlength=len(log.action))
    if (missing := covered == 0).any():
        raise LogError(
            f"{cells.file} has no row for {_place(source, int(np.argmax(missing)))} of "
            f"{source.name} ({int(missing.sum())} of {len(missing)} decisions are missing)"
            f"{cells.unknown}."
        )
    check_sums(probability, tolerance, lambda row: f"{cells.file}, {_place(source, row)}")
    return log, probability


def _place(source: LogFile, row: int) -> str:
    """Where decision `row` stands, in the file's own numbers."""
    step = int(source.log.step[row]) + source.first
    return f"episode {source.episode[source.log.episode[row]]!r}, step {step}"


def _read_cells(path: Path, value: str, source: LogFile) -> _Cells:
    table = read_table(path, ids=("episode_id", "action"))
    file = path.name
    require(table, ("episode_id", "step", "action", value), file)
    if table.num_rows == 0:
        raise LogError(f"{file} is empty: it needs a row for every step of {source.name}.")
    episode, step = id_column(table, "episode_id", file), step_column(table, file)
    action = id_column(table, "action", file)

    def where(row: int) -> str:
        return (
            f"{file}, row {row + FIRST_ROW} (episode {episode[row]}, step {step[row]}, "
            f"action {action[row]})"
        )

    if (twice := pd.MultiIndex.from_arrays([episode, step, action]).duplicated()).any():
        raise LogError(f"{where(int(np.argmax(twice)))} stands there twice.")
    log = source.log
    at = pd.Index(source.episode).get_indexer(pd.Index(episode))
    offset = step - source.first
    inside = (at >= 0) & (offset >= 0) & (offset < log.length[at])
    start = np.cumsum(log.length) - log.length
    row = np.where(inside, start[at] + offset, -1)
    values = number_column(table, value, file)
    unknown = unknown_id(episode, source.episode, "an episode", source.name)
    return _Cells(file, row.astype(np.int64), action, values, where, unknown)
