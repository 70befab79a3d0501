"""Small markets that several tests use."""

from dataclasses import replace

import numpy as np

from promopilot.envs.dynamics import steady
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World


def calm_world(size: SyntheticSize | None = None, **changes: object) -> World:
    """A world in which nothing is uncertain and nothing couples the days."""
    size = replace(size or SyntheticSize(), shift_sd=0.0, own_sd=0.0)
    world = synthetic_world(size)
    catalog = world.catalog
    dynamics = steady(len(catalog.pools), len(catalog.placement_ids), catalog.num_promotions)
    flat = np.broadcast_to(np.rint(world.supply.mean(axis=0)), world.supply.shape).copy()
    return replace(world, supply=flat, dynamics=dynamics, **changes)
