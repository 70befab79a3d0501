"""A log's sorted blocks as files, one each, that workers read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pyarrow import parquet

from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource


@dataclass(frozen=True)
class LogFiles:
    """B blocks of `size` decisions, the last one shorter."""

    folder: Path
    size: int
    firsts: tuple[str, ...]  # [B] id of each block's first decision, rising

    @property
    def pattern(self) -> str:
        """All files, as SQL takes them; each has the ids in its column `decision_id`."""
        return str(self.folder / "*.parquet").replace("'", "''")

    def read(self, number: int, log: LogSource) -> LogBlock:
        """A block as it was written; `log` is the one that it came from."""
        table = parquet.read_table(_file(self.folder, number))

        def column(name: str) -> NDArray[np.generic]:
            return np.asarray(table.column(name).to_numpy())

        there = table.column_names
        features = [column(name) for name in there if name.startswith("feature ")]
        start = number * self.size
        decision = column("decision_id").astype(object)
        alone = start + np.arange(len(decision))
        return LogBlock(
            start=start,
            log=BanditLog(
                action=column("action").astype(np.int64),
                reward=column("reward").astype(np.float64),
                propensity=column("propensity").astype(np.float64),
                cluster=column("cluster").astype(np.int64) if log.has_clusters else alone,
                evidence=log.evidence,
                actions=log.actions,
            ),
            decision=decision,
            unit=column("unit").astype(object) if log.has_clusters else decision,
            features=np.column_stack(features) if features else np.empty((len(decision), 0)),
            category=column("category").astype(object) if "category" in there else None,
            timestamp=column("timestamp").astype("datetime64[us]")
            if "timestamp" in there
            else None,
        )


def write_blocks(log: LogSource, size: int, folder: Path) -> LogFiles:
    """Writes the log's blocks into a new folder; it is sorted once and never held whole.

    Args:
        log: The decisions.
        size: Decisions of a block.
        folder: That all workers see.
    """
    folder.mkdir()
    return LogFiles(folder, size, tuple(_written(log, size, folder)))


def _written(log: LogSource, size: int, folder: Path) -> Iterator[str]:
    for number, block in enumerate(log.blocks(size)):
        columns = {
            "decision_id": pa.array(block.decision, pa.string()),
            "action": block.log.action,
            "reward": block.log.reward,
            "propensity": block.log.propensity,
        }
        if log.has_clusters:
            columns["cluster"] = block.log.cluster
            columns["unit"] = pa.array(block.unit, pa.string())
        columns |= {f"feature {at}": values for at, values in enumerate(block.features.T)}
        if block.category is not None:
            columns["category"] = pa.array(block.category, pa.string())
        if block.timestamp is not None:
            columns["timestamp"] = block.timestamp
        parquet.write_table(pa.table(columns), _file(folder, number), compression="lz4")
        yield str(block.decision[0])


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.parquet"
