"""DQN, QR-DQN and maskable PPO around one network, choosing among what is available alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sb3_contrib import QRDQN, MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import nn

from promopilot.agents.dqn_learner import make_learner, network_in
from promopilot.agents.placement.flights import PlacementFlights
from promopilot.agents.placement.network import PlacementNetwork
from promopilot.agents.placement.policy import available_in
from promopilot.agents.placement.settings import PlacementSettings

# Errors of several units of reward are common: in tenths they stay in the quadratic part of the
# Huber loss, whose minimum is the mean.
_UNIT = 0.1

_Network = Callable[[], PlacementNetwork]


class _ExploresAvailable(OffPolicyAlgorithm):
    """Explores flight by flight, and among available actions only."""

    exploration_rate: float

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """The best available action, or with the exploration rate any available one."""
        best, state = self.policy.predict(observation, state, episode_start, True)
        if deterministic:
            return best, state
        free = available_in(np.atleast_2d(observation))  # type: ignore[arg-type]
        # numpy's common generator: stable-baselines3 seeds it, and draws its batches from it.
        drawn = np.random.random((len(free), 1 + free.shape[1]))
        anything = np.where(free, drawn[:, 1:], -1.0).argmax(axis=1)
        explores = drawn[:, 0] < self.exploration_rate
        return np.where(explores, anything, best).reshape(best.shape), state

    def _sample_action(
        self, learning_starts: int, action_noise: object = None, n_envs: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        if self._last_obs is None:  # until `learn` has reset the flights
            raise RuntimeError("no flight has begun: call learn first")
        action, _ = self.predict(self._last_obs)
        return action, action


class PlacementDqn(_ExploresAvailable, DQN):
    """DQN that explores among available actions."""


class PlacementQrDqn(_ExploresAvailable, QRDQN):
    """QR-DQN that explores among available actions."""


class _ActorCritic(nn.Module):
    """Logits of actions, and the context of a network of its own for the value."""

    def __init__(self, network: _Network, promotions: int) -> None:
        super().__init__()
        self.actor, self.critic = network(), network()
        self.latent_dim_pi, self.latent_dim_vf = promotions + 1, self.critic.hidden

    def forward(self, observed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(observed), self.forward_critic(observed)

    def forward_actor(self, observed: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.actor(observed)
        return logits

    def forward_critic(self, observed: torch.Tensor) -> torch.Tensor:
        return self.critic.context(observed)


class _MaskablePolicy(MaskableActorCriticPolicy):
    def __init__(self, *args: Any, network: _Network, **kwargs: Any) -> None:
        self._network = network
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        promotions = int(self.action_space.n) - 1  # type: ignore[attr-defined]
        self.mlp_extractor = _ActorCritic(self._network, promotions)  # type: ignore[assignment]

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1), eps=1e-5)


def make_model(env: PlacementFlights, settings: PlacementSettings, seed: int) -> BaseAlgorithm:
    """A fresh learner of the kind that the settings name; it decides as `Greedy`.

    Args:
        env: Training flights.
        settings: Which algorithm, and how.
        seed: Of weights, exploration and batches.
    """
    if settings.algorithm == "maskable_ppo":
        return _make_ppo(env, settings, seed)

    def network(outputs: int) -> PlacementNetwork:
        return PlacementNetwork(settings.hidden, outputs, _UNIT)

    learners = PlacementDqn, PlacementQrDqn
    return make_learner(env, settings, network, settings.discount, seed, *learners)


def _make_ppo(env: PlacementFlights, settings: PlacementSettings, seed: int) -> BaseAlgorithm:
    samples = settings.rollout * settings.num_envs
    most = min(settings.ppo_batch_size, samples)
    model = MaskablePPO(
        _MaskablePolicy,
        env,
        learning_rate=lambda left: settings.learning_rate * (0.1 + 0.9 * left),
        n_steps=settings.rollout,
        batch_size=max(size for size in range(1, most + 1) if samples % size == 0),
        n_epochs=settings.epochs,
        gamma=settings.discount,
        gae_lambda=settings.gae_lambda,
        policy_kwargs={
            "network": lambda: PlacementNetwork(settings.hidden, 1, settings.sharpness),
            "ortho_init": False,  # it would undo the network's silent last layers
        },
        seed=seed,
        device="cpu",
    )
    model.set_logger(Logger(folder=None, output_formats=[]))  # `Coach` passes figures on
    return model


def network_of(model: BaseAlgorithm) -> PlacementNetwork:
    """The network that decides, the one that is being trained."""
    if isinstance(model, MaskablePPO):
        return model.policy.mlp_extractor.actor  # type: ignore[return-value]
    return network_in(model)  # type: ignore[return-value]
