"""What a policy does on validation flights, against the re-planner."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.agents.replanner import Replanner
from promopilot.agents.training.aim import Aim
from promopilot.agents.training.coach import Measured
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.world import World


def decided_value(outcome: DayOutcome, world: World) -> Floats:
    """Objective `[N]` of a day without the luck of the draw, less redemptions that were refused."""
    worth, _ = world.catalog.worth(world.objective)
    refused = outcome.unredeemed @ worth[world.catalog.promotion]
    return np.asarray(outcome.total("mean_objective") - refused)


@dataclass(frozen=True)
class _Played:
    value: Floats  # [F]
    surplus: Floats  # [F] money beyond a target


class Validation:
    """Validation flights of one or several worlds.

    Outcomes count at their mean: the luck of the draw is as large as what checkpoints differ by.

    Args:
        worlds: What is played.
        seed: Of the flights.
        flights: Their numbers `[F]`, in each world.
        aim: What is aimed at.
    """

    def __init__(self, worlds: Sequence[World], seed: int, flights: Ints, aim: Aim) -> None:
        self._worlds, self._seed, self._flights, self._aim = worlds, seed, flights, aim
        self._baselines = [
            aim.figure(self._play(Replanner(world), world).value) for world in worlds
        ]

    def _play(self, policy: Policy, world: World) -> _Played:
        market = Market(world)
        market.reset(self._seed, self._flights)
        value, surplus = np.zeros((2, len(self._flights)))
        while not market.done:
            outcome = market.step(policy.spend(market))
            value += decided_value(outcome, world)
            surplus += self._aim.surplus(outcome)
        return _Played(value, surplus)

    def measure(self, policies: Sequence[Policy]) -> Measured:
        """Play a policy for each world; the gain is the mean over worlds."""
        gains, held = [], True
        for policy, world, baseline in zip(policies, self._worlds, self._baselines, strict=True):
            played = self._play(policy, world)
            gain = self._aim.figure(played.value) - baseline
            gains.append(100 * gain / abs(baseline) if baseline else 0.0)
            held = held and bool(played.surplus.mean() >= 0)
        return Measured(float(np.mean(gains)), held)
