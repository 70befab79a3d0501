"""Every policy on the same test flights, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from promopilot.agents.rollout import BATCH, Books, Progress, Rollout, rolled
from promopilot.agents.spread import Spread, here, in_parts
from promopilot.envs.arrays import Floats
from promopilot.envs.stress import Stress
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.config import SimulateConfig
from promopilot.experiments.figures import Figures, figures
from promopilot.experiments.policies import (
    BASELINE,
    BOUND,
    POLICIES,
    available,
    check_names,
    make_policy,
    usable,
)
from promopilot.experiments.recommendation import recommend
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.spreading.playing import Batch, Playing

SIMULATIONS = "simulations.json"
# Time of a flight, against the others', of a policy that looks ahead: for the time left.
_SLOW_WEIGHT = 20.0
# Flights whose bound is looked for together: each takes as long as some days of looking ahead.
_BOUNDED = 16


@dataclass(frozen=True)
class Flights:
    """Flights 0, 1, … of a seed."""

    seed: int
    count: int
    slow_count: int  # at most so many for policies that look ahead

    def of(self, name: str) -> int:
        """How many a policy plays."""
        return min(self.count, self.slow_count) if POLICIES[name].slow else self.count


@dataclass(frozen=True)
class Wanted:
    """Policies to be rolled out on the same flights."""

    names: Sequence[str]  # the bound is no policy, and is passed over
    flights: Flights
    stress: Stress | None = None  # how the truth lies from what the world believes, if it does


def play_each(
    wanted: Sequence[Wanted],
    world: World,
    trained: Path,
    progress: Progress,
    task: str,
    spread: Spread = here,
) -> list[dict[str, Rollout]]:
    """Roll out all that is wanted.

    Policies that look ahead begin, so that no long batch is left over when all others are done.

    Args:
        wanted: What is played.
        world: The market.
        trained: The folder of what was trained in the run.
        progress: Told `task` and the share done.
        task: What is going on.
        spread: Where they are played.

    Returns:
        For each that is wanted, rollouts by policy.
    """
    asked = [
        (at, name, Batch(name, one.flights.seed, flights, one.stress))
        for at, one in enumerate(wanted)
        for name in one.names
        if name != BOUND
        for flights in in_parts(np.arange(one.flights.of(name)), BATCH)
    ]
    asked.sort(key=lambda one: not POLICIES[one[1]].slow)
    names = dict.fromkeys(name for _, name, _ in asked)
    policies = {name: make_policy(name, world, trained) for name in names}
    weights = [_weight(batch) for _, _, batch in asked]
    played: dict[tuple[int, str], list[Books]] = {(at, name): [] for at, name, _ in asked}
    books = spread(Playing(world, policies), [batch for _, _, batch in asked])
    for (at, name, _), done in zip(asked, np.cumsum(weights) / sum(weights), strict=True):
        played[at, name].append(next(books))
        progress(task, float(done))
    return [
        {name: rolled(policies[name].name, played[at, name]) for name in one.names if name != BOUND}
        for at, one in enumerate(wanted)
    ]


def _weight(batch: Batch) -> float:
    return len(batch.flights) * (_SLOW_WEIGHT if POLICIES[batch.policy].slow else 1.0)


def hindsight_bound(
    names: Sequence[str],
    world: World,
    seed: int,
    flights: int,
    progress: Progress,
    spread: Spread = here,
) -> Floats | None:
    """What no policy can pass on each of the flights `[F]`; None where it was not asked for."""
    if BOUND not in names:
        return None
    from promopilot.agents.lookahead.bound import clairvoyant_bound

    parts, found = in_parts(np.arange(flights), _BOUNDED), list[Floats]()
    for bound in spread(partial(clairvoyant_bound, world, seed), parts):
        found.append(bound)
        progress("simulate: what no policy can pass", len(found) / len(parts))
    return np.concatenate(found)


def summarise(
    validation: dict[str, Rollout],
    test: dict[str, Rollout],
    stress: dict[str, Figures],
    world: World,
    seed: int,
    bound: Floats | None = None,
) -> dict[str, Any]:
    """The content of `simulations.json`.

    `books` are means over the test flights, in money; `values` the objective of each test flight.

    Args:
        validation: Rollouts on the flights that choose, of policies that can be used.
        test: Rollouts on the flights that report.
        stress: `promopilot.experiments.stress.play_stresses`.
        world: The market.
        seed: Seed of the bootstrap.
        bound: `hindsight_bound` on test flights, if any.
    """
    found = figures(test, world, seed, bound)
    fewest = min(len(rollout.value) for rollout in validation.values())
    common = {
        name: replace(rollout, value=rollout.value[:fewest]) for name, rollout in validation.items()
    }
    chosen = figures(common, world, seed)  # other flights would make other gains
    recommended, why = recommend(chosen, found, stress)
    return {
        "policies": found,
        "recommended": recommended,
        "why": why,
        "stress": stress,
        "books": {name: _books(rollout) for name, rollout in test.items()},
        "validation": chosen,
        "flights_test": len(test[BASELINE].value),
        "values": {name: rollout.value.tolist() for name, rollout in test.items()},
    }


def _books(rollout: Rollout) -> dict[str, float]:
    day = rollout.by_day
    return {
        "spend_mean": float(day.spend.sum()),
        "profit_mean": float(day.profit.sum()),
        "conversion_value_mean": float(day.conversion_value.sum()),
    }


def simulate_run(
    run: Path,
    policies: Sequence[str],
    flights: int,
    seed: int,
    progress: Progress,
    stress: SimulateConfig | None = None,
    trained: Path | None = None,
    spread: Spread = here,
) -> dict[str, Any]:
    """Compare policies on the test flights of a run's market.

    Args:
        run: A run folder whose market and policy are finished.
        policies: Names; all that the run has where empty. The re-planner is always played, as the
            baseline.
        flights: How many flights, of every policy.
        seed: The run's seed, or another for other flights.
        progress: Told the share done.
        stress: How many of the flights are played again in each market that is not as believed;
            none are where absent.
        trained: A folder of `train`, for its policies in place of the run's own.
        spread: Where flights are played; what comes of them is the same.

    Returns:
        `{"policies": …}` as in `metrics.json`, and `"stress"` where asked for.

    Raises:
        ConfigError: No policy has that name, or it was not trained there.
        PolicyError: What was trained is altered, or does not fit the run's market.
    """
    world, seeds = load_world(run / "market"), Seeds.of(seed)
    trained = trained or run / "policy"
    names = list(dict.fromkeys([*(policies or [*available(trained), BOUND]), BASELINE]))
    check_names(names, trained)
    each = Flights(seeds.test, flights, flights)
    (played,) = play_each([Wanted(names, each)], world, trained, progress, "simulate", spread)
    bound = hindsight_bound(names, world, seeds.test, flights, progress, spread)
    found: dict[str, Any] = {"policies": figures(played, world, seeds.bootstrap, bound)}
    if stress is not None:
        from promopilot.experiments.stress import play_stresses

        count = min(flights, stress.flights_stress)
        each = Flights(seeds.test, count, stress.flights_lookahead)
        found["stress"] = play_stresses(
            usable(names), world, trained, each, seeds.bootstrap, progress, spread
        )
    return found


def read_simulations(run: Path) -> dict[str, Any]:
    """What the simulate stage of a run wrote."""
    document: dict[str, Any] = json.loads((run / SIMULATIONS).read_text(encoding="utf-8"))
    return document
