"""`promopilot/BudgetAllocation-v0`: allocate a promotion budget day by day."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from promopilot.envs.errors import MarketError
from promopilot.envs.flights import FlightBatch
from promopilot.envs.market import DayOutcome
from promopilot.envs.observation import LIMIT
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world import World, load_world

_SEED_LIMIT = 2**62


def _world(world: World | None, run: str | Path | None) -> World:
    if world is not None and run is not None:
        raise MarketError("Give the environment a world or a run folder, not both.")
    if run is not None:
        return load_world(Path(run) / "market")
    return world or synthetic_world()


def _spaces(batch: FlightBatch) -> tuple[spaces.Box, spaces.Box]:
    observed = spaces.Box(-LIMIT, LIMIT, (batch.observation_size,), np.float32)
    return observed, spaces.Box(-1.0, 1.0, (batch.num_actions,), np.float32)


class BudgetAllocation(gymnasium.Env[np.ndarray, np.ndarray]):
    """Spend a promotion budget over a flight, one day a step.

    Observation, `Box(-10, 10, (4 + K + 9 P,), float32)`:

    | entries | meaning |
    |---|---|
    | 1 | days left, share of the flight |
    | 1 | log of budget left over what an even pace would have left |
    | 2 | sine and cosine of the weekday |
    | K | log price of each placement against its mean |
    | 9 P | per promotion: mean and sd of the belief on each stage's shift (log-odds), |
    |     | log(1 + recent exposures per person), |
    |     | reach-weighted log(1 + worth / cost), share of today's reach and of stock left, live |

    Action, `Box(-1, 1, (1 + P,), float32)`: the first entry paces today's money (2^a times what the
    re-planner would spend), the others tilt what each promotion's impressions are held to be worth
    (2^a). The zero action is the daily re-planner. Entries outside the box are clipped and not a
    number counts as zero. An exact solver turns prices into spend, so media limits hold at every
    step.

    Reward: the day's objective (net profit unless the world says otherwise) over one constant per
    world, what the re-planner earns a day in the reference flight. The last day terminates;
    nothing truncates. `info` carries the day's accounting per line item (`DayOutcome`'s fields,
    `[L]`), `date` and `budget_left`.

    Every `reset` starts another flight; `reset(seed=...)` starts the sequence of flights anew.

    >>> import gymnasium, promopilot.envs
    >>> env = gymnasium.make("promopilot/BudgetAllocation-v0")
    >>> observation, info = env.reset(seed=7)
    >>> observation, reward, terminated, truncated, info = env.step(env.action_space.sample() * 0)

    Args:
        world: What is played; a small synthetic world where absent.
        run: A run folder whose market is played, e.g. `runs/demo`.

    Raises:
        MarketError: Both or an unreadable run folder were given.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - Gymnasium declares it so

    def __init__(self, world: World | None = None, run: str | Path | None = None) -> None:
        self.batch = FlightBatch(_world(world, run))
        self.observation_space, self.action_space = _spaces(self.batch)
        self._flight = 0
        self._seed = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start the next flight, or flight 0 of a new seed."""
        super().reset(seed=seed)
        if seed is not None:
            self._seed, self._flight = seed, 0
        elif self._flight == 0:
            self._seed = int(self.np_random.integers(_SEED_LIMIT))
        observed = self.batch.reset(self._seed, np.array([self._flight]))
        self._flight += 1
        return observed[0], self._info(None)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Play a day.

        Raises:
            MarketError: The action has another shape, or the flight is over.
        """
        if np.shape(action) != self.action_space.shape:
            raise MarketError(
                f"The action has shape {np.shape(action)}; it must be {self.action_space.shape}."
            )
        observed, reward, outcome = self.batch.step(np.asarray(action)[None])
        return observed[0], float(reward[0]), self.batch.market.done, False, self._info(outcome)

    def _info(self, outcome: DayOutcome | None) -> dict[str, Any]:
        market = self.batch.market
        books = {} if outcome is None else {k: v[0] for k, v in vars(outcome).items()}
        day = min(market.day, market.world.days - 1)
        date = market.world.dates[day].isoformat()
        return {**books, "budget_left": float(market.budget_left[0]), "date": date}


class BudgetAllocationVector(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`BudgetAllocation` as a batch: N flights in one array program, in step with each other.

    All flights end on the same day; the step after it starts N new ones (next-step autoreset).

    Args:
        num_envs: N.
        world: What is played; a small synthetic world where absent.
        run: A run folder whose market is played.
        max_episode_steps: Handed over by `make_vec` from the registration; no flight is longer.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        world: World | None = None,
        run: str | Path | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        self.num_envs = num_envs
        self.batch = FlightBatch(_world(world, run))
        self.single_observation_space, self.single_action_space = _spaces(self.batch)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._next_flight = 0
        self._seed = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start N flights; with a seed from flight 0 of that seed, else the next N."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            self._seed, self._next_flight = seed, 0
        elif self._next_flight == 0:
            self._seed = int(self.np_random.integers(_SEED_LIMIT))
        flights = self._next_flight + np.arange(self.num_envs)
        self._next_flight += self.num_envs
        return self.batch.reset(self._seed, flights), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Play a day of every flight, or start new flights after the last day."""
        never = np.zeros(self.num_envs, dtype=bool)
        if self.batch.market.done:
            observed, info = self.reset()
            return observed, np.zeros(self.num_envs), never, never.copy(), info
        observed, reward, outcome = self.batch.step(np.asarray(actions))
        done = np.full(self.num_envs, self.batch.market.done)
        info = {**vars(outcome), "budget_left": self.batch.market.budget_left.copy()}
        return observed, reward, done, never, info
