"""What a policy does on validation flights, against the re-planner."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import BATCH
from promopilot.agents.spread import Spread, here, in_parts
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


class _Play:
    """Plays a policy on batches of flights."""

    def __init__(self, policy: Policy, world: World, seed: int, aim: Aim) -> None:
        self._policy, self._market, self._seed, self._aim = policy, Market(world), seed, aim

    def __call__(self, flights: Ints) -> _Played:
        market = self._market
        market.reset(self._seed, flights)
        value, surplus = np.zeros((2, len(flights)))
        while not market.done:
            outcome = market.step(self._policy.spend(market))
            value += decided_value(outcome, market.world)
            surplus += self._aim.surplus(outcome)
        return _Played(value, surplus)


class Validation:
    """Validation flights of one or several worlds.

    Outcomes count at their mean: the luck of the draw is as large as what checkpoints differ by.

    Args:
        worlds: What is played.
        seed: Of the flights.
        flights: Their numbers `[F]`, in each world.
        aim: What is aimed at.
        spread: Where they are played.
    """

    def __init__(
        self,
        worlds: Sequence[World],
        seed: int,
        flights: Ints,
        aim: Aim,
        spread: Spread = here,
    ) -> None:
        self._worlds, self._seed, self._aim, self._spread = worlds, seed, aim, spread
        self._batches = in_parts(flights, BATCH)
        self._baselines = [
            aim.figure(self._play(Replanner(world), world).value) for world in worlds
        ]

    def _play(self, policy: Policy, world: World) -> _Played:
        played = list(self._spread(_Play(policy, world, self._seed, self._aim), self._batches))
        return _Played(
            np.concatenate([batch.value for batch in played]),
            np.concatenate([batch.surplus for batch in played]),
        )

    def measure(self, policies: Sequence[Policy]) -> Measured:
        """Play a policy for each world; the gain is the mean over worlds."""
        gains, held = [], True
        for policy, world, baseline in zip(policies, self._worlds, self._baselines, strict=True):
            played = self._play(policy, world)
            gain = self._aim.figure(played.value) - baseline
            gains.append(100 * gain / abs(baseline) if baseline else 0.0)
            held = held and bool(played.surplus.mean() >= 0)
        return Measured(float(np.mean(gains)), held)
