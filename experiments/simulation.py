"""Every policy on the same test flights, and which of them is recommended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from promopilot.agents.comparison import gain_pct, mean_interval
from promopilot.agents.policy import Policy
from promopilot.agents.rollout import Progress, Rollout, roll_out
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.seeds import Seeds

SIMULATIONS = "simulations.json"
BASELINE = "replanner"
POLICIES = ("current_mix", "uniform", "static_optimum", BASELINE, "ppo")
# A policy is recommended over the re-planner only if its gain on test flights has this lower bound.
LEAST_GAIN_PCT = 0.5


def make_policy(name: str, world: World, trained: Path) -> Policy:
    """The policy of that name; `trained` is the folder of the PPO policy.

    Raises:
        ConfigError: No policy has that name.
        PolicyError: The trained policy is missing or altered.
    """
    from promopilot.agents.ppo_policy import load_policy
    from promopilot.agents.replanner import Replanner
    from promopilot.agents.simple import CurrentMix, Uniform
    from promopilot.agents.static_optimum import StaticOptimum

    match name:
        case "current_mix":
            return CurrentMix()
        case "uniform":
            return Uniform()
        case "static_optimum":
            return StaticOptimum(world)
        case "replanner":
            return Replanner(world)
        case "ppo":
            return load_policy(trained, world)
    near = get_close_matches(name, POLICIES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(POLICIES)}"
    raise ConfigError(f"no policy is called {name!r}; {hint}")


def play(
    names: Sequence[str],
    world: World,
    trained: Path,
    seed: int,
    flights: int,
    progress: Progress,
    task: str,
) -> dict[str, Rollout]:
    """Roll the named policies out on flights 0..flights-1 of a seed."""
    rollouts: dict[str, Rollout] = {}
    for done, name in enumerate(names):
        policy = make_policy(name, world, trained)

        def report(what: str, share: float, done: int = done) -> None:
            progress(task, (done + share) / len(names))

        rollouts[name] = roll_out(policy, world, seed, np.arange(flights), progress=report)
    return rollouts


def figures(rollouts: dict[str, Rollout], world: World, seed: int) -> dict[str, dict[str, Any]]:
    """`metrics.json`'s `policies`: each policy's value and its paired gain over the re-planner."""
    found: dict[str, dict[str, Any]] = {}
    for name, rollout in rollouts.items():
        found[name] = {
            "value_mean": float(rollout.value.mean()),
            "value_ci95": list(mean_interval(rollout.value, seed)),
            "overspend_max": float(rollout.overrun.max()),
            "flights": len(rollout.value),
            "decision_ms": round(rollout.decision_ms, 4),
        }
        if "subsidy" in world.covers:
            found[name] |= {
                "overrun_probability": float((rollout.overrun > 0).mean()),
                "orders_refused_mean": float(rollout.lost.mean()),
            }
        if BASELINE in rollouts:
            gain = gain_pct(rollout.value, rollouts[BASELINE].value, seed)
            if gain is not None:
                found[name] |= {"vs_replanner_pct": gain[0], "vs_replanner_ci95": list(gain[1:])}
    return found


def recommend(validation: dict[str, Rollout], test: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """The policy to use, and why: best on validation flights, gain proven on test flights.

    Args:
        validation: Rollouts on the flights that choose.
        test: `figures` on the flights that report.
    """
    means = {name: float(rollout.value.mean()) for name, rollout in validation.items()}
    best = max(means, key=lambda name: (means[name], name == BASELINE))
    if best == BASELINE:
        return BASELINE, "No other policy was better on the validation flights."
    if "vs_replanner_pct" not in test[best]:
        return BASELINE, "The daily re-optimiser's mean is 0, so that no gain can be given on it."
    gain, (low, high) = test[best]["vs_replanner_pct"], test[best]["vs_replanner_ci95"]
    shown = (
        f"{gain:+.2f} % ({low:+.2f} to {high:+.2f}) against the daily re-optimiser on the test "
        "flights, which chose nothing"
    )
    if low >= LEAST_GAIN_PCT:
        return best, f"Best on the validation flights; {shown}."
    return BASELINE, (
        f"The best on the validation flights brought {shown}; to be recommended it would need a "
        f"lower bound of at least {LEAST_GAIN_PCT} %."
    )


def summarise(
    validation: dict[str, Rollout], test: dict[str, Rollout], world: World, seed: int
) -> dict[str, Any]:
    """The content of `simulations.json`.

    `books` are means over the test flights, in money; `values` the objective of each test flight.
    """
    found = figures(test, world, seed)
    recommended, why = recommend(validation, found)
    return {
        "policies": found,
        "recommended": recommended,
        "why": why,
        "books": {name: _books(rollout) for name, rollout in test.items()},
        "validation": figures(validation, world, seed),
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
    run: Path, policies: Sequence[str], flights: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """Compare policies on the test flights of a run's market.

    Args:
        run: A run folder whose market and policy are finished.
        policies: Names; all of them where empty. The re-planner is always played, as the baseline.
        flights: How many flights.
        seed: The run's seed, or another for other flights.
        progress: Told the share done.

    Returns:
        `{"policies": …}` as in `metrics.json`.
    """
    world = load_world(run / "market")
    names = list(dict.fromkeys([*(policies or POLICIES), BASELINE]))
    seeds = Seeds.of(seed)
    played = play(names, world, run / "policy", seeds.test, flights, progress, "simulate")
    return {"policies": figures(played, world, seeds.bootstrap)}


def read_simulations(run: Path) -> dict[str, Any]:
    """What the simulate stage of a run wrote."""
    document: dict[str, Any] = json.loads((run / SIMULATIONS).read_text(encoding="utf-8"))
    return document
