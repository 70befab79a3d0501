"""Training PPO on prices: start at the re-planner, keep what validation flights like best."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from promopilot.agents.errors import PolicyError
from promopilot.agents.network import ActorCritic, make_network
from promopilot.agents.ppo_policy import PpoPolicy
from promopilot.agents.rollout import Progress
from promopilot.agents.settings import PpoSettings
from promopilot.agents.spread import Spread, here
from promopilot.agents.training.coach import Coach, Course, Keep, Measured, Writer
from promopilot.agents.training.flights import TrainingFlights
from promopilot.agents.training.teacher import learn_from_teacher
from promopilot.agents.training.validation import Validation
from promopilot.envs.arrays import Ints
from promopilot.envs.world import World


class _PricePolicy(ActorCriticPolicy):
    """Actor-critic of stable-baselines3 around an `ActorCritic`, whose actor gives the means.

    Pace, tilts and tolls have one standard deviation of exploration each, so that nothing depends
    on how many promotions there are.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Callable[[float], float],
        *,
        network: Callable[[], ActorCritic],
        **kwargs: Any,
    ) -> None:
        self._network = network
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = self._network()  # type: ignore[assignment]

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()
        self.log_std = nn.Parameter(torch.full((3,), self.log_std_init))
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1), eps=1e-5)

    def _get_action_dist_from_latent(self, latent_pi: torch.Tensor) -> Distribution:
        promotions = (latent_pi.shape[1] - 1) // 2
        pace, tilt, toll = self.log_std.chunk(3)
        spread = torch.cat([pace, tilt.expand(promotions), toll.expand(promotions)])
        return self.action_dist.proba_distribution(latent_pi, spread)


def _batch_size(settings: PpoSettings, rollout: int) -> int:
    """The largest divisor of a rollout's samples that the configured batch size allows.

    Raises:
        PolicyError: A rollout has one sample, of which nothing can be learnt.
    """
    if rollout < 2:
        raise PolicyError(
            f"num_envs is {settings.num_envs} and a flight has {rollout} day: PPO needs at least 2 "
            "flight-days at a time; raise num_envs."
        )
    return max(size for size in range(1, settings.batch_size + 1) if rollout % size == 0)


def _check_network(settings: PpoSettings, worlds: Sequence[World]) -> None:
    sizes = sorted({world.catalog.num_promotions for world in worlds})
    if settings.network == "mlp" and len(sizes) > 1:
        raise PolicyError(
            f"The network mlp acts on one size of catalog, and these have {sizes} promotions; use "
            "equivariant."
        )


def make_ppo(env: TrainingFlights, settings: PpoSettings, seed: int) -> PPO:
    """A fresh PPO learner, whose mean action is the re-planner's.

    Raises:
        PolicyError: The flights are not decided on by prices, or there is too little to learn from
            at a time.
    """
    env.require("prices", "PPO")
    days = env.worlds[0].days
    promotions = max(world.catalog.num_promotions for world in env.worlds)

    def network() -> ActorCritic:
        return make_network(settings.network, env.statistics, promotions, settings.hidden)

    model = PPO(
        _PricePolicy,
        env,
        n_steps=days,
        batch_size=_batch_size(settings, settings.num_envs * days),
        n_epochs=settings.epochs,
        learning_rate=lambda left: settings.learning_rate * (0.1 + 0.9 * left),
        gamma=1.0,
        gae_lambda=settings.gae_lambda,
        policy_kwargs={
            "network": network,
            "log_std_init": float(np.log(settings.exploration_sd)),
            "ortho_init": False,  # it would undo the network's silent last layers
        },
        seed=seed,
        device="cpu",
    )
    model.set_logger(Logger(folder=None, output_formats=[]))  # `Coach` passes figures on
    return model


def train_ppo(
    worlds: World | Sequence[World],
    settings: PpoSettings,
    seed: int,
    validation_seed: int,
    validation_flights: Ints,
    progress: Progress = lambda what, share: None,
    keep: Keep | None = None,
    writer: Writer | None = None,
    spread: Spread = here,
) -> tuple[PpoPolicy, Course]:
    """Train on training flights; return the policy that was best on validation flights.

    The fresh network is the re-planner. It takes lessons from the look-ahead optimiser, then PPO
    goes on by itself; fresh, taught and trained networks compete. A course that was kept goes on
    where it was, to the same weights as one that was never stopped.

    Args:
        worlds: What is played; several of the same length and placements to learn from all.
        settings: PPO's settings.
        seed: Seed of the training flights, of the network and of PPO.
        validation_seed: Seed of the flights that choose among checkpoints.
        validation_flights: Their numbers `[F]`.
        progress: Told the current gain and the share done.
        keep: Where the course is kept, so that it can go on after a kill.
        writer: Told figures by step, if anybody is.
        spread: Where validation flights are played and the look-ahead is asked; the rest is done
            here.

    Returns:
        The policy, for the first world, and the course.

    Raises:
        PolicyError: The network cannot act on worlds of these sizes, no spend reaches the target,
            or there is too little to learn from at a time.
    """
    worlds = [worlds] if isinstance(worlds, World) else list(worlds)
    _check_network(settings, worlds)
    env = TrainingFlights(
        worlds, seed, settings.num_envs, settings.training_flights, settings=settings.aim
    )
    validation = Validation(worlds, validation_seed, validation_flights, env.aim, spread)
    model = make_ppo(env, settings, seed)
    network: ActorCritic = model.policy.mlp_extractor  # type: ignore[assignment]

    def policies(pessimism: float = 0.0) -> list[PpoPolicy]:
        return [PpoPolicy(network, env.statistics, replan, pessimism) for replan in env.replans]

    def measure() -> Measured:
        return validation.measure([policy.unguarded() for policy in policies()])

    def lessons() -> None:
        learn_from_teacher(
            env, model.policy, settings.lessons, settings.corrections, progress, spread
        )

    coach = Coach(network, measure, env, settings, progress, keep, writer)
    # The look-ahead knows of no target: its lessons would lead away from one.
    taught = settings.lessons and not env.aim.has_target
    course = coach.train(model, env.reset, lessons if taught else None)
    return policies(settings.aim.pessimism)[0], course
