"""Small markets that several tests use."""

from dataclasses import replace

import numpy as np

from promopilot.envs.settings import MarketSettings
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World

CALM = MarketSettings(fatigue_exponent=0.0, price_sd=0.0, supply_sd=0.0)


def calm_world(size: SyntheticSize | None = None, **changes: object) -> World:
    """A world in which nothing is uncertain and nothing couples the days."""
    size = replace(size or SyntheticSize(), shift_sd=0.0, own_sd=0.0)
    world = synthetic_world(size, settings=CALM)
    flat = np.broadcast_to(np.rint(world.supply.mean(axis=0)), world.supply.shape).copy()
    return replace(world, supply=flat, supply_sd=np.zeros_like(world.supply_sd), **changes)
