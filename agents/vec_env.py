"""Batches of flights as stable-baselines3 sees them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from gymnasium import Wrapper
from gymnasium.vector import VectorEnv, VectorWrapper
from stable_baselines3.common.vec_env import VecEnv

from promopilot.agents.observation_scale import ObservationScale
from promopilot.envs.arrays import Floats
from promopilot.envs.errors import MarketError
from promopilot.envs.market import DayOutcome
from promopilot.envs.views.budget_allocation import BudgetAllocationVector
from promopilot.envs.world import World

_Step = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


class FlightsVecEnv(VecEnv):
    """A Gymnasium `VectorEnv` as a `VecEnv`: the same flights, spaces and rewards.

    After the last day the next flights start, and `terminal_observation` holds what was seen last,
    as everywhere in stable-baselines3. Works for any autoreset mode; without `SAME_STEP` all
    flights must end on the same step, as those of this project do. `seed(s)` takes effect at the
    next `reset` and means what `reset(seed=s)` of the `VectorEnv` means. Attributes and methods are
    the batch's: an array with a row per flight is handed out row by row, anything else whole.

    >>> import gymnasium, promopilot.envs
    >>> from stable_baselines3 import PPO
    >>> envs = gymnasium.make_vec("promopilot/BudgetAllocation-v0", num_envs=64)
    >>> model = PPO("MlpPolicy", FlightsVecEnv(envs))

    Args:
        envs: The batch, wrapped or not.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any]) -> None:
        self.envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def _begin(self) -> np.ndarray:
        """Start the next flights; a seed or options that wait are used up."""
        observed, _ = self.envs.reset(seed=self._seeds[0], options=self._options[0])
        self._reset_seeds()
        self._reset_options()
        return np.asarray(observed)

    def _play(self, actions: np.ndarray) -> _Step:
        return self.envs.step(actions)

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Take a seed, one for all flights, for the next `reset`; a random one where absent."""
        self._seeds = [super().seed(seed)[0]] * self.num_envs
        return self._seeds

    def reset(self) -> np.ndarray:
        """Start the next flights."""
        return self._begin()

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Play a day; after the last one the next flights start.

        Raises:
            MarketError: Some flights ended before others, and the batch does not restart them.
        """
        observed, reward, ended, cut, info = self._play(self._actions)
        done = ended | cut
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done.any():
            last = info.get("final_obs", observed)
            if "final_obs" not in info:
                if not done.all():
                    raise MarketError(
                        f"{done.sum()} of {self.num_envs} flights ended before the others; "
                        "make the batch with autoreset_mode SameStep."
                    )
                observed = self._begin()
            for n in np.flatnonzero(done):
                infos[n]["terminal_observation"] = last[n]
                infos[n]["TimeLimit.truncated"] = bool(cut[n] and not ended[n])
        return observed, reward, done, infos

    def close(self) -> None:
        """Close the batch."""
        self.envs.close()

    def get_images(self) -> list[np.ndarray | None]:
        """Pictures of the flights that the batch can picture."""
        return list(self.envs.render() or ())  # type: ignore[arg-type]

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """The batch's attribute, for each flight."""
        return self._each(getattr(self.envs, attr_name), indices)

    def set_attr(
        self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None
    ) -> None:
        """Set the batch's attribute; flights cannot differ in it."""
        setattr(self.envs, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any
    ) -> list[Any]:
        """Call the batch's method once, for each flight."""
        return self._each(getattr(self.envs, method_name)(*args, **kwargs), indices)

    def env_is_wrapped(self, wrapper_class: type[Wrapper], indices: Any = None) -> list[bool]:
        """Whether the batch is wrapped in it."""
        layer, found = self.envs, isinstance(self.envs, wrapper_class)
        while not found and isinstance(layer, VectorWrapper):
            layer = layer.env
            found = isinstance(layer, wrapper_class)
        return self._each(found, indices)

    def _each(self, value: Any, indices: int | Iterable[int] | None) -> list[Any]:
        rows = isinstance(value, np.ndarray) and value.shape[:1] == (self.num_envs,)
        return [value[n] if rows else value for n in self._get_indices(indices)]


class TrainingFlights(FlightsVecEnv):
    """N flights at a time, drawn in shuffled order from a fixed set of training flights.

    Reward: per cent of the re-planner's mean day that the policy earned above what the re-planner
    earned on the same day of the same flight, clicks and conversions at their mean. Neither
    subtracting what does not depend on the action nor averaging luck out changes a policy's rank;
    both remove noise. Observations are standardised.

    Args:
        world: What is played.
        seed: Seed of the training flights.
        num_envs: N.
        num_flights: Size of the set.
    """

    def __init__(self, world: World, seed: int, num_envs: int, num_flights: int) -> None:
        envs = BudgetAllocationVector(num_envs, world)
        self.batch = envs.batch
        self._flight_seed = seed
        self._numbers = np.arange(num_flights)
        self._order = np.random.default_rng(seed)
        self._queue = np.zeros(0, dtype=np.int64)
        self.baseline, observed = self._play_replanner(num_envs)
        self.scale = ObservationScale.fit(observed)
        super().__init__(envs)

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

    def _begin(self) -> np.ndarray:
        while len(self._queue) < self.num_envs:
            self._queue = np.r_[self._queue, self._order.permutation(self._numbers)]
        self._flights, self._queue = np.split(self._queue, [self.num_envs])
        return self.scale.apply(self.batch.reset(self._flight_seed, self._flights))

    def _play(self, actions: np.ndarray) -> _Step:
        day = self.batch.market.day
        observed, _, outcome = self.batch.step(actions)
        gain = 100 * (self._reward(outcome) - self.baseline[self._flights, day])
        done = np.full(self.num_envs, self.batch.market.done)
        return self.scale.apply(observed), gain, done, np.zeros_like(done), {}
