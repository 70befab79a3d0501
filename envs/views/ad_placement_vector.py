"""`promopilot/AdPlacement-v0` as a batch of flights."""

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from promopilot.envs.arrays import Bools
from promopilot.envs.blocks.day import Block
from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.errors import MarketError
from promopilot.envs.market import DayOutcome
from promopilot.envs.views.ad_placement import spaces_of, whereabouts
from promopilot.envs.views.played import FlightSequence, known_mode, next_flights, played_world
from promopilot.envs.views.whole_actions import whole_actions
from promopilot.envs.world import World


class AdPlacementVector(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`AdPlacement` as a batch: N flights in one array program, in step with each other.

    With a seed, row n plays flight n of that seed: what the single environment plays after n more
    resets. Later resets go on with the next N flights. `info` has the same entries, stacked; all
    flights decide on the same pool and day.

    All flights end with the same block. What happens then is `metadata["autoreset_mode"]`: with
    `NEXT_STEP` the step after it ignores its actions and starts N new flights; with `SAME_STEP` the
    last step itself returns the first observation of N new ones, and `info` carries `final_obs`
    and `final_info`; with `DISABLED` nothing starts before `reset`.

    Args:
        num_envs: N.
        world: What is played; a small synthetic world where absent.
        run: A run folder whose market is played.
        blocks_per_day: Blocks of each pool and day.
        autoreset_mode: A mode, or its value (`NextStep`, `SameStep`, `Disabled`).
        max_episode_steps: Blocks after which a flight is truncated, should it have more.

    Raises:
        MarketError: As in `AdPlacement`, N is below 1, or an unknown mode.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        world: World | None = None,
        run: str | Path | None = None,
        blocks_per_day: int = 10,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            raise MarketError(
                f"render_mode is {render_mode!r}; a batch of block flights cannot be pictured, use "
                "`gymnasium.make`."
            )
        if num_envs < 1:
            raise MarketError(f"num_envs is {num_envs}; it must be at least 1.")
        self.num_envs = num_envs
        self.metadata = {**self.metadata, "autoreset_mode": known_mode(autoreset_mode)}
        self.batch = BlockFlights(played_world(world, run), blocks_per_day)
        self.single_observation_space, self.single_action_space = spaces_of(self.batch)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._sequence = FlightSequence()
        self._most_blocks, self._blocks = max_episode_steps, 0
        self._over = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start N flights; with a seed from flight 0 of that seed, else the next N."""
        super().reset(seed=seed, options=options)
        observed = self.batch.reset(*self._sequence.take(self.num_envs, seed, self))
        self._blocks, self._over = 0, False
        return observed, self._info(None, None)

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Fill a block of every flight, or start new flights after the last block.

        Raises:
            MarketError: The actions are not N whole numbers from 0 to P, or the flights are over
                and autoreset is disabled.
        """
        mode = self.metadata["autoreset_mode"]
        if self._over and mode is AutoresetMode.NEXT_STEP:
            observed, info = self.reset()
            return observed, np.zeros(self.num_envs), self._flags(False), self._flags(False), info
        if self._over:
            raise MarketError("The flights are over; reset the environment first.")
        chosen = whole_actions(actions, (self.num_envs,), self.batch.num_actions)
        observed, reward, block, outcome = self.batch.step(chosen)
        self._blocks += 1
        ended, cut = self.batch.done, not self.batch.done and self._blocks == self._most_blocks
        self._over = ended or cut
        info = self._info(block, outcome)
        if self._over and mode is AutoresetMode.SAME_STEP:
            observed, info = next_flights(self, observed, info)
        return observed, reward, self._flags(ended), self._flags(cut), info

    def action_masks(self) -> Bools:
        """[N, A] whether each action is available now."""
        return np.array(self.batch.available)

    def _flags(self, value: bool) -> np.ndarray:
        return np.full(self.num_envs, value)

    def _info(self, block: Block | None, outcome: DayOutcome | None) -> dict[str, Any]:
        info: dict[str, Any] = {
            **{
                name: np.full(self.num_envs, word) for name, word in whereabouts(self.batch).items()
            },
            "action_mask": self.batch.available.astype(np.int8),
            "budget_left": self.batch.budget_left,
        }
        if block is not None:
            info |= vars(block)
        if outcome is not None:
            info["outcome"] = dict(vars(outcome))
        return info
