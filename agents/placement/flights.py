"""Block flights as the learners see them: a fixed set of them, and rewards made to be learnt."""

from typing import Any

import numpy as np

from promopilot.agents.placement.money_left import MoneyLeft
from promopilot.agents.placement.policy import PricedGreedy
from promopilot.agents.training.order import batch_of_flights, batches_of
from promopilot.agents.vec_env import FlightsVecEnv
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.views.ad_placement_vector import AdPlacementVector
from promopilot.envs.world import World

_Step = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


class PlacementFlights(FlightsVecEnv):
    """N flights at a time, drawn in shuffled order from a fixed set of training flights.

    Reward, in the environment's units: the block's objective with conversions at their true mean,
    plus what money and time left are worth after it less what they were before (`MoneyLeft`), less
    the same of `PricedGreedy` at the same block of the same flight. Over a flight they add up to
    the policy's gain over `PricedGreedy`, so that what is best stays best (Ng, Harada and Russell,
    Policy invariance under reward transformations, 1999), while a block is charged for its money at
    once and what a flight brings anyhow cancels. Discounting such rewards shortens the horizon
    towards what the worth of money says, not towards greed (Cheng, Kolobov and Swaminathan,
    Heuristic-guided reinforcement learning, 2021).

    Args:
        world: What is played.
        seed: Seed of the training flights.
        num_envs: N.
        num_flights: Size of the set, rounded up to a multiple of N.
        blocks_per_day: Blocks of each pool and day.
    """

    def __init__(
        self, world: World, seed: int, num_envs: int, num_flights: int, blocks_per_day: int = 10
    ) -> None:
        envs = AdPlacementVector(num_envs, world, blocks_per_day=blocks_per_day)
        self.batch = envs.batch
        self._money_left = MoneyLeft(world)
        self._seed_of_flights = seed
        self._batches = batches_of(num_flights, num_envs)
        self._played = 0
        super().__init__(envs)
        self._baseline = self._play_baseline(PricedGreedy(world))

    def _play_baseline(self, policy: PricedGreedy) -> Floats:
        """Shaped rewards `[F, steps]` of a policy in the training flights."""
        parts = []
        for batch in range(self._batches):
            observed = self._start(batch * self.num_envs + np.arange(self.num_envs))
            rewards = []
            while not self.batch.done:
                observed, reward = self._fill(policy.choose(self.batch, observed))
                rewards.append(reward)
            parts.append(np.stack(rewards, axis=1))
        return np.concatenate(parts)

    def _start(self, flights: Ints) -> np.ndarray:
        observed = self.batch.reset(self._seed_of_flights, flights)
        self._worth, self._block = self._worth_left(), 0
        return observed

    def _worth_left(self) -> Floats:
        return self._money_left.worth(
            self.batch.budget_left, self._money_left.share_left(self.batch)
        )

    def _fill(self, actions: Ints) -> tuple[np.ndarray, Floats]:
        """Observation and shaped reward `[N]` of a block."""
        before = self._worth
        observed, _, block, _ = self.batch.step(actions)
        self._worth = self._worth_left()
        self._block += 1
        return observed, (block.mean_objective + self._worth - before) / self.batch.reward_scale

    def _begin(self) -> np.ndarray:
        given = self._seed_of_flights, self._played, 1, self._batches, self.num_envs
        self._flights = batch_of_flights(*given)[1]
        self._played += 1
        return self._start(self._flights)

    def between(self) -> bool:
        """Whether flights have just been started."""
        return self._block == 0

    def state(self) -> dict[str, Any]:
        """All that decides how training goes on from there, for JSON."""
        return {"played": self._played}

    def go_on(self, state: dict[str, Any]) -> np.ndarray:
        """Start the flights that `state` was taken at, and observe them."""
        self._played = state["played"] - 1
        return self._begin()

    def _play(self, actions: np.ndarray) -> _Step:
        baseline = self._baseline[self._flights, self._block]
        observed, reward = self._fill(actions)
        done = np.full(self.num_envs, self.batch.done)
        return observed, reward - baseline, done, np.zeros_like(done), {}
