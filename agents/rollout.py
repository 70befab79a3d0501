"""Playing a policy on numbered flights and keeping the books."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.agents.spread import in_parts
from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.stress import Stress
from promopilot.envs.world import World

# Flights stepped together, here and in other processes: sums over flights are made batch by batch,
# and a network may round another number of rows differently. Of 128 none is faster by over 7 %.
BATCH = 32
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


@dataclass(frozen=True)
class Books:
    """What one batch of N flights adds to a `Rollout`; in each row as there."""

    value: Floats  # [N]
    spent: Floats  # [N]
    overrun: Floats  # [N]
    lost: Floats  # [N]
    profit: Floats  # [N, P]
    spend: Floats  # [N, P]
    by_day: DayOutcome  # [D, L] sums over flights
    seconds: float  # that all decisions took
    fallbacks: int | None  # decisions left to the re-planner; None as in `Rollout`


def play_batch(
    policy: Policy,
    market: Market,
    seed: int,
    flights: Ints,
    progress: Callable[[float], None] = lambda share: None,
) -> Books:
    """Play flights `[N]` of a seed together, from the first to the last day.

    Args:
        policy: Who decides.
        market: Where; whatever it played before is over.
        seed: With a flight's number it fixes everything drawn.
        flights: Numbers of the flights.
        progress: Told the share of days played.
    """
    world, groups = market.world, market.world.catalog.by_promotion
    market.reset(seed, flights)
    by_day = DayOutcome(
        *(np.zeros((world.days, world.catalog.num_line_items)) for _ in fields(DayOutcome))
    )
    value, refused = np.zeros((2, len(flights)))
    profit, spend = np.zeros((2, len(flights), world.catalog.num_promotions))
    seconds, fallbacks = 0.0, 0 if isinstance(policy, FallsBack) else None
    while not market.done:
        day = market.day
        if isinstance(policy, FallsBack) and fallbacks is not None:
            fallbacks += int(policy.fallback(market).sum())
        began = time.perf_counter()
        asked = policy.spend(market)
        seconds += time.perf_counter() - began
        outcome = market.step(asked)
        for field in fields(DayOutcome):
            getattr(by_day, field.name)[day] = getattr(outcome, field.name).sum(axis=0)
        value += outcome.total("objective")
        refused += outcome.total("unredeemed")
        profit += groups.sum(outcome.profit)
        spend += groups.sum(outcome.spend)
        progress(market.day / world.days)
    used = spend.sum(axis=1)
    over = np.maximum(used - (world.budget - world.initial.spent), market.overrun)
    # A rounding error of sums is no overrun.
    over = np.where(over > _SLIGHT * world.budget, over, 0.0)
    return Books(value, used, over, refused, profit, spend, by_day, seconds, fallbacks)


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
    market, played = Market(world, stress=stress), list[Books]()
    for batch in in_parts(flights, BATCH):
        before = len(played) * BATCH

        def report(share: float, before: int = before, mine: int = len(batch)) -> None:
            progress(policy.name, (before + share * mine) / len(flights))

        played.append(play_batch(policy, market, seed, batch, report))
    return rolled(policy.name, played)


def rolled(name: str, played: Sequence[Books]) -> Rollout:
    """The books of all batches that a policy has played, in the order of their flights."""

    def all_of(field: str) -> Floats:
        return np.concatenate([getattr(books, field) for books in played])

    value = all_of("value")
    total = [
        sum(getattr(books.by_day, field.name) for books in played) / len(value)
        for field in fields(DayOutcome)
    ]
    decisions = len(value) * len(total[0])
    fallbacks = [books.fallbacks for books in played if books.fallbacks is not None]
    return Rollout(
        policy=name,
        value=value,
        spent=all_of("spent"),
        overrun=all_of("overrun"),
        lost=all_of("lost"),
        by_day=DayOutcome(*total),
        profit=all_of("profit"),
        spend=all_of("spend"),
        decision_ms=1000 * sum(books.seconds for books in played) / decisions,
        fallback_share=sum(fallbacks) / decisions if fallbacks else None,
    )
