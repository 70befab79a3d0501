"""The policy to judge, and reward estimates, for the rows of a slate log."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import (
    USABLE_REWARD,
    BoolArray,
    IntArray,
    TextArray,
    unusable,
)
from promopilot.experiments.ope.columns import (
    id_column,
    number_column,
    read_table,
    require,
    unknown_id,
)
from promopilot.experiments.ope.distribution import check_sums
from promopilot.experiments.ope.log_table import Place, place_in
from promopilot.experiments.ope.slate.log_file import (
    SlateFile,
    position_column,
    probability_columns,
)
from promopilot.experiments.ope.slate.probabilities import (
    SlateProbabilities,
    before_position,
    check_probabilities,
    differs,
)
from promopilot.experiments.ope.slate.rows import ItemValues


@dataclass(frozen=True)
class _Cells:
    """What the k rows of a long file are about."""

    place: Place
    decision: TextArray  # [k]
    position: IntArray  # [k] as counted in the file
    action: TextArray  # [k]
    at: IntArray  # [k] row of the log, -1 where the log has no such decision


@dataclass(frozen=True)
class Estimates:
    """Reward estimates for a log's rows; its items, completed by those that only they know."""

    actions: tuple[str, ...]  # [A] the log's, then others
    items: ItemValues  # q is 0 where there is none and the probability is 0


def read_policy(path: Path, source: SlateFile, tolerance: float) -> SlateProbabilities:
    """A policy's probabilities of the logged slates, in the order of the log's rows.

    A file has `decision_id, position, action` and `probability`, `probability_position` and
    `probability_cascade`, as far as they are known; decisions that the log does not hold are passed
    over.

    Raises:
        LogError: a fault, with row and value.
    """
    table = read_table(path, ids=("decision_id", "action"))
    probabilities = ("probability", "probability_position", "probability_cascade")
    require(table, ("decision_id", "position", "action"), path.name, probabilities)
    cells = _cells(table, path, source)
    cells.place.refuse_repeated({"decision": cells.decision, "position": cells.position})
    log, at = source.log, cells.at
    shown = np.asarray(log.actions, dtype=object)[log.action]
    other = (at >= 0) & (cells.action != shown[at])
    cells.place.refuse(other, "action", cells.action, f"{source.name} shows another item there")
    inside = np.flatnonzero(at >= 0)
    found = np.full(len(log.slate), -1)
    found[at[inside]] = inside
    if (missing := found < 0).any():
        row = int(np.argmax(missing))
        raise LogError(
            f"{path.name} has no row for {_name(source, row)} of {source.name} "
            f"({int(missing.sum())} of {len(missing)} rows are missing)"
            f"{unknown_id(cells.decision, source.decision, 'a decision', source.name)}."
        )
    given = probability_columns(table, "probability", path.name)
    check_probabilities(
        given.of_rows(inside),
        log.slate[at[inside]],
        log.position[at[inside]],
        tolerance,
        cells.place.of_rows(inside),
        "probability",
    )
    return given.of_rows(found)


def read_estimates(
    path: Path, source: SlateFile, tolerance: float, needed: BoolArray, weighed: bool
) -> Estimates:
    """Reward estimates from a file `decision_id, position, action, probability, q`.

    `probability` is the policy's, of the item at the position after the logged items before it;
    items left out have 0.

    Args:
        path: the file.
        source: the log.
        tolerance: how far the probabilities of a position may sum from 1.
        needed: [m, A] which of the log's items must have an estimate at each of its rows.
        weighed: whether the probabilities are to be used; else the column may be left out.

    Raises:
        LogError: a fault with row and value, or an item that is needed without an estimate.
    """
    table = read_table(path, ids=("decision_id", "action"))
    columns = ("decision_id", "position", "action", "q", *(("probability",) if weighed else ()))
    require(table, columns, path.name, ("probability",))
    cells = _cells(table, path, source)
    place, at = cells.place, cells.at
    place.refuse_repeated(
        {"decision": cells.decision, "position": cells.position, "action": cells.action}
    )
    q = number_column(table, "q", path.name)
    place.refuse(unusable(q), "q", q, USABLE_REWARD)
    log = source.log
    others = sorted(set(pd.unique(cells.action)) - set(log.actions))
    actions = (*log.actions, *(str(name) for name in others))
    item = pd.Index(actions).get_indexer(pd.Index(cells.action))
    inside = at >= 0
    shape = (len(log.slate), len(actions))
    estimate, probability = np.full(shape, np.nan), np.zeros(shape)
    estimate[at[inside], item[inside]] = q[inside]
    if (missing := np.isnan(estimate[:, : len(log.actions)]) & needed).any():
        row, lacking = (int(i) for i in np.argwhere(missing)[0])
        raise LogError(
            f"{path.name} has no estimate for {_name(source, row)}, action {actions[lacking]!r}."
        )
    if weighed:
        given = number_column(table, "probability", path.name)
        place.refuse(
            ~((given >= 0.0) & (given <= 1.0)), "probability", given, "it must be from 0 to 1"
        )
        probability[at[inside], item[inside]] = given[inside]
        check_sums(probability, tolerance, lambda row: f"{path.name}, {_name(source, row)}")
    return Estimates(actions, ItemValues(probability, np.nan_to_num(estimate, nan=0.0)))


def refuse_disagreement(
    policy: SlateProbabilities, items: ItemValues, source: SlateFile, file: str, tolerance: float
) -> None:
    """Refuses item probabilities that are not those of the policy's cascade.

    Raises:
        LogError: naming the first decision and position where they contradict each other.
    """
    if policy.cascade is None:
        return
    log = source.log
    before = before_position(policy.cascade, log.slate, log.position)
    shown = items.probability[np.arange(len(log.action)), log.action]
    if (wrong := differs(before * shown, policy.cascade, tolerance)).any():
        row = int(np.argmax(wrong))
        raise LogError(
            f"{file}, {_name(source, row)}: probability of the item shown is {shown[row]:.12g}; "
            "by the policy's probability_cascade it is "
            f"{policy.cascade[row] / before[row]:.12g}."
        )


def _cells(table: pa.Table, path: Path, source: SlateFile) -> _Cells:
    if table.num_rows == 0:
        raise LogError(f"{path.name} is empty: it needs rows for every slate of {source.name}.")
    decision = id_column(table, "decision_id", path.name)
    place = place_in(path.name, decision)
    position = position_column(table, place)
    slate = pd.Index(source.decision).get_indexer(pd.Index(decision)).astype(np.int64)
    length, within = source.log.length, position - source.log.first
    known = (within >= 0) & (within < length[slate])
    place.refuse(
        (slate >= 0) & ~known,
        "position",
        position,
        f"{source.name} has no such position in that decision",
    )
    start = np.cumsum(length) - length  # the log is sorted by slate and position
    at = np.where(slate >= 0, start[slate] + within, -1)
    return _Cells(place, decision, position, id_column(table, "action", path.name), at)


def _name(source: SlateFile, row: int) -> str:
    """The decision and position of a row of the log, in words."""
    log = source.log
    position = log.position[row] + log.first
    return f"decision {source.decision[log.slate[row]]!r}, position {position}"
