"""Training DQN on presets: start at the re-planner, keep what validation flights like best."""

from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnvWrapper

from promopilot.agents.dqn_learner import make_learner, network_in
from promopilot.agents.dqn_network import PresetNetwork
from promopilot.agents.dqn_policy import DqnPolicy
from promopilot.agents.dqn_settings import DqnSettings
from promopilot.agents.rollout import Progress
from promopilot.agents.spread import Spread, here
from promopilot.agents.training.coach import Coach, Course, Keep, Measured, Writer
from promopilot.agents.training.flights import TrainingFlights
from promopilot.agents.training.validation import Validation
from promopilot.envs.arrays import Ints
from promopilot.envs.replan import Replan
from promopilot.envs.views.preset_actions import PRESETS
from promopilot.envs.world import World

# Training flights pay in per cent of the re-planner's day: in hundredths, errors stay in the
# quadratic part of the Huber loss, whose minimum is the mean.
_UNIT = 0.01


class _InDays(VecEnvWrapper):
    """Rewards in days of the re-planner's, not in per cent of them."""

    def reset(self) -> np.ndarray:
        """Start the next flights."""
        return self.venv.reset()  # type: ignore[return-value]

    def step_wait(self) -> Any:
        """Play a day."""
        observed, reward, done, infos = self.venv.step_wait()
        return observed, _UNIT * reward, done, infos


def make_dqn(env: TrainingFlights, settings: DqnSettings, seed: int) -> BaseAlgorithm:
    """A fresh learner, which decides as the re-planner.

    Args:
        env: Training flights with `actions="presets"`.
        settings: Which algorithm, and how.
        seed: Of weights, exploration and batches.

    Raises:
        PolicyError: The flights are not decided on by presets.
    """
    env.require("presets", "DQN")

    def network(outputs: int) -> PresetNetwork:
        return PresetNetwork(env.statistics, len(PRESETS), settings.hidden, outputs)

    return make_learner(_InDays(env), settings, network, 1.0, seed)


def network_of(model: BaseAlgorithm) -> PresetNetwork:
    """The network that decides, the one that is being trained."""
    return network_in(model)  # type: ignore[return-value]


def train_dqn(
    world: World,
    settings: DqnSettings,
    seed: int,
    validation_seed: int,
    validation_flights: Ints,
    progress: Progress = lambda what, share: None,
    keep: Keep | None = None,
    writer: Writer | None = None,
    spread: Spread = here,
) -> tuple[DqnPolicy, Course]:
    """Train on training flights; return the policy that was best on validation flights.

    The untrained network, which is the re-planner, competes too. A course that was kept goes on
    where it was, to the same weights as one that was never stopped.

    Args:
        world: What is played.
        settings: Which algorithm, and how.
        seed: Of the training flights, of the network and of exploration.
        validation_seed: Seed of the flights that choose among checkpoints.
        validation_flights: Their numbers `[F]`.
        progress: Told the current gain and the share done.
        keep: Where the course is kept, so that it can go on after a kill.
        writer: Told figures by step, if anybody is.
        spread: Where validation flights are played; the rest is done here.
    """
    flights = settings.num_envs, settings.training_flights
    env = TrainingFlights([world], seed, *flights, actions="presets")
    validation = Validation([world], validation_seed, validation_flights, env.aim, spread)
    model = make_dqn(env, settings, seed)
    network = network_of(model)
    policy = DqnPolicy(network, env.statistics, Replan(world), name=settings.algorithm)

    def measure() -> Measured:
        return validation.measure([policy.unguarded()])

    coach = Coach(network, measure, env, settings, progress, keep, writer)
    course = coach.train(model, env.reset)
    return policy, course
