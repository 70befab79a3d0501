"""One policy for catalogs that it never saw: trained on 6 to 12 promotions, played on 20."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from promopilot.agents.settings import PpoSettings
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.bench.agent_fits import FOLDER, Played, kept
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.resampling import bounds, means

_SIZES = tuple(range(6, 13)) * 2  # of the catalogs that it learns from
_UNSEEN, _UNSEEN_SIZE = 8, 20
_FLIGHTS = 128  # of each
_FIRST_UNSEEN = 1_000  # seed of the first unseen catalog; those learnt from have 0, 1, ...
_TEST_SEED = 3
_LEAST_PCT = -0.25


def catalog(promotions: int, seed: int) -> World:
    """A random catalog: rates, prices and costs of its own, every dynamic on."""
    size = SyntheticSize(promotions=promotions, placements=5, segments=1, days=28, shift_sd=0.5)
    return synthetic_world(size, seed=seed)


def measure(out: Path, progress: Callable[[str, float], None]) -> dict[str, Figure]:
    """Trains once and plays both policies on every unseen catalog.

    Returns:
        The gain over the re-planner on unseen catalogs with 95 % bounds, flights and catalogs
        resampled together, how often the policy fell back to the re-planner, and what the
        look-ahead gains there on some of the same flights.
    """
    # Gains in per cent of the re-planner's mean, catalog by catalog; seconds are of training.
    found = kept("transfer", out / FOLDER, lambda: _played(progress))
    share = found.value.reshape(_UNSEEN, _FLIGHTS)
    gain, low, high = bounds(means(share)[:, 0])
    return {
        "transfer_gain_pct": figure(gain, "%"),
        "transfer_gain_low_pct": figure(low, "%", at_least=_LEAST_PCT),
        "transfer_gain_high_pct": figure(high, "%"),
        "transfer_fallback_pct": figure(100 * found.fallback_share, "%"),
        "transfer_mpc_gain_pct": figure(_look_ahead(), "%"),
        "transfer_training_minutes": figure(found.seconds / 60, "min"),
    }


def _unseen() -> list[World]:
    return [catalog(_UNSEEN_SIZE, _FIRST_UNSEEN + number) for number in range(_UNSEEN)]


def _played(progress: Callable[[str, float], None]) -> Played:
    from promopilot.agents.ppo import train_ppo
    from promopilot.agents.ppo_policy import PpoPolicy
    from promopilot.agents.replanner import Replanner
    from promopilot.agents.rollout import roll_out
    from promopilot.envs.replan import Replan

    worlds = [catalog(size, seed) for seed, size in enumerate(_SIZES)]
    settings = PpoSettings(training_flights=128, lessons=len(worlds), corrections=len(worlds) // 2)
    began = time.perf_counter()
    policy, course = train_ppo(worlds, settings, 1, 2, np.arange(16), progress)
    seconds = time.perf_counter() - began
    gains, fallen = [], []
    for world in _unseen():
        flights = np.arange(_FLIGHTS)
        base = roll_out(Replanner(world), world, _TEST_SEED, flights).value
        moved = PpoPolicy(policy.network, policy.statistics, Replan(world))
        played = roll_out(moved, world, _TEST_SEED, flights)
        gains.append(100 * (played.value - base) / abs(base.mean()))
        fallen.append(played.fallback_share or 0.0)
    best = course.history[course.best]["steps"]
    return Played(np.concatenate(gains), 0.0, seconds, best, float(np.mean(fallen)))


def _look_ahead() -> float:
    """Mean gain of the look-ahead on a quarter of the flights, in per cent."""
    from promopilot.agents.lookahead.mpc import Mpc
    from promopilot.agents.replanner import Replanner
    from promopilot.agents.rollout import roll_out

    gains, few = [], np.arange(_FLIGHTS // 4)
    for world in _unseen():
        base, ahead = (
            roll_out(policy, world, _TEST_SEED, few).value.mean()
            for policy in (Replanner(world), Mpc(world))
        )
        gains.append(100 * (ahead - base) / abs(base))
    return float(np.mean(gains))
