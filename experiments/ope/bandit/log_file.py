"""Reads a bandit log from a file, in blocks of decisions sorted by id.

Sorted, because then the order of a file's rows changes nothing; in blocks, because a log may be
larger than memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import (
    USABLE_REWARD,
    USABLE_SQL,
    BoolArray,
    FloatArray,
    TextArray,
)
from promopilot.experiments.ope.bandit.database import Database, open_database
from promopilot.experiments.ope.bandit.faults import Rule, filled, refuse_broken, within
from promopilot.experiments.ope.bandit.log import (
    BanditLog,
)
from promopilot.experiments.ope.bandit.log_codes import make_codes, refuse_repeated
from promopilot.experiments.ope.bandit.log_columns import (
    feature,
    ignored_columns,
    timestamp,
    timestamp_rule,
)
from promopilot.experiments.ope.bandit.table import Table, open_table, quoted
from promopilot.experiments.ope.log_rules import EVIDENCE, PROPENSITY_RULE, SMALLEST_PROPENSITY

# Memory for reading a log whole.
_WHOLE_MB = 1000
_NEEDED = ("decision_id", "action", "reward")
_OPTIONAL = (
    *("propensity", "timestamp", "cluster_id", "evidence", "category", "unavailable", "x_*"),
    # These make a log one of another kind.
    *("episode_id", "position", "propensity_density"),
)


@dataclass(frozen=True)
class LogBlock:
    """Some of a log's decisions, b of them, in the order of their ids."""

    start: int  # place of the first one among all decisions
    log: BanditLog  # [b]; propensities are NaN where the file has none
    decision: TextArray  # [b] ids
    unit: TextArray  # [b] cluster ids where given, else decision ids: what is independent
    features: FloatArray  # [b, d] the columns x_*
    category: TextArray | None  # [b] of the logged action, where the file tells it
    timestamp: NDArray[np.datetime64] | None  # [b] where the file has one that can be read

    def at(self, chosen: BoolArray) -> "LogBlock":
        """The decisions chosen [b]."""
        log = self.log
        return LogBlock(
            start=self.start,
            log=BanditLog(
                action=log.action[chosen],
                reward=log.reward[chosen],
                propensity=log.propensity[chosen],
                cluster=log.cluster[chosen],
                evidence=log.evidence,
                actions=log.actions,
            ),
            decision=self.decision[chosen],
            unit=self.unit[chosen],
            features=self.features[chosen],
            category=None if self.category is None else self.category[chosen],
            timestamp=None if self.timestamp is None else self.timestamp[chosen],
        )


@dataclass(frozen=True)
class LogSource:
    """A checked log in a database; tables `decision`, `action` and `unit` there hold its codes."""

    table: Table
    evidence: str
    actions: tuple[str, ...]  # names, sorted; others may be added behind them
    unseen_from: int  # actions from here on are not in the log
    ignored: tuple[str, ...] = ()  # columns that nothing uses

    @property
    def count(self) -> int:
        """Number of decisions."""
        return self.table.count

    @property
    def has_propensity(self) -> bool:
        """Whether propensities were logged."""
        return "propensity" in self.table.types

    @property
    def has_clusters(self) -> bool:
        """Whether the file tells which decisions are not independent."""
        return "cluster_id" in self.table.types

    def blocks(self, size: int) -> Iterator[LogBlock]:
        """The decisions in blocks of `size`, the last one shorter.

        Args:
            size: decisions of a block.
        """
        table, start = self.table, 0
        names = {"timestamp": timestamp(table)} if timestamp(table) else {}
        known = [name for name in table.types if name.startswith("x_")]
        names |= {f"feature {at}": feature(table, name) for at, name in enumerate(known)}
        if "category" in table.types:
            names["category"] = table.text("category")
        propensity = table.number("propensity") if self.has_propensity else "'nan'::double"
        if self.has_clusters:
            names["unit"] = table.text("cluster_id")
        query = f"""
            select l.* exclude (action), action.code as action
                   {", unit.code as cluster" if self.has_clusters else ""}
            from (select {table.text("decision_id")} as decision_id,
                         {table.text("action")} as action,
                         {table.number("reward")} as reward,
                         {propensity} as propensity
                         {"".join(f", {sql} as {quoted(name)}" for name, sql in names.items())}
                  from {table.source}) l
            join action using (action)
            {"join unit using (unit)" if self.has_clusters else ""}
            order by decision_id"""
        for rows in table.database.tables(query, size):
            yield self._block(rows, start, len(known))
            start += rows.num_rows

    def _block(self, rows: pa.Table, start: int, features: int) -> LogBlock:
        def column(name: str) -> NDArray[np.generic]:
            return np.asarray(rows.column(name).to_numpy())

        there = rows.column_names
        decision = column("decision_id").astype(object)
        alone = start + np.arange(rows.num_rows)
        return LogBlock(
            start=start,
            log=BanditLog(
                action=column("action").astype(np.int64),
                reward=column("reward").astype(np.float64),
                propensity=column("propensity").astype(np.float64),
                cluster=column("cluster").astype(np.int64) if self.has_clusters else alone,
                evidence=self.evidence,
                actions=self.actions,
            ),
            decision=decision,
            unit=column("unit").astype(object) if self.has_clusters else decision,
            features=np.column_stack([column(f"feature {at}") for at in range(features)])
            if features
            else np.empty((rows.num_rows, 0)),
            category=column("category").astype(object) if "category" in there else None,
            timestamp=column("timestamp").astype("datetime64[us]")
            if "timestamp" in there
            else None,
        )


@dataclass(frozen=True)
class LogFile:
    """A log that is held whole, sorted by decision id."""

    log: BanditLog  # n decisions
    decision: TextArray  # [n] distinct ids
    features: FloatArray  # [n, d] the columns x_*


def read_log(path: Path) -> LogFile:
    """Reads a log whole, as `open_log` does in blocks; for logs that fit into memory.

    Raises:
        LogError: a fault, with row, column and value.
    """
    with open_database(_WHOLE_MB) as database:
        source = open_log(database, path)
        (block,) = source.blocks(source.count)
    return LogFile(block.log, block.decision, block.features)


def open_log(database: Database, path: Path) -> LogSource:
    """Opens `decision_id, action, reward` and optional `propensity, cluster_id, evidence, x_*`.

    Columns `timestamp` and `category` are read where they are there, `cost` is not used.

    Raises:
        LogError: a fault, with row, column and value.
    """
    table = open_table(database, path, _NEEDED, _OPTIONAL)
    if table.count == 0:
        raise LogError(f"{table.name} is empty: it needs at least one decision.")
    ids = [name for name in ("decision_id", "cluster_id", "action") if name in table.types]
    rules = [filled(table, name) for name in ids]
    if "evidence" in table.types:
        words = ", ".join(f"'{word}'" for word in EVIDENCE)
        unknown = f"coalesce({table.text('evidence')}, '') not in ({words})"
        rules.append(Rule("evidence", unknown, "it must be logged or simulated", False))
    rules.append(within(table, "reward", USABLE_SQL, USABLE_REWARD))
    if "propensity" in table.types:
        rules.append(
            within(
                table,
                "propensity",
                f"{{value}} >= {SMALLEST_PROPENSITY} and {{value}} <= 1.0",
                PROPENSITY_RULE,
            )
        )
    if "timestamp" in table.types:
        rules.append(timestamp_rule(table))
    refuse_broken(table, rules, ("decision_id",))
    ignored = ignored_columns(table, (*_NEEDED, *_OPTIONAL))
    simulated = "evidence" in table.types and table.has(f"{table.text('evidence')} = 'simulated'")
    refuse_repeated(table)
    actions = make_codes(table)
    # One word for the whole log: a part that is simulated makes all of it so.
    evidence = "simulated" if simulated else "logged"
    return LogSource(table, evidence, actions, len(actions), ignored)
