"""Reads a log of numeric actions, a policy and reward estimates from files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import USABLE_REWARD, FloatArray, TextArray, unusable
from promopilot.experiments.ope.columns import (
    id_column,
    number_column,
    read_table,
    require,
    unknown_id,
)
from promopilot.experiments.ope.continuous.log import ContinuousLog, check_log
from promopilot.experiments.ope.log_table import (
    evidence_column,
    feature_columns,
    ignored_columns,
    place_in,
    timestamp_column,
)

_NEEDED = ("decision_id", "action", "reward", "propensity_density")
_OPTIONAL = ("cluster_id", "evidence", "timestamp", "x_*")


@dataclass(frozen=True)
class ContinuousFile:
    """A log sorted by decision id, so that the order of a file's rows changes nothing."""

    name: str  # the file's name, for messages
    log: ContinuousLog  # n decisions
    decision: TextArray  # [n] distinct ids
    unit: TextArray  # [n] cluster ids where given, else decision ids: what is independent
    features: FloatArray  # [n, d] the columns x_*
    timestamp: NDArray[np.datetime64] | None  # [n]
    ignored: tuple[str, ...]  # columns that nothing uses


def read_log(path: Path) -> ContinuousFile:
    """Reads `decision_id, action, reward, propensity_density` and what may come with them.

    Optional are `cluster_id, evidence, timestamp, x_*`.

    Raises:
        LogError: a fault, with row, column and value.
    """
    table = read_table(path, ids=("decision_id", "cluster_id", "evidence", "timestamp"))
    require(table, _NEEDED, path.name, _OPTIONAL)
    if table.num_rows == 0:
        raise LogError(f"{path.name} is empty: it needs at least one decision.")
    decision = id_column(table, "decision_id", path.name)
    place = place_in(path.name, decision)
    place.refuse_repeated({"decision_id": decision})
    given = "cluster_id" in table.column_names
    unit = id_column(table, "cluster_id", path.name) if given else decision
    log = ContinuousLog(
        action=number_column(table, "action", path.name),
        reward=number_column(table, "reward", path.name),
        density=number_column(table, "propensity_density", path.name),
        cluster=pd.factorize(unit, sort=True)[0].astype(np.int64),
        evidence=evidence_column(table, place),
    )
    check_log(log, place)
    order = np.argsort(decision, kind="stable")
    times = timestamp_column(table, place)
    return ContinuousFile(
        name=path.name,
        log=ContinuousLog(
            action=log.action[order],
            reward=log.reward[order],
            density=log.density[order],
            cluster=log.cluster[order],
            evidence=log.evidence,
        ),
        decision=decision[order],
        unit=unit[order],
        features=feature_columns(table, "x_", path.name)[order],
        timestamp=None if times is None else times[order],
        ignored=ignored_columns(table, (*_NEEDED, *_OPTIONAL)),
    )


def read_by_decision(path: Path, column: str, source: ContinuousFile) -> FloatArray:
    """A file's numbers for the log's decisions [n]; others are passed over.

    Args:
        path: a file with `decision_id` and the column.
        column: `action` of a policy, `q` of reward estimates.
        source: the log.

    Raises:
        LogError: a fault, with row, column and value, or a decision without a row.
    """
    table = read_table(path, ids=("decision_id",))
    require(table, ("decision_id", column), path.name)
    if table.num_rows == 0:
        raise LogError(f"{path.name} is empty: it needs a row for every decision of {source.name}.")
    decision = id_column(table, "decision_id", path.name)
    place = place_in(path.name, decision)
    place.refuse_repeated({"decision_id": decision})
    values = number_column(table, column, path.name)
    place.refuse(unusable(values), column, values, USABLE_REWARD)
    found = pd.Index(decision).get_indexer(pd.Index(source.decision))
    if (missing := found < 0).any():
        first = source.decision[int(np.argmax(missing))]
        raise LogError(
            f"{path.name} has no row for decision {first!r} of {source.name} "
            f"({int(missing.sum())} of {len(missing)} decisions are missing)"
            f"{unknown_id(decision, source.decision, 'a decision', source.name)}."
        )
    return np.asarray(values[found])
