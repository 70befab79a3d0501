"""Playing a policy on numbered flights and keeping the books."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.world import World

# Flights stepped together; larger batches gain little speed and cost memory.
_BATCH = 128
_SLIGHT = 1e-9

Progress = Callable[[str, float], None]


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


def roll_out(
    policy: Policy,
    world: World,
    seed: int,
    flights: Ints,
    *,
    progress: Progress = lambda what, share: None,
) -> Rollout:
    """Play `policy` on the given flights `[F]` of a seed.

    Args:
        policy: Who decides.
        world: What is played.
        seed: With a flight's number it fixes everything drawn.
        flights: Numbers of the flights.
        progress: Told the policy's name and the share of flights played.
    """
    market = Market(world)
    parts: list[tuple[Floats, ...]] = []
    books = {
        f.name: np.zeros((world.days, world.catalog.num_line_items)) for f in fields(DayOutcome)
    }
    deciding = 0.0
    for begin in range(0, len(flights), _BATCH):
        batch = flights[begin : begin + _BATCH]
        market.reset(seed, batch)
        value, profit, spend = (np.zeros((len(batch), n)) for n in (1, *[_promotions(world)] * 2))
        refused = np.zeros(len(batch))
        while not market.done:
            day = market.day
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
        used = spend.sum(axis=1)
        over = np.maximum(used - (world.budget - world.initial.spent), market.overrun)
        # A rounding error of sums is no overrun.
        over = np.where(over > _SLIGHT * world.budget, over, 0.0)
        parts.append((value[:, 0], used, over, refused, profit, spend))
        progress(policy.name, (begin + len(batch)) / len(flights))
    value, spent, overrun, lost, profit, spend = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Rollout(
        policy=policy.name,
        value=value,
        spent=spent,
        overrun=overrun,
        lost=lost,
        by_day=DayOutcome(**{name: total / len(flights) for name, total in books.items()}),
        profit=profit,
        spend=spend,
        decision_ms=1000 * deciding / (len(flights) * world.days),
    )


def _promotions(world: World) -> int:
    return world.catalog.num_promotions
