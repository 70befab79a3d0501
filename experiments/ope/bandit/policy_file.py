"""The policy to judge, and reward estimates, as tables of decision x action."""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import BoolArray, FloatArray, IntArray, TextArray
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.bandit.log_file import LogFile
from promopilot.experiments.ope.columns import (
    FIRST_ROW,
    id_column,
    number_column,
    read_table,
    require,
)

_NAMES = "uniform, logged, always:<action>"


@dataclass(frozen=True)
class _Cells:
    """A long file's rows: decision (-1 where the log has no such one), action, value."""

    file: str
    row: IntArray  # [m] row in the log
    decision: TextArray  # [m]
    action: TextArray  # [m]
    value: FloatArray  # [m]


def read_policy(
    policy: str, source: LogFile, tolerance: float
) -> tuple[BanditLog, FloatArray | Literal["logged"]]:
    """A policy by file or by name.

    A file has `decision_id, action, probability`; actions left out have probability 0, decisions
    that the log does not hold are passed over. Names: `uniform` over the log's actions,
    `always:<action>`, and `logged`, the policy that wrote the log.

    Args:
        policy: the file or name.
        source: the log.
        tolerance: how far a decision's probabilities may sum from 1.

    Returns:
        The log, its actions completed by those that only the policy knows, and the
        probabilities [n, A], or "logged".

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
        chosen = policy.removeprefix("always:")
        if chosen not in log.actions:
            near = get_close_matches(chosen, log.actions, n=1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"it shows {', '.join(log.actions[:10])}."
            )
            raise LogError(f"policy {policy!r}: {source.name} has no action {chosen!r}; {hint}")
        fixed = np.zeros(shape)
        fixed[:, log.actions.index(chosen)] = 1.0
        return log, fixed
    path = Path(policy)
    if not path.suffix and not path.exists():
        raise LogError(f"policy {policy!r} is neither a file nor one of {_NAMES}.")
    return _policy_from_file(path, source, tolerance)


def read_qhat(path: Path, source: LogFile, log: BanditLog, policy: FloatArray | None) -> FloatArray:
    """Reward estimates [n, A] from a file `decision_id, action, q`.

    Estimates are needed for each logged action and for each action that the policy may take; others
    are 0 where they are left out, as nothing depends on them.

    Raises:
        LogError: a fault with row and value, or the decision and action without an estimate.
    """
    cells = _read_cells(path, "q", source)
    _refuse(cells, ~np.isfinite(cells.value), "q", "it must be a finite number")
    column = pd.Index(log.actions).get_indexer(pd.Index(cells.action))
    known = (cells.row >= 0) & (column >= 0)
    qhat = np.full((len(log.action), len(log.actions)), np.nan)
    qhat[cells.row[known], column[known]] = cells.value[known]
    needed = np.zeros(qhat.shape, dtype=bool) if policy is None else policy > 0.0
    needed[np.arange(len(log.action)), log.action] = True
    if (missing := needed & np.isnan(qhat)).any():
        row, action = (int(i) for i in np.argwhere(missing)[0])
        raise LogError(
            f"{cells.file} has no estimate for decision {source.decision[row]!r}, "
            f"action {log.actions[action]!r}."
        )
    return np.where(np.isnan(qhat), 0.0, qhat)


def _policy_from_file(
    path: Path, source: LogFile, tolerance: float
) -> tuple[BanditLog, FloatArray]:
    cells = _read_cells(path, "probability", source)
    _refuse(
        cells,
        ~((cells.value >= 0.0) & (cells.value <= 1.0)),
        "probability",
        "it must be from 0 to 1",
    )
    log = source.log
    new = sorted(set(pd.unique(cells.action)) - set(log.actions))
    log = replace(log, actions=(*log.actions, *(str(name) for name in new)))
    inside = cells.row >= 0
    column = pd.Index(log.actions).get_indexer(pd.Index(cells.action[inside]))
    probability = np.zeros((len(log.action), len(log.actions)))
    probability[cells.row[inside], column] = cells.value[inside]
    covered = np.bincount(cells.row[inside], minlength=len(log.action))
    if (missing := covered == 0).any():
        first = source.decision[int(np.argmax(missing))]
        raise LogError(
            f"{cells.file} has no row for decision {first!r} of {source.name} "
            f"({int(missing.sum())} of {len(missing)} decisions are missing)."
        )
    totals = probability.sum(axis=1)
    if (wrong := np.abs(totals - 1.0) > tolerance).any():
        row = int(np.argmax(wrong))
        raise LogError(
            f"{cells.file}, decision {source.decision[row]!r}: probabilities sum to "
            f"{totals[row]:.12g}; they must sum to 1."
        )
    return log, probability


def _read_cells(path: Path, value: str, source: LogFile) -> _Cells:
    table = read_table(path, ids=("decision_id", "action"))
    if "position" in table.column_names:
        raise LogError(
            f"{path.name} has a column 'position', but the log has one action per decision."
        )
    require(table, ("decision_id", "action", value), path.name)
    if table.num_rows == 0:
        raise LogError(f"{path.name} is empty: it needs a row for every decision of {source.name}.")
    decision = id_column(table, "decision_id", path.name)
    action = id_column(table, "action", path.name)
    pair = pd.MultiIndex.from_arrays([decision, action])
    if (twice := pair.duplicated()).any():
        row = int(np.argmax(twice))
        raise LogError(
            f"{path.name}, row {row + FIRST_ROW}: decision {decision[row]!r}, action "
            f"{action[row]!r} stands there twice."
        )
    return _Cells(
        file=path.name,
        row=pd.Index(source.decision).get_indexer(pd.Index(decision)).astype(np.int64),
        decision=decision,
        action=action,
        value=number_column(table, value, path.name),
    )


def _refuse(cells: _Cells, bad: BoolArray, column: str, rule: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise LogError(
            f"{cells.file}, row {row + FIRST_ROW} (decision {cells.decision[row]}, action "
            f"{cells.action[row]}): {column} is {cells.value[row]:.12g}; {rule}."
        )
