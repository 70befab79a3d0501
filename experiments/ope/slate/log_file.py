"""Reads a slate log from a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray, TextArray
from promopilot.experiments.ope.columns import id_column, number_column, read_table, require
from promopilot.experiments.ope.log_table import (
    Place,
    evidence_column,
    feature_columns,
    ignored_columns,
    place_in,
    timestamp_column,
)
from promopilot.experiments.ope.slate.log import SlateLog, check_log, check_positions
from promopilot.experiments.ope.slate.probabilities import SlateProbabilities

_NEEDED = ("decision_id", "position", "action", "reward")
_OPTIONAL = (
    *("propensity", "propensity_position", "propensity_cascade"),
    *("cluster_id", "evidence", "timestamp", "x_*"),
)


@dataclass(frozen=True)
class SlateFile:
    """A log sorted by decision and position, so that the order of a file's rows changes nothing.

    A decision of the file is a slate: n of them, in m rows.
    """

    name: str  # the file's name, for messages
    log: SlateLog
    decision: TextArray  # [n] distinct ids
    unit: TextArray  # [n] cluster ids where given, else decision ids: what is independent
    features: FloatArray  # [m, d] the columns x_*
    timestamp: NDArray[np.datetime64] | None  # [n] at the first position
    ignored: tuple[str, ...]  # columns that nothing uses


def read_log(path: Path, tolerance: float) -> SlateFile:
    """Reads `decision_id, position, action, reward` and the probabilities.

    Those are `propensity`, `propensity_position` and `propensity_cascade`, as far as they are
    there; optional are `cluster_id, evidence, timestamp, x_*`. Positions count from 0, or all
    from 1.

    Raises:
        LogError: a fault, with row, column and value.
    """
    table = read_table(path, ids=("decision_id", "action", "cluster_id", "evidence", "timestamp"))
    require(table, _NEEDED, path.name, _OPTIONAL)
    if table.num_rows == 0:
        raise LogError(f"{path.name} is empty: it needs at least one slate.")
    decision = id_column(table, "decision_id", path.name)
    place = place_in(path.name, decision)
    slate, ids = pd.factorize(decision, sort=True)
    action, names = pd.factorize(id_column(table, "action", path.name), sort=True)
    unit = _unit_of(table, slate, place) if "cluster_id" in table.column_names else ids
    slate, position = slate.astype(np.int64), position_column(table, place)
    first = 1 if position.min() == 1 else 0
    check_positions(slate, position, place, first)
    log = SlateLog(
        slate=slate,
        position=position - first,
        action=action.astype(np.int64),
        reward=number_column(table, "reward", path.name),
        propensity=probability_columns(table, "propensity", path.name),
        cluster=pd.factorize(unit, sort=True)[0].astype(np.int64),
        evidence=evidence_column(table, place),
        actions=tuple(str(name) for name in names),
        first=first,
    )
    check_log(log, tolerance, place)
    order = np.lexsort((log.position, log.slate))
    times = timestamp_column(table, place)
    return SlateFile(
        name=path.name,
        log=_ordered(log, order),
        decision=np.asarray(ids, dtype=object),
        unit=np.asarray(unit, dtype=object),
        features=feature_columns(table, "x_", path.name)[order],
        timestamp=None if times is None else times[order][log.position[order] == 0],
        ignored=ignored_columns(table, (*_NEEDED, *_OPTIONAL)),
    )


def position_column(table: pa.Table, place: Place) -> IntArray:
    """Positions [m], whole numbers, as they are counted in the file.

    Raises:
        LogError: one that is none, with its row.
    """
    position = number_column(table, "position", place.name)
    whole = np.isfinite(position) & (position % 1.0 == 0.0) & (np.abs(position) < 2**31)
    place.refuse(~whole, "position", position, "it must be a whole number")
    return position.astype(np.int64)


def probability_columns(table: pa.Table, column: str, file: str) -> SlateProbabilities:
    """The three columns of probabilities, each as far as it is there."""

    def read(name: str) -> FloatArray | None:
        return number_column(table, name, file) if name in table.column_names else None

    return SlateProbabilities(read(column), read(f"{column}_position"), read(f"{column}_cascade"))


def _unit_of(table: pa.Table, slate: IntArray, place: Place) -> TextArray:
    """The cluster of each slate [n], the same on all of its rows."""
    cluster = id_column(table, "cluster_id", place.name)
    first = np.unique(slate, return_index=True)[1]
    other = cluster != cluster[first][slate]
    place.refuse(other, "cluster_id", cluster, "a slate belongs to one cluster on all of its rows")
    return np.asarray(cluster[first])


def _ordered(log: SlateLog, order: IntArray) -> SlateLog:
    return SlateLog(
        slate=log.slate[order],
        position=log.position[order],
        action=log.action[order],
        reward=log.reward[order],
        propensity=log.propensity.of_rows(order),
        cluster=log.cluster,
        evidence=log.evidence,
        actions=log.actions,
        first=log.first,
    )
