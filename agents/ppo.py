"""Training PPO on prices: start at the re-planner, keep what validation flights like best."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from promopilot.agents.network import PriceNetwork
from promopilot.agents.observation_scale import ObservationScale
from promopilot.agents.ppo_policy import PpoPolicy
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import Progress, roll_out
from promopilot.agents.settings import AgentSettings
from promopilot.agents.vec_env import TrainingFlights
from promopilot.envs.arrays import Ints
from promopilot.envs.replan import Replan
from promopilot.envs.views import observation
from promopilot.envs.world import World


class _PricePolicy(ActorCriticPolicy):
    """Actor-critic of stable-baselines3 around `PriceNetwork`, whose actor gives the means."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Callable[[float], float],
        *,
        num_globals: int,
        hidden: int,
        **kwargs: Any,
    ) -> None:
        self._num_globals, self._hidden = num_globals, hidden
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build_mlp_extractor(self) -> None:
        promotions = self.action_space.shape[0] - 1  # type: ignore[index]
        self.mlp_extractor = PriceNetwork(self._num_globals, promotions, self._hidden)  # type: ignore[assignment]

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1), eps=1e-5)


class _KeepBest(BaseCallback):
    """Measures the policy on validation flights now and then and keeps its best weights."""

    def __init__(
        self,
        world: World,
        scale: ObservationScale,
        seed: int,
        flights: Ints,
        every: int,
        total: int,
        progress: Progress,
    ) -> None:
        super().__init__()
        self._world, self._scale, self._replan = world, scale, Replan(world)
        self._flight_seed, self._flights = seed, flights
        self._every, self._total, self._progress = every, total, progress
        self._replanner = roll_out(Replanner(world), world, seed, flights).value
        self._next = 0
        self.best: PriceNetwork
        self._best_gain = -np.inf
        self.history: list[dict[str, float]] = []

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._next:
            self._next += self._every
            self.measure()

    def measure(self) -> None:
        """Roll the current mean policy out and keep it if it is the best so far."""
        network = self.model.policy.mlp_extractor
        policy = PpoPolicy(network, self._scale, self._replan)  # type: ignore[arg-type]
        value = roll_out(policy, self._world, self._flight_seed, self._flights).value
        gain = float((value - self._replanner).mean())
        size = abs(float(self._replanner.mean()))
        gain_pct = 100 * gain / size if size > 0 else 0.0
        self.history.append({"steps": float(self.num_timesteps), "gain_pct": gain_pct})
        if gain > self._best_gain:
            self._best_gain, self.best = gain, deepcopy(network)  # type: ignore[assignment]
        share = min(self.num_timesteps / max(self._total, 1), 1.0)
        self._progress(f"training: {gain_pct:+.2f} % against the re-planner", share)

    def _on_step(self) -> bool:
        return True


def _batch_size(settings: AgentSettings, rollout: int) -> int:
    """The largest divisor of a rollout's samples that the configured batch size allows."""
    return max(size for size in range(1, settings.batch_size + 1) if rollout % size == 0)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Layers this small are slower on two torch threads than on one (13.6 s against 10.3 s)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_ppo(
    world: World,
    settings: AgentSettings,
    seed: int,
    validation_seed: int,
    validation_flights: Ints,
    progress: Progress = lambda what, share: None,
) -> tuple[PpoPolicy, list[dict[str, float]]]:
    """Train on training flights; return the policy that was best on validation flights.

    The untrained network, which is the re-planner, competes too.

    Args:
        world: What is played.
        settings: PPO's settings.
        seed: Seed of the training flights, of the network and of PPO.
        validation_seed: Seed of the flights that choose among checkpoints.
        validation_flights: Their numbers `[F]`.
        progress: Told the current gain and the share done.

    Returns:
        The policy and the measured history: steps and gain over the re-planner in per cent.
    """
    env = TrainingFlights(world, seed, settings.num_envs, settings.training_flights)
    keep = _KeepBest(
        world,
        env.scale,
        validation_seed,
        validation_flights,
        settings.evaluate_every,
        settings.steps,
        progress,
    )
    model = PPO(
        _PricePolicy,
        env,
        n_steps=world.days,
        batch_size=_batch_size(settings, settings.num_envs * world.days),
        n_epochs=settings.epochs,
        learning_rate=lambda left: settings.learning_rate * (0.1 + 0.9 * left),
        gamma=1.0,
        gae_lambda=settings.gae_lambda,
        policy_kwargs={
            "num_globals": observation.num_globals(world),
            "hidden": settings.hidden,
            "log_std_init": float(np.log(settings.exploration_sd)),
            "ortho_init": False,  # it would undo the network's silent last layers
        },
        seed=seed,
        device="cpu",
    )
    if settings.steps:
        with _one_thread():
            model.learn(settings.steps, callback=keep)
    keep.init_callback(model)
    keep.measure()
    best = keep.best.eval()
    return PpoPolicy(best, env.scale, Replan(world)), keep.history
