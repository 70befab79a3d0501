"""Playing a policy on numbered flights and keeping the books."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.stress import Stress
from promopilot.envs.world import World

# Flights stepped together; larger batches gain little speed and cost memory.
_BATCH = 128
_SLIGHT = 1e-9

Progress = Callable[[str, float], None]


@runtime_checkable
class FallsBack(Protocol):
    """A policy that decides as the re-planner where it leaves the states seen in training."""

    def fallback(self, market: Market) -> Bools:
        """Whether today's decision is the re-planner's `[N]`."""
        ...


@dataclass(frozen=True)
class Rollout:
    """Books of F flights."""

    policy: str
    value: Floats  # [F] objective
    spent: Floats  # [F] media money
    overrun: Floats  # [F] money by which what the budget covers has passed it
    lost: Floats  # [F] orders refused because the budget could not pay their subsidy
    by_day: DayOutcome  # [D, L] means over flights
    profit: Floats  # [F, P] before media
    spend: Floats  # [F, P] media money
    decision_ms: float  # mean time a decision for one flight's day took
    # Share of decisions left to the re-planner; None for policies that never leave any.
    fallback_share: float | None = None


def roll_out(
    policy: Policy,
    world: World,
    seed: int,
    flights: Ints,
    *,
    stress: Stress | None = None,
    progress: Progress = lambda what, share: None,
) -> Rollout:
    """Play `policy` on the given flights `[F]` of a seed.

    Args:
        policy: Who decides.
        world: What is played.
        seed: With a flight's number it fixes everything drawn.
        flights: Numbers of the flights.
        stress: How the truth lies from what the world believes, if it does.
        progress: Told the policy's name and the share of days played.
    """
    market = Market(world, stress=stress)
    parts: list[tuple[Floats, ...]] = []
    books = {
        f.name: np.zeros((world.days, world.catalog.num_line_items)) for f in fields(DayOutcome)
    }
    deciding, left_to_replanner = 0.0, 0
    for begin in range(0, len(flights), _BATCH):
        batch = flights[begin : begin + _BATCH]
        market.reset(seed, batch)
        value, profit, spend = (np.zeros((len(batch), n)) for n in (1, *[_promotions(world)] * 2))
        refused = np.zeros(len(batch))
        while not market.done:
            day = market.day
            if isinstance(policy, FallsBack):
                left_to_replanner += int(policy.fallback(market).sum())
            began = time.perf_counter()
            asked = policy.spend(market)
            deciding += time.perf_counter() - began
            outcome = market.step(asked)
            for name, total in books.items():
                total[day] += getattr(outcome, name).sum(axis=0)
            value[:, 0] += outcome.total("objective")
            refused += outcome.total("unredeemed")
            profit += world.catalog.by_promotion.sum(outcome.profit)
            spend += world.catalog.by_promotion.sum(outcome.spend)
            played = begin * world.days + len(batch) * market.day
            progress(policy.name, played / (len(flights) * world.days))
        used = spend.sum(axis=1)
        over = np.maximum(used - (world.budget - world.initial.spent), market.overrun)
        # A rounding error of sums is no overrun.
        over = np.where(over > _SLIGHT * world.budget, over, 0.0)
        parts.append((value[:, 0], used, over, refused, profit, spend))
    value, spent, overrun, lost, profit, spend = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    decisions = len(flights) * world.days
    return Rollout(
        policy=policy.name,
        value=value,
        spent=spent,
        overrun=overrun,
        lost=lost,
        by_day=DayOutcome(**{name: total / len(flights) for name, total in books.items()}),
        profit=profit,
        spend=spend,
        decision_ms=1000 * deciding / decisions,
        fallback_share=left_to_replanner / decisions if isinstance(policy, FallsBack) else None,
    )


def _promotions(world: World) -> int:
    return world.catalog.num_promotions
