"""Reads a sequential log from a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import IntArray, TextArray
from promopilot.experiments.ope.columns import (
    FIRST_ROW,
    id_column,
    number_column,
    read_table,
    require,
)
from promopilot.experiments.ope.log_table import (
    Place,
    evidence_column,
    feature_columns,
    ignored_columns,
    timestamp_column,
)
from promopilot.experiments.ope.nuisance.folds import folds_of_units
from promopilot.experiments.ope.sequential.episodes import Episodes, episodes_of
from promopilot.experiments.ope.sequential.log import (
    SequentialLog,
    check_choice,
    check_decisions,
    refuse,
)

_NEEDED = ("episode_id", "step", "action", "reward")
_OPTIONAL = ("propensity", "cluster_id", "timestamp", "evidence", "s_*")


@dataclass(frozen=True)
class LogFile:
    """A log sorted by episode and step, so that the order of a file's rows changes nothing."""

    name: str  # the file's name, for messages
    log: SequentialLog  # n episodes, m decisions; propensities are 1 where none are logged
    episode: TextArray  # [n] distinct ids
    unit: TextArray  # [n] cluster ids where given, else episode ids: what is independent
    first: int  # the number of an episode's first step: 0 or 1
    propensities: Literal["logged", "estimated"]  # "estimated": none are in the file
    timestamp: NDArray[np.datetime64] | None  # [n] when each began, where the file says so
    ignored: tuple[str, ...]  # columns that nothing uses

    def folds(self, folds: int) -> IntArray:
        """[n] fold of each episode, by a hash of its cluster's id."""
        return folds_of_units(self.unit, self.episode, folds)


def read_log(path: Path) -> LogFile:
    """Reads `episode_id, step, action, reward` and what else there is.

    That is `propensity`, `cluster_id`, `timestamp`, `evidence` and the state columns `s_*`. Steps
    are whole numbers without gaps in an episode; all episodes count from 0, or all from 1.

    Raises:
        LogError: a fault, with row, column and value.
    """
    table = read_table(path, ids=("episode_id", "action", "cluster_id", "evidence", "timestamp"))
    file, place = path.name, Place(path.name, FIRST_ROW)
    require(table, _NEEDED, file, _OPTIONAL)
    if table.num_rows == 0:
        raise LogError(f"{file} is empty: it needs at least one episode.")
    episode, step = id_column(table, "episode_id", file), step_column(table, file)
    found = episodes_of(episode, step, file)
    order = found.order
    codes, names = pd.factorize(id_column(table, "action", file), sort=True)
    actions = tuple(str(name) for name in names)
    reward = number_column(table, "reward", file)
    logged = "propensity" in table.column_names
    propensity = number_column(table, "propensity", file) if logged else np.ones(len(reward))

    def where(row: int) -> str:
        return f"{file}, row {row + FIRST_ROW} (episode {episode[row]}, step {step[row]})"

    check_decisions(reward, propensity, where)
    check_choice(codes.astype(np.int64), actions, file)
    state = feature_columns(table, "s_", file)
    unit = _units(table, found, file)
    log = SequentialLog(
        action=codes[order].astype(np.int64),
        reward=reward[order],
        propensity=propensity[order],
        state=state[order],
        length=found.length,
        cluster=pd.factorize(unit, sort=True)[0].astype(np.int64),
        evidence=evidence_column(table, place),
        actions=actions,
    )
    times = timestamp_column(table, place)
    return LogFile(
        name=file,
        log=log,
        episode=found.ids,
        unit=unit,
        first=found.first,
        propensities="logged" if logged else "estimated",
        timestamp=None if times is None else times[order][found.start],
        ignored=ignored_columns(table, (*_NEEDED, *_OPTIONAL)),
    )


def step_column(table: pa.Table, file: str) -> IntArray:
    """Steps [m], whole numbers of at least 0.

    Raises:
        LogError: another value, with its row.
    """
    step = number_column(table, "step", file)
    rule = "it must be a whole number of at least 0"
    wrong = ~((step >= 0) & (step < 2**53) & (np.floor(step) == step))
    refuse(wrong, step, "step", rule, lambda row: f"{file}, row {row + FIRST_ROW}")
    return np.asarray(step.astype(np.int64))


def _units(table: pa.Table, found: Episodes, file: str) -> TextArray:
    """Cluster ids of episodes [n]; their own where none are given."""
    if "cluster_id" not in table.column_names:
        return found.ids
    cluster = id_column(table, "cluster_id", file)[found.order]
    unit = cluster[found.start]
    if (wrong := cluster != np.repeat(unit, found.length)).any():
        at = int(np.argmax(wrong))
        episode = np.repeat(found.ids, found.length)[at]
        raise LogError(
            f"{file}, row {found.order[at] + FIRST_ROW}: cluster_id is {cluster[at]!r}, but "
            f"episode {episode!r} began in another; an episode belongs to one cluster."
        )
    return np.asarray(unit)
