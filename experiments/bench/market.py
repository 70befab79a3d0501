"""How many flight-days the market plays per second, alone and in a batch, and what the split costs.

A step is one flight-day in which shares of the budget are given; worlds are synthetic, 28 days,
every dynamic on (drift, shocks, walks, delay, fatigue, stock, noise of price and supply). Starting
the flights counts. Figures are medians of several rounds on one core; ratios within one run are
comparable between machines, absolute figures are not.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from promopilot.experiments.bench.figure import Figure, figure

BATCH = 256
_ROUNDS = 5
_DAYS = 28
# Run on its own, so that the peak is that of the market alone.
_LARGE = """
import sys
from promopilot.experiments.bench.market import large_market, peak_mb
large_market(1)
before = peak_mb()
large_market(int(sys.argv[1]))
print(peak_mb() - before)
"""


def measure(seconds_hint: float = 20.0, most_flights: int = 10_000) -> dict[str, Figure]:
    """Measures for about `seconds_hint` seconds, and the memory of `most_flights`.

    Returns:
        `sampled_40`, `expected_40`, `sampled_1000`, `expected_1000`: 256 flights of 40 and of 1,000
        line items, outcomes drawn or at their mean; `gymnasium_one`: one flight of 40 through
        `gymnasium.make`, action `shares`; `vector_shares`, `vector_prices`: 256 flights through
        `gymnasium.make_vec`, observation and, with prices, the split included; `split`: the
        allocator alone; `time_starting`, `time_arithmetic`, `time_drawing`: where the time of
        `sampled_40` goes; `memory_10000_x_1000` and `memory_growth`: peak memory of 10,000 flights
        of 1,000 line items, and how it grows over that of 5,000.
    """
    share = seconds_hint / 9
    small, large = bench_world(40), bench_world(1000)
    sampled = _rate(given_shares(small), share)
    expected = _rate(given_shares(small, expected=True), share)
    half, whole = (_growth(flights) for flights in (most_flights // 2, most_flights))
    starting = _rate(_starting(small), share / 2)
    per_step = 1 / sampled
    return {
        "sampled_40": figure(sampled, "steps/s", at_least=20_000),
        "expected_40": figure(expected, "steps/s", at_least=200_000),
        "sampled_1000": figure(_rate(given_shares(large), share), "steps/s", at_least=1_000),
        "expected_1000": figure(
            _rate(given_shares(large, expected=True), share), "steps/s", at_least=8_000
        ),
        "gymnasium_one": figure(_rate(_one_flight(small), share), "steps/s", at_least=3_000),
        "vector_shares": figure(_rate(_views(small, "shares"), share), "steps/s"),
        "vector_prices": figure(_rate(_views(small, "prices"), share), "steps/s"),
        "split": figure(_rate(_split(small), share), "splits/s"),
        "time_starting": figure(100 / starting / per_step, "% of a step"),
        "time_arithmetic": figure(100 * (1 / expected - 1 / starting) / per_step, "% of a step"),
        "time_drawing": figure(100 * (per_step - 1 / expected) / per_step, "% of a step"),
        f"memory_{most_flights}_x_1000": figure(whole, "MB", at_most=3_000),
        "memory_growth": figure(whole / half, "x for twice the flights", at_most=2.2),
    }


def bench_world(line_items: int) -> Any:
    """A world of 40 or 1,000 line items with every dynamic on."""
    from promopilot.envs.synthetic import SyntheticSize, synthetic_world

    promotions, placements = {40: (10, 4), 1000: (50, 20)}[line_items]
    size = SyntheticSize(promotions, placements, 1, _DAYS, stock=5_000.0)
    return synthetic_world(size)


def given_shares(world: Any, *, expected: bool = False) -> Callable[[], int]:
    """Plays 256 flights with even shares; returns the steps played."""
    import numpy as np

    from promopilot.envs.market import Market

    market = Market(world, expected=expected)
    items = world.catalog.num_line_items
    even = np.full((BATCH, items), world.budget / world.days / items)

    def play() -> int:
        market.reset(0, np.arange(BATCH))
        while not market.done:
            market.step(even)
        return BATCH * int(world.days)

    return play


def large_market(flights: int) -> None:
    """Plays two days of many flights of 1,000 line items."""
    import numpy as np

    from promopilot.envs.market import Market

    world = bench_world(1000)
    market = Market(world)
    market.reset(0, np.arange(flights))
    for _ in range(2):
        market.step(np.full((flights, 1000), world.budget / world.days / 1000))


def _starting(world: Any) -> Callable[[], int]:
    import numpy as np

    from promopilot.envs.market import Market

    market = Market(world)

    def start() -> int:
        market.reset(0, np.arange(BATCH))
        return BATCH * int(world.days)

    return start


def _one_flight(world: Any) -> Callable[[], int]:
    import gymnasium
    import numpy as np

    import promopilot.envs  # noqa: F401 - registers the environment

    env = gymnasium.make("promopilot/BudgetAllocation-v0", world=world, actions="shares")
    even = np.ones(env.action_space.shape or (), np.float32)

    def play() -> int:
        env.reset()
        while not env.step(even)[2]:
            pass
        return int(world.days)

    return play


def _views(world: Any, actions: str) -> Callable[[], int]:
    import gymnasium
    import numpy as np

    import promopilot.envs  # noqa: F401 - registers the environment

    many = gymnasium.make_vec(
        "promopilot/BudgetAllocation-v0", num_envs=BATCH, world=world, actions=actions
    )
    action = np.full(many.action_space.shape or (), float(actions == "shares"), np.float32)

    def play() -> int:
        many.reset()
        for _ in range(world.days):
            many.step(action)
        return BATCH * int(world.days)

    return play


def _split(world: Any) -> Callable[[], int]:
    import numpy as np

    from promopilot.envs.market import Market
    from promopilot.envs.replan import Replan

    market, replan = Market(world), Replan(world)
    market.reset(0, np.arange(BATCH))

    def split() -> int:
        replan(market)
        return BATCH

    return split


def _rate(play: Callable[[], int], seconds: float) -> float:
    """Steps per second of `play`, which returns how many it played: the median of rounds."""
    play()  # the first call warms caches up, and compiles
    rates = []
    for _ in range(_ROUNDS):
        steps, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < seconds / _ROUNDS:
            steps += play()
        rates.append(steps / spent)
    return median(rates)


def _growth(flights: int) -> float:
    """Growth of peak memory in MB while many flights are played, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _LARGE, str(flights)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def peak_mb() -> float:
    """Peak memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux may be that of the process that started it
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
