"""What an environment plays: a world, and flights of it one after the other."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from promopilot.envs.arrays import Ints
from promopilot.envs.errors import MarketError
from promopilot.envs.feasibility import check_limits
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world

_SEED_LIMIT = 2**62


def played_world(world: World | None, run: str | Path | None) -> World:
    """The world given, that of a run folder, or a small synthetic one.

    Raises:
        MarketError: Both were given, or the run folder holds no readable market.
        InfeasibleError: The world's limits contradict each other.
    """
    if world is not None and run is not None:
        raise MarketError("Give the environment a world or a run folder, not both.")
    if run is not None:
        return load_world(Path(run) / "market")
    if world is not None:
        check_limits(world)
    return world or synthetic_world()


class FlightSequence:
    """Which flights come next: those of a seed in order."""

    def __init__(self) -> None:
        self._seed: int | None = None
        self._next = 0

    def take(
        self,
        count: int,
        seed: int | None,
        env: gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any],
    ) -> tuple[int, Ints]:
        """Seed and numbers of the next flights, from flight 0 where a seed is given."""
        if seed is not None:
            self._seed, self._next = seed, 0
        elif self._seed is None:
            self._seed = int(env.np_random.integers(_SEED_LIMIT))
        flights = self._next + np.arange(count)
        self._next += count
        return self._seed, flights


def known_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """The mode, or that of this value.

    Raises:
        MarketError: There is no such mode.
    """
    try:
        return AutoresetMode(mode)
    except ValueError as error:
        known = tuple(known.value for known in AutoresetMode)
        raise MarketError(f"autoreset_mode is {mode!r}; it must be one of {known}.") from error


def next_flights(
    env: VectorEnv[Any, Any, Any], observed: np.ndarray, info: dict[str, Any]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Start the next flights in the step that ended these, whose end stands in `info`.

    Args:
        env: The vector environment.
        observed: What was last observed of the flights that ended `[N, size]`.
        info: What their last step told.
    """
    last = np.empty(env.num_envs, dtype=object)  # as Gymnasium's wrappers expect it
    for n, row in enumerate(observed):
        last[n] = row
    final = {"final_obs": last, "final_info": info}
    started, told = env.reset()
    flags = {f"_{name}": np.full(env.num_envs, True) for name in final}
    return started, told | final | flags
