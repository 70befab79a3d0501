"""A policy trained in a market by its name, wherever its course is kept and told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from promopilot.agents.spread import Spread, here
from promopilot.envs.world import World
from promopilot.experiments.config import RunConfig
from promopilot.experiments.seeds import Seeds

if TYPE_CHECKING:
    from promopilot.agents.training.coach import Course, Keep, Writer

Agent = Literal["ppo", "dqn"]
Progress = Callable[[str, float], None]


def place_of(agent: Agent, folder: Path) -> Path:
    """Where an agent's policy lies in a folder of trained policies: PPO's in it, DQN's below."""
    return folder if agent == "ppo" else folder / "dqn"


def trained(
    agent: Agent,
    world: World,
    config: RunConfig,
    progress: Progress,
    keep: Keep,
    writer: Writer | None = None,
    spread: Spread = here,
) -> tuple[Callable[[Path, dict[str, Any]], None], Course]:
    """Train a policy in a market.

    Returns:
        What writes the policy into a folder, with something told of it, and the course.
    """
    seeds, flights = Seeds.of(config.seed), np.arange(config.simulate.flights_validation)
    given = (seeds.training, seeds.validation, flights, progress, keep, writer, spread)
    if agent == "ppo":
        from promopilot.agents.ppo import train_ppo
        from promopilot.agents.ppo_policy import save_policy

        policy, course = train_ppo(world, config.agents.ppo, *given)
        return partial(save_policy, policy), course
    from promopilot.agents.dqn import train_dqn
    from promopilot.agents.dqn_policy import save_dqn

    chooser, course = train_dqn(world, config.agents.dqn, *given)
    return partial(save_dqn, chooser), course
