"""Logs of policies in a run's market, written for offline evaluation."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from promopilot.agents.policy import Policy
from promopilot.envs.blocks.log import BlockLog, explore_in_blocks
from promopilot.envs.blocks.presets import PresetLog, explore_presets
from promopilot.envs.world import World
from promopilot.experiments.atomic import atomic_folder, atomic_path
from promopilot.experiments.errors import LogError, RunFolderError
from promopilot.experiments.ope.settings import OpeSettings

NONE = "none"
BANDIT, SEQUENTIAL = "log.parquet", "sequential.parquet"
# Flights logged together: enough for speed, few enough for memory.
_BATCH = 16


def write_logs(
    world: World,
    policies: Sequence[Policy],
    flights: int,
    settings: OpeSettings,
    seed: int,
    out: Path,
    progress: Callable[[str, float], None],
) -> dict[str, Any]:
    """Log the first policy block by block and, of several, one drawn for every day.

    Args:
        world: The market.
        policies: Who decides; the first one's shares fill blocks.
        flights: How many flights each log has.
        settings: Blocks a day and exploration.
        seed: Seed of the logged flights.
        out: New or empty folder for `log.parquet` and, of several policies, `sequential.parquet`.
        progress: Told the share done.

    Returns:
        The files with their rows.

    Raises:
        RunFolderError: `out` holds files or cannot be written.
    """
    require_empty(out)
    batches = [np.arange(flights)[at : at + _BATCH] for at in range(0, flights, _BATCH)]
    done, parts = 0, len(batches) * (2 if len(policies) > 1 else 1)

    def frames(make: Callable[[np.ndarray, int], pd.DataFrame]) -> Iterable[pd.DataFrame]:
        nonlocal done
        rows = 0
        for batch in batches:
            frame = make(batch, rows)
            rows += len(frame)
            yield frame
            done += 1
            progress("log", done / parts)

    def blocks(batch: np.ndarray, first: int) -> pd.DataFrame:
        given = settings.blocks_per_day, settings.exploration
        log = explore_in_blocks(world, chosen.spend, seed, batch, *given)
        return bandit_frame(world, log, first)

    def days(batch: np.ndarray, first: int) -> pd.DataFrame:
        return sequential_frame(explore_presets(world, presets, seed, batch))

    chosen, presets = policies[0], {policy.name: policy.spend for policy in policies}
    with atomic_folder(out) as work:
        rows = {BANDIT: write_frames(frames(blocks), work / BANDIT)}
        if len(policies) > 1:
            rows[SEQUENTIAL] = write_frames(frames(days), work / SEQUENTIAL)
    return {
        "policy": chosen.name,
        "exploration": settings.exploration,
        "files": {str(out / name): count for name, count in rows.items()},
    }


def require_empty(out: Path) -> None:
    """Refuses a place that holds something.

    Raises:
        RunFolderError: It does.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        what = "holds files already" if out.is_dir() else "is a file"
        raise RunFolderError(f"{out} {what}; name a new or empty folder for the logs")


def bandit_frame(world: World, log: BlockLog, first: int = 0) -> pd.DataFrame:
    """Block decisions in the contract's columns; decisions are numbered from `first`."""
    catalog = world.catalog
    placement, segment = catalog.pools[log.pool].T
    dates = np.array([str(world.start + timedelta(days=day)) for day in range(world.days)])
    cluster = log.flight * world.days + log.day
    clusters, where = np.unique(cluster, return_inverse=True)
    names = [f"{number // world.days}-{number % world.days}" for number in clusters]
    return pd.DataFrame(
        {
            "decision_id": np.arange(first, first + len(log.action)).astype(str),
            "action": np.array((*catalog.promotion_ids, NONE), dtype=object)[log.action],
            "reward": log.reward,
            "propensity": log.propensity,
            "timestamp": dates.astype(object)[log.day],
            "cluster_id": np.array(names, dtype=object)[where],
            "x_day": log.day,
            "x_placement": placement,
            "x_segment": segment,
            "unavailable": _unavailable(world, log),
            "evidence": "simulated",
        }
    )


def _unavailable(world: World, log: BlockLog) -> np.ndarray:
    """Promotions of each decision's pool that could not be chosen `[n]`: a JSON list, or empty."""
    catalog = world.catalog
    there = np.zeros((len(catalog.pools), catalog.num_promotions), dtype=bool)
    there[catalog.pool, catalog.promotion] = True
    names = np.array(catalog.promotion_ids, dtype=object)
    missing = there[log.pool] & ~log.available[:, :-1]
    sets, which = np.unique(np.packbits(missing, axis=1), axis=0, return_inverse=True)
    masks = np.unpackbits(sets, axis=1, count=missing.shape[1]).astype(bool)
    texts = [json.dumps(names[mask].tolist(), ensure_ascii=False) for mask in masks]
    told = [text if mask.any() else "" for text, mask in zip(texts, masks, strict=True)]
    return np.array(told, dtype=object)[which.ravel()]


def sequential_frame(log: PresetLog) -> pd.DataFrame:
    """Days of flights in the contract's columns; an episode is a flight."""
    head = pd.DataFrame(
        {
            "episode_id": log.flight.astype(str),
            "step": log.day,
            "action": np.array(log.presets, dtype=object)[log.action],
            "reward": log.reward,
            "propensity": log.propensity,
        }
    )
    state = pd.DataFrame(log.state, columns=[f"s_{name}" for name in log.state_names])
    return pd.concat([head, state], axis=1).assign(evidence="simulated")


def write_frames(frames: Iterable[pd.DataFrame], path: Path) -> int:
    """Write frames one after the other to a .csv or .parquet file; returns the rows written.

    The file appears under its name when it is complete.

    Raises:
        LogError: Another ending.
        RunFolderError: `path` cannot be written.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise LogError(f"{path} must end in .csv or .parquet.")
    rows = 0
    with atomic_path(path) as partial:
        writer: parquet.ParquetWriter | None = None
        try:
            for frame in frames:
                if path.suffix == ".csv":
                    text = io.StringIO()
                    frame.to_csv(text, index=False, header=rows == 0, lineterminator="\n")
                    with partial.open("a", encoding="utf-8", newline="\n") as file:
                        file.write(text.getvalue())
                else:
                    table = pa.Table.from_pandas(frame, preserve_index=False)
                    if writer is None:
                        writer = parquet.ParquetWriter(partial, table.schema)
                    writer.write_table(table)
                rows += len(frame)
        finally:
            if writer is not None:
                writer.close()
    return rows
