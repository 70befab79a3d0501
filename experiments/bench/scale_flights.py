"""What workers bring: flights of the look-ahead, and lessons of a training, alone and spread.

The world is synthetic, of the demo's size: 30 promotions x 7 placements x 4 segments x 28 days.
Starting Ray and its processes, which takes seconds however much there is to do, is counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from promopilot.experiments.bench.figure import Figure, figure

if TYPE_CHECKING:
    from promopilot.agents.spread import Spread
    from promopilot.envs.world import World


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the tests measure less."""

    promotions: int = 30
    placements: int = 7
    segments: int = 4
    days: int = 28
    flights: int = 512  # of the look-ahead
    training_flights: int = 512
    workers: tuple[int, ...] = (0, 1, 2)  # 0: all in this process


def measure(sizes: Sizes | None = None) -> dict[str, Figure]:
    """Measures, in about seven minutes on two cores.

    Returns:
        `flights_seconds_W`, of as many flights of the look-ahead with W workers, and
        `lessons_seconds_W`, of a training that ends with its lessons; `flights_speedup` and
        `lessons_speedup`, what most workers gain over none; `flights_start_seconds`, of Ray and the
        processes; `flights_same`, 1 where all numbers of flights and weights were equal bit by bit.

    Raises:
        ClusterError: Ray cannot be started here.
    """
    from promopilot.envs.synthetic import SyntheticSize, synthetic_world

    sizes = sizes or Sizes()
    world = synthetic_world(
        SyntheticSize(sizes.promotions, sizes.placements, sizes.segments, sizes.days)
    )
    found: dict[str, Figure] = {}
    same = True
    for name, do in (("flights", _flights), ("lessons", _lessons)):
        seconds, results = [], []
        do(world, sizes, None)  # compiles
        for workers in sizes.workers:
            took, result = _timed(do, world, sizes, workers)
            seconds.append(took)
            results.append(result)
            found[f"{name}_seconds_{workers}"] = figure(took, "s")
        found[f"{name}_speedup"] = figure(seconds[0] / seconds[-1], "times")
        same = same and all(_equal(results[0], other) for other in results[1:])
    found["flights_start_seconds"] = figure(
        _timed(_nothing, world, sizes, sizes.workers[-1])[0], "s"
    )
    found["flights_same"] = figure(float(same), "yes or no", at_least=1)
    return found


def _timed(
    do: Callable[[World, Sizes, Spread | None], list[np.ndarray]],
    world: World,
    sizes: Sizes,
    workers: int,
) -> tuple[float, list[np.ndarray]]:
    from promopilot.experiments.cluster.settings import RaySettings
    from promopilot.experiments.spreading.workers import spread_over

    began = time.perf_counter()
    with spread_over(RaySettings(workers=workers)) as spread:
        result = do(world, sizes, spread)
    return time.perf_counter() - began, result


def _flights(world: World, sizes: Sizes, spread: Spread | None) -> list[np.ndarray]:
    from pathlib import Path

    from promopilot.agents.spread import here
    from promopilot.experiments.progress import silent
    from promopilot.experiments.simulation import Flights, Wanted, play_each

    count = sizes.flights if spread is not None else 2
    wanted = [Wanted(["mpc"], Flights(1, count, count))]
    (played,) = play_each(wanted, world, Path(), silent, "flights", spread or here)
    return [played["mpc"].value, played["mpc"].spend]


def _lessons(world: World, sizes: Sizes, spread: Spread | None) -> list[np.ndarray]:
    from promopilot.agents.ppo import train_ppo
    from promopilot.agents.settings import PpoSettings
    from promopilot.agents.spread import here

    settings = PpoSettings(steps=0, training_flights=sizes.training_flights)
    if spread is None:
        settings = settings.model_copy(update={"lessons": 0, "training_flights": 2, "num_envs": 2})
    policy, _ = train_ppo(world, settings, 0, 1, np.arange(128), spread=spread or here)
    return [weights.numpy() for weights in policy.network.state_dict().values()]


def _nothing(world: World, sizes: Sizes, spread: Spread | None) -> list[np.ndarray]:
    return list((spread or map)(_zeros, range(sizes.workers[-1])))  # each process once


def _zeros(number: int) -> np.ndarray:
    return np.zeros(number)


def _equal(left: list[Any], right: list[Any]) -> bool:
    return all(map(np.array_equal, left, right))
