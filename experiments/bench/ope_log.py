"""A made-up bandit log of any size for benches, as arrays and as files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pyarrow import parquet

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.log import BanditLog

ACTIONS = 20
CATEGORIES = 5  # of the actions
_BLOCK = 200_000


@dataclass(frozen=True)
class MadeUp:
    """n decisions over A actions, the policy to judge, and what there is to know of rewards."""

    log: BanditLog
    policy: FloatArray  # [n, A] probabilities
    behavior: FloatArray  # [n, A] of the policy that wrote the log
    qhat: FloatArray  # [n, A] reward estimates, a little off
    features: FloatArray  # [n, 2]


def made_up(count: int, seed: int = 0) -> MadeUp:
    """Clicks at some 10 %, logged by a soft choice; the policy is another soft choice.

    Usable evidence is about a third of the rows: neither an easy log nor a hopeless one.
    """
    rng = np.random.default_rng(seed)
    taste = rng.standard_normal((count, ACTIONS), dtype=np.float32)
    behavior = _softmax(np.float32(0.5) * taste)
    other = rng.standard_normal((count, ACTIONS), dtype=np.float32)
    policy = _softmax(np.float32(0.5) * taste + np.float32(1.2) * other)
    action = np.sum(rng.random((count, 1)) > behavior.cumsum(axis=1), axis=1).clip(0, ACTIONS - 1)
    rows = np.arange(count)
    truth = np.clip(0.1 + 0.03 * taste, 0.0, 1.0).astype(np.float64)
    reward = (rng.random(count) < truth[rows, action]).astype(np.float64)
    log = BanditLog(
        action=action,
        reward=reward,
        propensity=behavior[rows, action],
        cluster=rows,
        evidence="logged",
        actions=tuple(f"a{at:02d}" for at in range(ACTIONS)),
    )
    return MadeUp(log, policy, behavior, 0.9 * truth + 0.01, taste[:, :2].astype(np.float64))


def write_files(count: int, folder: Path) -> None:
    """Writes `log.parquet`, `policy.parquet` and `qhat.parquet` in contract form, block by block.

    Ids do not sort as they were written, and the policy's rows come in another order than the
    log's, as in tables that other systems export.
    """
    folder.mkdir(parents=True)
    writers: dict[str, parquet.ParquetWriter] = {}
    try:
        for name, table in _tables(count):
            if name not in writers:
                writers[name] = parquet.ParquetWriter(folder / f"{name}.parquet", table.schema)
            writers[name].write_table(table)
    finally:
        for writer in writers.values():
            writer.close()


def _tables(count: int) -> Iterator[tuple[str, pa.Table]]:
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        one = made_up(size, seed=start)
        names = pa.array(one.log.actions)
        ids = np.arange(start, start + size)
        yield (
            "log",
            pa.table(
                {
                    "decision_id": ids,
                    "action": names.take(pa.array(one.log.action)),
                    "reward": one.log.reward,
                    "propensity": one.log.propensity,
                    "x_0": one.features[:, 0],
                    "x_1": one.features[:, 1],
                }
            ),
        )
        for name, column, values in (
            ("policy", "probability", one.policy),
            ("qhat", "q", one.qhat),
        ):
            yield (
                name,
                pa.table(
                    {
                        "decision_id": np.tile(ids, ACTIONS),
                        "action": names.take(pa.array(np.repeat(np.arange(ACTIONS), size))),
                        column: values.T.ravel(),
                    }
                ),
            )


def _softmax(scores: NDArray[np.float32]) -> FloatArray:
    raised = np.exp(scores.astype(np.float64))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
