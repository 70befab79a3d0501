"""A log of block fillings in the true flight, and what every choice would have been worth."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.blocks.log import BlockLog, explore_in_blocks
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings

NONE = "none"


def write_log(world: World, settings: SyntheticSettings, seed: int, folder: Path) -> None:
    """`log.parquet` in contract form, and `log_q.parquet`: the true mean reward of every choice."""
    blocks = _explored(world, settings, seed)
    actions = np.array([*world.catalog.promotion_ids, NONE], dtype=object)
    placement, segment = world.catalog.pools[blocks.pool].T
    dates = [(world.start + timedelta(days=day)).isoformat() for day in range(world.days)]
    ids = np.arange(len(blocks.action)).astype(str).astype(object)
    pd.DataFrame(
        {
            "decision_id": ids,
            "action": actions[blocks.action],
            "reward": blocks.reward,
            "propensity": blocks.propensity,
            "timestamp": np.array(dates, dtype=object)[blocks.day],
            "cluster_id": [f"{f}-{d}" for f, d in zip(blocks.flight, blocks.day, strict=True)],
            "x_day": blocks.day,
            "x_placement": placement,
            "x_segment": segment,
            "evidence": "simulated",
        }
    ).to_parquet(folder / "log.parquet", index=False)
    decision, action = np.nonzero(blocks.available)
    pd.DataFrame(
        {
            "decision_id": ids[decision],
            "action": actions[action],
            "q": blocks.expected[decision, action],
        }
    ).to_parquet(folder / "log_q.parquet", index=False)


def _explored(world: World, settings: SyntheticSettings, seed: int) -> BlockLog:
    """The shares of the shop's usual spend, mixed with even choices."""
    flights = np.arange(settings.log_flights)
    usual = world.current_mix

    def spend(market: Market) -> Floats:
        return np.tile(usual[market.day], (market.num_flights, 1))

    return explore_in_blocks(
        world, spend, seed, flights, settings.log_blocks, settings.log_exploration
    )
