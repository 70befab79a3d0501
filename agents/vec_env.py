"""Batches of flights as stable-baselines3 sees them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from gymnasium import Wrapper
from gymnasium.vector import VectorEnv, VectorWrapper
from stable_baselines3.common.vec_env import VecEnv

from promopilot.envs.errors import MarketError

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
