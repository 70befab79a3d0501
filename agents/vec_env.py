"""The batch of flights as a `VecEnv` of stable-baselines3, paid by its gain on the re-planner."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from promopilot.agents.observation_scale import ObservationScale
from promopilot.envs.arrays import Floats
from promopilot.envs.flights import FlightBatch
from promopilot.envs.market import DayOutcome
from promopilot.envs.observation import LIMIT
from promopilot.envs.world import World


class TrainingFlights(VecEnv):
    """N flights at a time, drawn in shuffled order from a fixed set of training flights.

    Reward: per cent of the re-planner's mean day that the policy earned above what the re-planner
    earned on the same day of the same flight, clicks and conversions at their mean. Neither
    subtracting what does not depend on the action nor averaging luck out changes a policy's rank;
    both remove noise.

    Args:
        world: What is played.
        seed: Seed of the training flights.
        num_envs: N.
        num_flights: Size of the set.
    """

    def __init__(self, world: World, seed: int, num_envs: int, num_flights: int) -> None:
        self.batch = FlightBatch(world)
        self._flight_seed = seed
        self._numbers = np.arange(num_flights)
        self._order = np.random.default_rng(seed)
        self._queue = np.zeros(0, dtype=np.int64)
        self.baseline, observed = self._play_replanner(num_envs)
        self.scale = ObservationScale.fit(observed)
        self._actions = np.zeros((num_envs, self.batch.num_actions))
        self.render_mode = None
        super().__init__(
            num_envs,
            spaces.Box(-LIMIT, LIMIT, (self.batch.observation_size,), np.float32),
            spaces.Box(-1.0, 1.0, (self.batch.num_actions,), np.float32),
        )

    def _play_replanner(self, num_envs: int) -> tuple[Floats, np.ndarray]:
        """Reward `[F, D]` and observations `[F * D, size]` of the zero action."""
        rewards, observed = [], []
        for begin in range(0, len(self._numbers), num_envs):
            flights = self._numbers[begin : begin + num_envs]
            seen = self.batch.reset(self._flight_seed, flights)
            days = []
            while not self.batch.market.done:
                observed.append(seen)
                action = np.zeros((len(flights), self.batch.num_actions))
                seen, _, outcome = self.batch.step(action)
                days.append(self._reward(outcome))
            rewards.append(np.stack(days, axis=1))
        return np.concatenate(rewards), np.concatenate(observed)

    def _reward(self, outcome: DayOutcome) -> Floats:
        return outcome.total("mean_objective") / self.batch.reward_scale

    def _start(self) -> np.ndarray:
        while len(self._queue) < self.num_envs:
            self._queue = np.r_[self._queue, self._order.permutation(self._numbers)]
        self._flights, self._queue = np.split(self._queue, [self.num_envs])
        return self.scale.apply(self.batch.reset(self._flight_seed, self._flights))

    def reset(self) -> np.ndarray:
        """Start the next N training flights."""
        return self._start()

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Play a day; after the last one the next flights start."""
        day = self.batch.market.day
        observed, _, outcome = self.batch.step(self._actions)
        gain = 100 * (self._reward(outcome) - self.baseline[self._flights, day])
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        done = np.full(self.num_envs, self.batch.market.done)
        if not self.batch.market.done:
            return self.scale.apply(observed), gain, done, infos
        last = self.scale.apply(observed)
        for i, info in enumerate(infos):
            info["terminal_observation"] = last[i]
        return self._start(), gain, done, infos

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """The batch's attribute, once per flight."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(
        self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None
    ) -> None:
        """Set the batch's attribute; flights cannot differ in it."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any
    ) -> list[Any]:
        """Call the batch's method once and hand its result to every flight."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No flight is wrapped."""
        return [False] * len(list(self._get_indices(indices)))
