"""Every policy on the same test flights, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from promopilot.agents.rollout import Progress, Rollout, roll_out
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

SIMULATIONS = "simulations.json"
# Time of a flight, against the others', of a policy that looks ahead: for the time left.
_SLOW_WEIGHT = 20.0


@dataclass(frozen=True)
class Flights:
    """Flights 0, 1, … of a seed."""

    seed: int
    count: int
    slow_count: int  # at most so many for policies that look ahead

    def of(self, name: str) -> int:
        """How many a policy plays."""
        return min(self.count, self.slow_count) if POLICIES[name].slow else self.count


def play(
    names: Sequence[str],
    world: World,
    trained: Path,
    flights: Flights,
    progress: Progress,
    task: str,
    stress: Stress | None = None,
) -> dict[str, Rollout]:
    """Roll the named policies out on the same flights.

    Args:
        names: Policies; the bound is none, and is passed over.
        world: The market.
        trained: The folder of what was trained in the run.
        flights: Which are played.
        progress: Told `task` and the share done.
        task: What is going on.
        stress: How the truth lies from what the world believes, if it does.
    """
    played = [name for name in names if name != BOUND]
    weight = {n: flights.of(n) * (_SLOW_WEIGHT if POLICIES[n].slow else 1.0) for n in played}
    total, done, rollouts = sum(weight.values()), 0.0, dict[str, Rollout]()
    for name in played:

        def report(
            what: str, share: float, begun: float = done, mine: float = weight[name]
        ) -> None:
            progress(task, (begun + share * mine) / total)

        policy = make_policy(name, world, trained)
        numbers = np.arange(flights.of(name))
        rollouts[name] = roll_out(
            policy, world, flights.seed, numbers, stress=stress, progress=report
        )
        done += weight[name]
    return rollouts


def hindsight_bound(names: Sequence[str], world: World, seed: int, flights: int) -> Floats | None:
    """What no policy can pass on each of the flights `[F]`; None where it was not asked for."""
    if BOUND not in names:
        return None
    from promopilot.agents.lookahead.bound import clairvoyant_bound

    return clairvoyant_bound(world, seed, np.arange(flights))


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
    played = play(names, world, trained, each, progress, "simulate")
    bound = hindsight_bound(names, world, seeds.test, flights)
    found: dict[str, Any] = {"policies": figures(played, world, seeds.bootstrap, bound)}
    if stress is not None:
        from promopilot.experiments.stress import play_stresses

        count = min(flights, stress.flights_stress)
        each = Flights(seeds.test, count, stress.flights_lookahead)
        found["stress"] = play_stresses(
            usable(names), world, trained, each, seeds.bootstrap, progress
        )
    return found


def read_simulations(run: Path) -> dict[str, Any]:
    """What the simulate stage of a run wrote."""
    document: dict[str, Any] = json.loads((run / SIMULATIONS).read_text(encoding="utf-8"))
    return document
