"""A batch of flights as an environment: decisions in, observations and rewards out.

The Gymnasium environment is a batch of one; the Gymnasium `VectorEnv` and the stable-baselines3
`VecEnv` are views of the same batch.
"""

import numpy as np

from promopilot.envs import observation
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.price_actions import pace_and_tilt
from promopilot.envs.replan import Replan
from promopilot.envs.world import World


class FlightBatch:
    """N flights of one world under price actions.

    Args:
        world: What is played.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.market = Market(world)
        self.replan = Replan(world)
        self.num_actions = 1 + world.catalog.num_promotions
        self.observation_size = observation.size(world)
        self.reward_scale = _reward_scale(world, self.replan)

    def reset(self, seed: int, flights: Ints) -> np.ndarray:
        """Start flights `[N]` of a seed and observe them `[N, observation_size]`."""
        self.market.reset(seed, flights)
        return observation.observe(self.market, self.replan)

    def spend(self, action: np.ndarray) -> Floats:
        """Media spend `[N, L]` that an action `[N, num_actions]` asks for today."""
        pace, tilt = pace_and_tilt(action)
        return self.replan(self.market, pace, tilt).spend

    def step(self, action: np.ndarray) -> tuple[np.ndarray, Floats, DayOutcome]:
        """Play a day: observation, reward `[N]` (objective over `reward_scale`), accounting."""
        outcome = self.market.step(self.spend(action))
        reward = outcome.total("objective") / self.reward_scale
        return observation.observe(self.market, self.replan), reward, outcome


def _reward_scale(world: World, replan: Replan) -> float:
    """What a day of the re-planner's is worth in the reference flight; one constant per world."""
    market = Market(world, expected=True)
    market.reset_to_mean()
    total = 0.0
    while not market.done:
        total += float(market.step(replan(market).spend).objective.sum())
    # A world in which nothing is worth funding is still a world: its rewards stay in money.
    return abs(total) / world.days if abs(total) > 1e-9 else 1.0
