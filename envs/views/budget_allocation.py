"""`promopilot/BudgetAllocation-v0`: allocate a promotion budget day by day."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from promopilot.envs.errors import MarketError
from promopilot.envs.market import DayOutcome
from promopilot.envs.views.flights import FlightBatch
from promopilot.envs.views.observation import LIMIT
from promopilot.envs.views.played import FlightSequence, known_mode, next_flights, played_world
from promopilot.envs.views.preset_actions import PresetActions
from promopilot.envs.views.rendering import RENDER_MODES, Renderer
from promopilot.envs.world import World

_FRAMES_PER_SECOND = 4


class BudgetAllocation(gymnasium.Env[np.ndarray, Any]):
    """Spend a promotion budget over a flight, one day a step.

    P promotions, K placements, L line items (promotion x placement x segment).

    Observation, `Box(-10, 10, (5 + K + 9 P,), float32)`, entries beyond +-10 clipped, zeros when
    the flight is over:

    | entries | meaning |
    |---|---|
    | 1 | days left, share of the flight |
    | 1 | log of budget left over what an even pace would have left |
    | 2 | sine and cosine of the weekday |
    | 1 | log of what money should return in the rest of the flight over today (prior rates) |
    | K | log price of each placement against its mean |
    | 9 P | per promotion: mean and sd of the belief on each stage's shift (log-odds), |
    |     | log(1 + recent exposures per person), |
    |     | reach-weighted log(1 + worth / cost), today's reach over the mean promotion's, |
    |     | share of stock left, live |

    Action, by `actions`; entries outside the box are clipped and not a number counts as zero:

    | `actions` | space, float32 | meaning |
    |---|---|---|
    | `prices` | `Box(-1, 1,            | first a pace: today's money is 8^a times what the |
    |          | (1 + 2 P,))`           | re-planner would spend; then a tilt per promotion: its |
    |          |                        | impressions are held to be worth 8^a times as much; |
    |          |                        | then a toll per promotion: a times what they are worth |
    |          |                        | in the mean is taken off. Zero is the daily re-planner. |
    |          |                        | An exact solver turns prices into spend. |
    | `shares` | `Box(0, 1, (L + 1,))`  | a weight per line item, and last one for keeping money: |
    |          |                        | spend_i = pot x a_i / sum(a); all zero spends nothing. |
    |          |                        | The pot is the least of the budget left, the day's |
    |          |                        | limit, and twice an even pace (left / days left). |
    | `presets`| `Discrete(K)`, int64   | one of K named ways to adjust the re-planner's pace and |
    |          |                        | tilts by belief, fatigue and stock, for DQN: |
    |          |                        | `promopilot.envs.views.preset_actions.PRESETS`; 0 is |
    |          |                        | the re-planner. |

    Whatever the action, limits on media spend hold at every step. Policies with a Gaussian head
    want actions in [-1, 1]; for shares wrap the environment in Gymnasium's `RescaleAction` with
    `np.float32(-1)` and `np.float32(1)` (for batches that of `gymnasium.wrappers.vector`).

    Reward: the day's objective (net profit unless the world says otherwise) over one constant per
    world, what the re-planner earns a day in the reference flight. The last day terminates;
    nothing truncates. `info` carries the day's accounting per line item (`DayOutcome`'s fields,
    `[L]`), `date` (of the next decision; the last day when the flight is over) and `budget_left`.

    Every `reset` starts another flight; `reset(seed=...)` starts the sequence of flights anew.
    `options` are not used. An environment can be pickled in the middle of a flight and goes on as
    if nothing had happened.

    `render()` returns the flight so far: with `render_mode="ansi"` a text (budget bar; spend and
    sales of the day and so far, belief and stock of each promotion; below 100 columns), with
    `"rgb_array"` a chart `[600, 1080, 3]` uint8 (budget left, spend by promotion and day, the same
    table). The belief is how far conversions per impression are thought to lie from the
    prediction, in per cent, with one standard deviation.

    >>> import gymnasium, promopilot.envs
    >>> env = gymnasium.make("promopilot/BudgetAllocation-v0")
    >>> observation, info = env.reset(seed=7)
    >>> observation, reward, terminated, truncated, info = env.step(env.action_space.sample() * 0)

    Args:
        world: What is played; a small synthetic world where absent.
        run: A run folder whose market is played, e.g. `runs/demo`.
        actions: `prices`, `shares` or `presets`.
        render_mode: `ansi` or `rgb_array`; none where absent.

    Raises:
        MarketError: Both a world and a run folder, an unreadable one, or an unknown `actions` or
            `render_mode` were given.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it so
        "render_modes": list(RENDER_MODES),
        "render_fps": _FRAMES_PER_SECOND,
    }

    def __init__(
        self,
        world: World | None = None,
        run: str | Path | None = None,
        actions: str = "prices",
        render_mode: str | None = None,
    ) -> None:
        self.batch = FlightBatch(played_world(world, run), actions)
        self.observation_space, self.action_space = _spaces(self.batch)
        self.render_mode = render_mode
        self._renderer = _renderer(self.batch, render_mode)
        self._sequence = FlightSequence()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start the next flight, or flight 0 of a new seed."""
        super().reset(seed=seed)
        observed = self.batch.reset(*self._sequence.take(1, seed, self))
        if self._renderer:
            self._renderer.start()
        return observed[0], self._info(None)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Play a day.

        Raises:
            MarketError: The action has another shape or names no preset, or the flight is over.
        """
        row = self.batch.checked(action, self.batch.action_shape)
        observed, reward, outcome = self.batch.step(row[None])
        if self._renderer:
            self._renderer.add(outcome)
        return observed[0], float(reward[0]), self.batch.market.done, False, self._info(outcome)

    def render(self) -> Any:
        """The flight so far, as the class says; None without a `render_mode`."""
        return self._renderer.render() if self._renderer else None

    def _info(self, outcome: DayOutcome | None) -> dict[str, Any]:
        books = {} if outcome is None else {k: v[0] for k, v in vars(outcome).items()}
        left = float(self.batch.market.budget_left[0])
        return {**books, "budget_left": left, "date": _date(self.batch)}


class BudgetAllocationVector(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`BudgetAllocation` as a batch: N flights in one array program, in step with each other.

    With a seed, row n plays flight n of that seed: what the single environment plays after n more
    resets. Later resets go on with the next N flights. `info` has the same entries, stacked `[N]`
    or `[N, L]`.

    All flights end on the same day. What happens then is `metadata["autoreset_mode"]`: with
    `NEXT_STEP` the step after it ignores its actions and starts N new flights; with `SAME_STEP` the
    last step itself returns the first observation of N new ones, and `info` carries `final_obs`
    and `final_info`; with `DISABLED` nothing starts before `reset`.

    Args:
        num_envs: N.
        world: What is played; a small synthetic world where absent.
        run: A run folder whose market is played.
        actions: `prices`, `shares` or `presets`.
        autoreset_mode: A mode, or its value (`NextStep`, `SameStep`, `Disabled`).
        render_mode: As in `BudgetAllocation`, for N = 1 only.
        max_episode_steps: Days after which a flight is truncated, should it be longer.

    Raises:
        MarketError: As in `BudgetAllocation`, N is below 1, an unknown mode, or a `render_mode`
            for more than one flight.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it so
        **BudgetAllocation.metadata,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        world: World | None = None,
        run: str | Path | None = None,
        actions: str = "prices",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        if num_envs < 1:
            raise MarketError(f"num_envs is {num_envs}; it must be at least 1.")
        if render_mode is not None and num_envs > 1:
            raise MarketError(f"Only one flight can be pictured; num_envs is {num_envs}.")
        self.num_envs = num_envs
        self.metadata = {**self.metadata, "autoreset_mode": known_mode(autoreset_mode)}
        self.batch = FlightBatch(played_world(world, run), actions)
        self.single_observation_space, self.single_action_space = _spaces(self.batch)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = render_mode
        self._renderer = _renderer(self.batch, render_mode)
        self._sequence = FlightSequence()
        self._most_days = max_episode_steps or self.batch.world.days
        self._over = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start N flights; with a seed from flight 0 of that seed, else the next N."""
        super().reset(seed=seed, options=options)
        observed = self.batch.reset(*self._sequence.take(self.num_envs, seed, self))
        self._over = False
        if self._renderer:
            self._renderer.start()
        return observed, self._info(None)

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Play a day of every flight, or start new flights after the last day.

        Raises:
            MarketError: The actions have another shape, or the flights are over and autoreset is
                disabled.
        """
        mode, market = self.metadata["autoreset_mode"], self.batch.market
        if self._over and mode is AutoresetMode.NEXT_STEP:
            observed, info = self.reset()
            return observed, np.zeros(self.num_envs), self._flags(False), self._flags(False), info
        if self._over:
            raise MarketError("The flights are over; reset the environment first.")
        observed, reward, outcome = self.batch.step(actions)
        if self._renderer:
            self._renderer.add(outcome)
        ended, cut = market.done, not market.done and market.day >= self._most_days
        self._over = ended or cut
        info = self._info(outcome)
        if self._over and mode is AutoresetMode.SAME_STEP:
            observed, info = next_flights(self, observed, info)
        return observed, reward, self._flags(ended), self._flags(cut), info

    def render(self) -> Any:
        """A tuple of the one flight's picture; None without a `render_mode`."""
        return (self._renderer.render(),) if self._renderer else None

    def _flags(self, value: bool) -> np.ndarray:
        return np.full(self.num_envs, value)

    def _info(self, outcome: DayOutcome | None) -> dict[str, Any]:
        books = {} if outcome is None else vars(outcome)
        date = np.full(self.num_envs, _date(self.batch))
        return {**books, "budget_left": self.batch.market.budget_left, "date": date}


def _spaces(batch: FlightBatch) -> tuple[spaces.Box, spaces.Box | spaces.Discrete]:
    kind = batch.actions
    observed = spaces.Box(-LIMIT, LIMIT, (batch.observation_size,), np.float32)
    if isinstance(kind, PresetActions):
        return observed, spaces.Discrete(kind.count)
    return observed, spaces.Box(kind.low, kind.high, (kind.count,), np.float32)


def _renderer(batch: FlightBatch, mode: str | None) -> Renderer | None:
    return None if mode is None else Renderer(batch.market, batch.replan, mode)


def _date(batch: FlightBatch) -> str:
    """Of the next decision; the last day when the flight is over."""
    day = min(batch.market.day, batch.world.days - 1)
    return (batch.world.start + timedelta(days=day)).isoformat()
