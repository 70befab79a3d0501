"""How many flight-days the market plays per second, alone and in a batch, and what the split costs.

The world is synthetic, 12 promotions x 5 placements x 28 days, every dynamic on, outcomes sampled.
Ratios within one run are comparable between machines; absolute figures are not.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from promopilot.experiments.bench.figure import Figure, figure

BATCH = 256


def measure(seconds_hint: float = 12.0) -> dict[str, Figure]:
    """Measures for about `seconds_hint` seconds.

    Returns:
        `gymnasium_days_per_second`: one flight through `gymnasium.make`, zero action;
        `batch_days_per_second`: 256 flights through `gymnasium.make_vec`;
        `market_days_per_second`: 256 flights of the market alone, shares given;
        `split_days_per_second`: the allocator alone;
        `batch_speedup`: the second over the first. No goal is set for any.
    """
    import gymnasium
    import numpy as np

    import promopilot.envs  # noqa: F401 - registers the environment
    from promopilot.envs.market import Market
    from promopilot.envs.replan import Replan
    from promopilot.envs.synthetic import SyntheticSize, synthetic_world

    world = synthetic_world(SyntheticSize(promotions=12, placements=5, segments=1, days=28))
    share = seconds_hint / 4
    one = gymnasium.make("promopilot/BudgetAllocation-v0", world=world)
    idle = np.zeros(one.action_space.shape or (), np.float32)

    def alone() -> int:
        one.reset()
        while not one.step(idle)[2]:
            pass
        return world.days

    many = gymnasium.make_vec("promopilot/BudgetAllocation-v0", num_envs=BATCH, world=world)

    def batch() -> int:
        many.reset()
        for _ in range(world.days):
            many.step(np.zeros((BATCH, len(idle)), np.float32))
        return BATCH * world.days

    market, replan = Market(world), Replan(world)
    even = np.full((BATCH, world.catalog.num_line_items), world.budget / world.days / 60)

    def shares() -> int:
        market.reset(0, np.arange(BATCH))
        while not market.done:
            market.step(even)
        return BATCH * world.days

    def split() -> int:
        market.reset(0, np.arange(BATCH))
        replan(market)
        return BATCH

    alone_, batch_ = _rate(alone, share), _rate(batch, share)
    return {
        "gymnasium_days_per_second": figure(alone_, "flight-days/s"),
        "batch_days_per_second": figure(batch_, "flight-days/s"),
        "market_days_per_second": figure(_rate(shares, share), "flight-days/s"),
        "split_days_per_second": figure(_rate(split, share), "flight-days/s"),
        "batch_speedup": figure(batch_ / alone_, "x"),
    }


def _rate(play: Callable[[], int], seconds: float) -> float:
    """Days per second of `play`, which returns how many days it played."""
    play()  # the first call warms caches up
    days, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        days += play()
    return days / spent
