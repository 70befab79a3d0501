"""The flights that a policy is trained on, as one environment of stable-baselines3."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from promopilot.agents.errors import PolicyError
from promopilot.agents.settings import AimSettings
from promopilot.agents.statistics import ObservationStatistics
from promopilot.agents.target import replan_for
from promopilot.agents.training.aim import Aim
from promopilot.agents.training.order import batch_of_flights, batches_of
from promopilot.agents.training.validation import decided_value
from promopilot.agents.vec_env import FlightsVecEnv
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.errors import MarketError
from promopilot.envs.replan import Replan
from promopilot.envs.views import observation
from promopilot.envs.views.budget_allocation import BudgetAllocationVector
from promopilot.envs.views.price_actions import PriceActions
from promopilot.envs.world import World

_Step = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


class TrainingFlights(FlightsVecEnv):
    """N flights at a time, drawn in shuffled order from a fixed set of training flights.

    Reward: per cent of the re-planner's mean day that the policy earned above what the re-planner
    earned on the same day of the same flight, clicks and conversions at their mean. Neither
    subtracting what does not depend on the action nor averaging luck out changes a policy's rank;
    both remove noise. `aim` adds what risk and targets ask for.

    With several worlds each batch plays one of them; promotions that a smaller catalog lacks are
    seen as never live (zeros), and what is decided on them is not used. Which flights a batch plays
    is a function of the seed and the batch's number, `played`, so that training can go on there.

    Args:
        worlds: What is played; all with the same number of days and placements.
        seed: Seed of the training flights.
        num_envs: N.
        num_flights: Size of the set for each world; rounded up to a multiple of N.
        actions: As in `BudgetAllocation`.
        settings: What is aimed at.

    Raises:
        MarketError: The worlds differ in days or placements.
    """

    def __init__(
        self,
        worlds: Sequence[World],
        seed: int,
        num_envs: int,
        num_flights: int,
        actions: str = "prices",
        settings: AimSettings | None = None,
    ) -> None:
        settings = settings or AimSettings()
        if len({(world.days, len(world.catalog.placement_ids)) for world in worlds}) > 1:
            raise MarketError("Worlds to train on differ in their number of days or placements.")
        at = int(np.argmax([world.catalog.num_promotions for world in worlds]))
        envs = [BudgetAllocationVector(num_envs, world, actions=actions) for world in worlds]
        super().__init__(envs[at])
        self._batches = [env.batch for env in envs]
        for batch in self._batches:
            if isinstance(batch.actions, PriceActions):
                batch.replan = replan_for(batch.world, settings.target_roas, settings.target_cpa)
                batch.actions = PriceActions(batch.replan)
        self._kind = actions
        self._seed, self._size = seed, observation.size(worlds[at])
        self._blocks = batches_of(num_flights, num_envs)
        self.aim = Aim(settings)
        self.played = 0
        self._baselines: list[Floats] = []  # per world [F, D], in units of the re-planner's day
        self.statistics = self._play_replanner(observation.num_globals(worlds[at]))

    def require(self, actions: str, learner: str) -> None:
        """Refuse a learner of other actions.

        Raises:
            PolicyError: These flights are not decided on by `actions`.
        """
        if self._kind != actions:
            raise PolicyError(
                f"{learner} decides by {actions}, and these flights are decided on by "
                f"{self._kind} ({self.action_space}): make them with actions={actions!r}."
            )

    @property
    def replans(self) -> list[Replan]:
        """Of each world what decisions start from; it keeps the target, if there is one."""
        return [batch.replan for batch in self._batches]

    @property
    def worlds(self) -> list[World]:
        """What is played."""
        return [batch.world for batch in self._batches]

    def _play_replanner(self, num_globals: int) -> ObservationStatistics:
        """Play the re-planner's flights: their rewards are the baseline, their states the scale."""
        seen = []
        for batch in self._batches:
            rewards, usual = [], Replan(batch.world)
            for block in range(self._blocks):
                flights = block * self.num_envs + np.arange(self.num_envs)
                batch.market.reset(self._seed, flights)
                days = []
                while not batch.market.done:
                    seen.append(self._wide(observation.observe(batch.market, batch.replan)))
                    outcome = batch.market.step(usual(batch.market).spend)
                    days.append(decided_value(outcome, batch.world) / batch.reward_scale)
                rewards.append(np.stack(days, axis=1))
            self._baselines.append(np.concatenate(rewards))
        if self.aim.settings.cvar is not None:
            returns = np.concatenate([100 * b.sum(axis=1) for b in self._baselines])
            self.aim.quantile = float(np.quantile(returns, self.aim.settings.cvar))
        return ObservationStatistics.fit(np.concatenate(seen), num_globals)

    @property
    def world_index(self) -> int:
        """Which of the worlds the batch plays now."""
        return self._world

    @property
    def playing(self) -> tuple[int, Ints]:
        """Seed and numbers `[N]` of the flights that are played now."""
        return self._seed, self._flights

    def used(self, actions: np.ndarray) -> np.ndarray:
        """What was decided on the promotions that this batch's catalog has."""
        batch = self._batches[self._world]
        if not isinstance(batch.actions, PriceActions):
            return actions
        most, own = actions.shape[1] // 2, batch.num_actions // 2
        return actions[:, np.r_[: 1 + own, 1 + most : 1 + most + own]]

    def _wide(self, observed: np.ndarray) -> np.ndarray:
        missing = self._size - observed.shape[1]
        return np.pad(observed, ((0, 0), (0, missing))) if missing else observed

    def _begin(self) -> np.ndarray:
        """Start the next batch of the shuffled order."""
        given = len(self._batches), self._blocks, self.num_envs
        self._world, self._flights = batch_of_flights(self._seed, self.played, *given)
        self.played += 1
        self.aim.start(self.num_envs)
        return self._wide(self._batches[self._world].reset(self._seed, self._flights))

    def between(self) -> bool:
        """Whether flights have just been started."""
        return self._batches[self._world].market.day == 0

    def state(self) -> dict[str, Any]:
        """All that decides how training goes on from the start of this batch, for JSON."""
        quantile = self.aim.quantile if np.isfinite(self.aim.quantile) else None
        seen = {"low": self.statistics.low.tolist(), "high": self.statistics.high.tolist()}
        return {"played": self.played, "price": self.aim.price, "quantile": quantile, **seen}

    def go_on(self, state: dict[str, Any]) -> np.ndarray:
        """Start the batch that `state` was taken at, and observe it."""
        self.played, self.aim.price = state["played"] - 1, state["price"]
        self.aim.quantile = np.nan if state["quantile"] is None else state["quantile"]
        self.statistics.low[:], self.statistics.high[:] = state["low"], state["high"]
        return self._begin()

    def _play(self, actions: np.ndarray) -> _Step:
        batch = self._batches[self._world]
        day = batch.market.day
        observed, _, outcome = batch.step(self.used(actions))
        baseline = self._baselines[self._world][self._flights]
        earned = 100 * decided_value(outcome, batch.world) / batch.reward_scale
        surplus = 100 * self.aim.surplus(outcome) / batch.reward_scale
        gain = self.aim.day(earned, surplus) - 100 * baseline[:, day]
        wide = self._wide(observed)
        if batch.market.done:
            usual = self.aim.beyond_mean(100 * baseline.sum(axis=1))
            gain += self.aim.end() - usual
        else:
            self.statistics.widen(wide)
        done = np.full(self.num_envs, batch.market.done)
        return wide, gain, done, np.zeros_like(done), {}
