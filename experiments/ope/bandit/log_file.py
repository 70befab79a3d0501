"""Reads a bandit log from a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, TextArray
from promopilot.experiments.ope.bandit.log import EVIDENCE, BanditLog, check_log
from promopilot.experiments.ope.columns import (
    FIRST_ROW,
    feature_column,
    id_column,
    number_column,
    read_table,
    require,
)


@dataclass(frozen=True)
class LogFile:
    """A log sorted by decision id, so that the order of a file's rows changes nothing."""

    name: str  # the file's name, for messages
    log: BanditLog  # n decisions
    decision: TextArray  # [n] distinct ids
    unit: TextArray  # [n] cluster ids where given, else decision ids: what is independent
    features: FloatArray  # [n, d] the columns x_*


def read_log(path: Path) -> LogFile:
    """Reads `decision_id, action, reward, propensity` and optional `cluster_id, evidence, x_*`.

    Columns `timestamp` and `cost` may be there and are not used.

    Raises:
        LogError: a fault, with row, column and value.
    """
    table = read_table(path, ids=("decision_id", "action", "cluster_id", "evidence"))
    file, columns = path.name, table.column_names
    require(table, ("decision_id", "action", "reward"), file)
    if "propensity" not in columns:
        raise LogError(
            f"{file} has no column 'propensity': the probability with which each logged action was "
            "chosen is needed, and it is not estimated from the log here."
        )
    if table.num_rows == 0:
        raise LogError(f"{file} is empty: it needs at least one decision.")
    decision = id_column(table, "decision_id", file)
    unit = id_column(table, "cluster_id", file) if "cluster_id" in columns else decision
    codes, names = pd.factorize(id_column(table, "action", file), sort=True)
    log = BanditLog(
        action=codes.astype(np.int64),
        reward=number_column(table, "reward", file),
        propensity=number_column(table, "propensity", file),
        cluster=pd.factorize(unit, sort=True)[0].astype(np.int64),
        evidence=_evidence(table, file),
        actions=tuple(str(name) for name in names),
    )
    check_log(log, file, decision, FIRST_ROW)
    if (repeated := pd.Series(decision).duplicated().to_numpy()).any():
        row = int(np.argmax(repeated))
        raise LogError(
            f"{file}, row {row + FIRST_ROW}: decision_id {decision[row]!r} stands there twice; "
            "a decision has one row."
        )
    known = [feature_column(table, name) for name in columns if name.startswith("x_")]
    features = np.column_stack(known) if known else np.empty((len(decision), 0))
    order = np.argsort(decision, kind="stable")
    ordered = BanditLog(
        action=log.action[order],
        reward=log.reward[order],
        propensity=log.propensity[order],
        cluster=log.cluster[order],
        evidence=log.evidence,
        actions=log.actions,
    )
    return LogFile(file, ordered, decision[order], unit[order], features[order])


def _evidence(table: pa.Table, file: str) -> str:
    """One word for the whole log: a part that is simulated makes all of it so."""
    if "evidence" not in table.column_names:
        return "logged"
    words = id_column(table, "evidence", file)
    if (wrong := ~np.isin(words, EVIDENCE)).any():
        row = int(np.argmax(wrong))
        raise LogError(
            f"{file}, row {row + FIRST_ROW}: evidence is {words[row]!r}; "
            "it must be logged or simulated."
        )
    return "simulated" if (words == "simulated").any() else "logged"
