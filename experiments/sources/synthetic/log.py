"""A log of block fillings in the true flight, and what every choice would have been worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.blocks.log import BlockLog, explore_in_blocks
from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.experiments.logs import NONE, bandit_frame
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings


def write_log(world: World, settings: SyntheticSettings, seed: int, folder: Path) -> None:
    """`log.parquet` in contract form, and `log_q.parquet`: the true mean reward of every choice."""
    blocks = _explored(world, settings, seed)
    frame = bandit_frame(world, blocks)
    frame.to_parquet(folder / "log.parquet", index=False)
    actions = np.array([*world.catalog.promotion_ids, NONE], dtype=object)
    decision, action = np.nonzero(blocks.available)
    pd.DataFrame(
        {
            "decision_id": frame["decision_id"].to_numpy()[decision],
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
