"""Policies played on batches of flights, in whatever order and wherever a batch is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from promopilot.agents.policy import Policy
from promopilot.agents.rollout import Books, play_batch
from promopilot.envs.arrays import Ints
from promopilot.envs.market import Market
from promopilot.envs.stress import Stress
from promopilot.envs.world import World


@dataclass(frozen=True)
class Batch:
    """What is played."""

    policy: str
    seed: int
    flights: Ints  # [N]
    stress: Stress | None


class Playing:
    """Plays batches.

    Args:
        world: The market.
        policies: Who decides, by name.
    """

    def __init__(self, world: World, policies: Mapping[str, Policy]) -> None:
        self._policies, self._market = dict(policies), Market(world)

    def __call__(self, batch: Batch) -> Books:
        """The books of a batch."""
        if self._market.stress != batch.stress:
            self._market = Market(self._market.world, stress=batch.stress)
        return play_batch(self._policies[batch.policy], self._market, batch.seed, batch.flights)
