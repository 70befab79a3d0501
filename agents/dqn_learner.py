"""DQN and QR-DQN of stable-baselines3 around a network of one's own."""

from collections.abc import Callable
from typing import Any

import torch
from sb3_contrib import QRDQN
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn

from promopilot.agents.dqn_settings import DqnSettings
from promopilot.agents.placement.settings import PlacementSettings

_Network = Callable[[], nn.Module]


class _DqnPolicy(DQNPolicy):
    def __init__(self, *args: Any, network: _Network, **kwargs: Any) -> None:
        self._network = network
        super().__init__(*args, **kwargs)

    def make_q_net(self) -> QNetwork:
        net = super().make_q_net()
        net.q_net = self._network()  # type: ignore[assignment]
        return net


class _QrDqnPolicy(QRDQNPolicy):
    def __init__(self, *args: Any, network: _Network, **kwargs: Any) -> None:
        self._network = network
        super().__init__(*args, **kwargs)

    def make_quantile_net(self) -> QuantileNetwork:
        net = super().make_quantile_net()
        net.quantile_net = self._network()  # type: ignore[assignment]
        return net


def make_learner(
    env: VecEnv,
    settings: DqnSettings | PlacementSettings,
    network: Callable[[int], nn.Module],
    discount: float,
    seed: int,
    dqn: type[DQN] = DQN,
    qrdqn: type[QRDQN] = QRDQN,
) -> BaseAlgorithm:
    """A fresh learner of the kind that the settings name.

    Args:
        env: Training flights.
        settings: Which algorithm, and how.
        network: Makes a network of K values for each of A actions: `[B, K A]`, K groups of A.
        discount: Per step.
        seed: Of weights, exploration and batches.
        dqn: The class for `dqn`.
        qrdqn: The class for `qrdqn`.
    """
    outputs = settings.quantiles if settings.algorithm == "qrdqn" else 1
    start, end = settings.exploration
    policy: dict[str, Any] = {
        "network": lambda: network(outputs),
        "net_arch": [],  # of the network that ours takes the place of
        # QR-DQN's own epsilon is made for batches of 32.
        "optimizer_class": torch.optim.Adam,
        "optimizer_kwargs": {"eps": 1e-8},
    }
    given: dict[str, Any] = {
        "learning_rate": lambda left: settings.learning_rate * (0.1 + 0.9 * left),
        "buffer_size": settings.memory,
        "learning_starts": settings.warm_up,
        "batch_size": settings.batch_size,
        "tau": settings.tracking,
        "gamma": discount,
        "train_freq": 1,
        "gradient_steps": settings.lessons,
        "n_steps": settings.lookahead,
        "target_update_interval": settings.num_envs,  # whenever all flights have stepped
        "exploration_fraction": 0.5,
        "exploration_initial_eps": start,
        "exploration_final_eps": end,
        "seed": seed,
        "device": "cpu",
    }
    model: BaseAlgorithm
    if settings.algorithm == "qrdqn":
        model = qrdqn(_QrDqnPolicy, env, policy_kwargs=policy | {"n_quantiles": outputs}, **given)
    else:
        model = dqn(_DqnPolicy, env, policy_kwargs=policy, **given)
    model.set_logger(Logger(folder=None, output_formats=[]))  # `Coach` passes figures on
    return model


def network_in(model: BaseAlgorithm) -> nn.Module:
    """The network that decides, the one that is being trained.

    Raises:
        TypeError: `model` is not of `make_learner`.
    """
    if isinstance(model, DQN):
        return model.q_net.q_net
    if isinstance(model, QRDQN):
        return model.quantile_net.quantile_net
    raise TypeError(f"a {type(model).__name__} is neither DQN nor QR-DQN")
