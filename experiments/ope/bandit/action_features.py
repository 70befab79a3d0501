"""What actions have in common, from a file: their categories, for `marginal`."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray, TextArray
from promopilot.experiments.ope.columns import (
    FIRST_ROW,
    id_column,
    number_column,
    read_table,
    require,
)
from promopilot.experiments.ope.distribution import check_sums


@dataclass(frozen=True)
class ActionCategories:
    """Categories of A actions, E of them."""

    file: str  # the file's name, for messages
    names: tuple[str, ...]  # [E]
    probability: FloatArray  # [A, E] of each category given the action; rows sum to 1
    told: bool  # whether the log tells which category was shown; else the action does


def read_action_features(
    path: Path, actions: Sequence[str], tolerance: float = 1e-4
) -> ActionCategories:
    """Reads `action, a_*` or `action, category, probability`.

    In the first form actions that agree in all columns a_* share one category; an empty cell is a
    value like any other. In the second each action shows a category drawn with that probability,
    and the log tells which in its column `category`. Actions that are not among `actions` are
    passed over: a catalogue may be wider than a log.

    Args:
        path: of the file, CSV or Parquet.
        actions: [A] names of those that the log and the policy know.
        tolerance: how far an action's probabilities may sum from 1.

    Raises:
        LogError: a fault with row, column and value, or an action that is missing.
    """
    table = read_table(path, ids=("action", "category"))
    require(table, ("action",), path.name, ("category", "probability", "a_*"))
    given = [name for name in table.column_names if name.startswith("a_")]
    drawn = {"category", "probability"} <= set(table.column_names)
    if bool(given) == drawn:
        raise LogError(
            f"{path.name} must have either columns a_*, or category and probability; "
            f"it has {', '.join(table.column_names)}."
        )
    action = id_column(table, "action", path.name)
    _refuse_missing(path.name, action, actions)
    if drawn:
        return _drawn(table, action, actions, path.name, tolerance)
    return _shared(table.select(given), action, actions, path.name)


def category_of(
    categories: ActionCategories, action: IntArray, told: TextArray | None, decision: TextArray
) -> IntArray:
    """Category [m] of the logged action in each of m decisions.

    Args:
        categories: of the actions.
        action: [m] logged.
        told: [m] the log's column `category`, None where it has none.
        decision: [m] ids, for messages.

    Raises:
        LogError: a category that is needed and missing, not known, or that the action never shows.
    """
    if not categories.told:
        return np.asarray(categories.probability.argmax(axis=1)[action])
    if told is None:
        raise LogError(
            f"{categories.file} gives probabilities of categories; the log then needs a column "
            "'category' with the one that was shown."
        )
    found = pd.Index(categories.names).get_indexer(pd.Index(told)).astype(np.int64)
    if (unknown := found < 0).any():
        row = int(np.argmax(unknown))
        shown = "empty" if pd.isna(told[row]) else repr(told[row])
        raise LogError(
            f"the log, decision {decision[row]!r}: category is {shown}; it must be one of "
            f"{categories.file}."
        )
    if (never := categories.probability[action, found] <= 0.0).any():
        row = int(np.argmax(never))
        raise LogError(
            f"the log, decision {decision[row]!r}: category is {told[row]!r}, which its action "
            f"never shows according to {categories.file}."
        )
    return np.asarray(found)


def _shared(
    features: pa.Table, action: TextArray, actions: Sequence[str], file: str
) -> ActionCategories:
    _refuse_repeated(file, action, [f"action {name!r}" for name in action])
    place = pd.Index(action).get_indexer(pd.Index(actions))
    known = features.to_pandas().astype("string").fillna("").iloc[place]
    code = known.groupby(list(known.columns), sort=True).ngroup().to_numpy()
    first = np.unique(code, return_index=True)[1]
    names = [", ".join(row) for row in known.to_numpy()[first]]
    return ActionCategories(file, tuple(names), np.eye(len(names))[code], told=False)


def _drawn(
    table: pa.Table, action: TextArray, actions: Sequence[str], file: str, tolerance: float
) -> ActionCategories:
    category = id_column(table, "category", file)
    value = number_column(table, "probability", file)
    whose = [f"action {a!r}, category {c!r}" for a, c in zip(action, category, strict=True)]
    if (bad := ~((value >= 0.0) & (value <= 1.0))).any():
        row = int(np.argmax(bad))
        raise LogError(
            f"{file}, row {row + FIRST_ROW} ({whose[row]}): probability is {value[row]:.12g}; it "
            "must be from 0 to 1."
        )
    _refuse_repeated(file, np.array(whose, dtype=object), whose)
    code, names = pd.factorize(category, sort=True)
    place = pd.Index(actions).get_indexer(pd.Index(action))
    probability = np.zeros((len(actions), len(names)))
    probability[place[place >= 0], code[place >= 0]] = value[place >= 0]
    check_sums(probability, tolerance, lambda row: f"{file}, action {actions[row]!r}")
    return ActionCategories(file, tuple(str(name) for name in names), probability, told=True)


def _refuse_missing(file: str, there: TextArray, actions: Sequence[str]) -> None:
    known = set(there)
    for action in actions:
        if action not in known:
            near = get_close_matches(action, [str(name) for name in known - set(actions)], n=1)
            hint = f"; did you mean {near[0]!r} there?" if near else "."
            raise LogError(f"{file} has no row for action {action!r}{hint}")


def _refuse_repeated(file: str, keys: TextArray, whose: Sequence[str]) -> None:
    if (twice := pd.Series(keys).duplicated().to_numpy()).any():
        row = int(np.argmax(twice))
        raise LogError(f"{file}, row {row + FIRST_ROW}: {whose[row]} stands there twice.")
