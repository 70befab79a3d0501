"""Playing a block policy on numbered flights: every policy meets the same ones."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from promopilot.agents.placement.policy import BlockPolicy
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.world import World

# Flights stepped together; larger batches gain little speed and cost memory.
_BATCH = 128


@dataclass(frozen=True)
class BlockRollout:
    """Books of F flights."""

    policy: str
    value: Floats  # [F] objective, money
    spent: Floats  # [F] media money
    by_day: Floats  # [F, D] media money
    decision_ms: float  # mean time of a decision on one flight's block


def roll_out_blocks(
    policy: BlockPolicy,
    world: World,
    seed: int,
    flights: Ints,
    *,
    blocks_per_day: int = 10,
    progress: Callable[[str, float], None] = lambda what, share: None,
) -> BlockRollout:
    """Play `policy` on the given flights `[F]` of a seed.

    Args:
        policy: Who decides.
        world: What is played.
        seed: With a flight's number it fixes everything drawn.
        flights: Numbers of the flights.
        blocks_per_day: Blocks of each pool and day.
        progress: Told the policy's name and the share of flights played.
    """
    batch = BlockFlights(world, blocks_per_day)
    value = np.zeros(len(flights))
    by_day = np.zeros((len(flights), world.days))
    deciding = 0.0
    for begin in range(0, len(flights), _BATCH):
        rows = slice(begin, begin + _BATCH)
        observed = batch.reset(seed, flights[rows])
        while not batch.done:
            day, began = batch.market.day, time.perf_counter()
            action = policy.choose(batch, observed)
            deciding += time.perf_counter() - began
            observed, _, block, _ = batch.step(action)
            value[rows] += block.objective
            by_day[rows, day] += block.spend
        progress(policy.name, min(begin + _BATCH, len(flights)) / len(flights))
    decisions = len(flights) * world.days * batch.blocks.decisions_per_day
    return BlockRollout(
        policy.name, value, by_day.sum(axis=1), by_day, 1000 * deciding / max(decisions, 1)
    )
