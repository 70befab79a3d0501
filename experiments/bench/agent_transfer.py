"""One policy for catalogs that it never saw: trained on 6 to 12 promotions, played on 20."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from promopilot.agents.settings import PpoSettings
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.resampling import bounds, means

_SIZES = tuple(range(6, 13)) * 2  # of the catalogs that it learns from
_UNSEEN, _UNSEEN_SIZE = 8, 20
_FLIGHTS = 128  # of each
_FIRST_UNSEEN = 1_000  # seed of the first unseen catalog; those learnt from have 0, 1, ...
_LEAST_PCT = -0.25


def catalog(promotions: int, seed: int) -> World:
    """A random catalog: rates, prices and costs of its own, every dynamic on."""
    size = SyntheticSize(promotions=promotions, placements=5, segments=1, days=28, shift_sd=0.5)
    return synthetic_world(size, seed=seed)


def measure(out: Path, progress: Callable[[str, float], None]) -> dict[str, Figure]:
    """Trains once and plays both policies on every unseen catalog.

    Returns:
        The gain over the re-planner on unseen catalogs with 95 % bounds, flights and catalogs
        resampled together, and what the look-ahead gains there on some of the same flights.
    """
    from promopilot.agents.lookahead.mpc import Mpc
    from promopilot.agents.ppo import train_ppo
    from promopilot.agents.ppo_policy import PpoPolicy
    from promopilot.agents.replanner import Replanner
    from promopilot.agents.rollout import roll_out
    from promopilot.envs.replan import Replan

    worlds = [catalog(size, seed) for seed, size in enumerate(_SIZES)]
    settings = PpoSettings(training_flights=128, lessons=len(worlds), corrections=len(worlds) // 2)
    policy, _ = train_ppo(worlds, settings, 1, 2, np.arange(16), progress)
    gains, sizes, ahead = [], [], []
    for seed in range(_FIRST_UNSEEN, _FIRST_UNSEEN + _UNSEEN):
        world = catalog(_UNSEEN_SIZE, seed)
        moved = PpoPolicy(policy.network, policy.statistics, Replan(world))
        flights, few = np.arange(_FLIGHTS), np.arange(_FLIGHTS // 4)
        base = roll_out(Replanner(world), world, 3, flights).value
        gains.append(roll_out(moved, world, 3, flights).value - base)
        sizes.append(abs(base.mean()))
        best = roll_out(Mpc(world), world, 3, few).value - base[: len(few)]
        ahead.append(100 * best.mean() / abs(base[: len(few)].mean()))
    share = 100 * np.stack(gains) / np.array(sizes)[:, None]  # [unseen, F]
    gain, low, high = bounds(means(share)[:, 0])
    return {
        "transfer_gain_pct": figure(gain, "%"),
        "transfer_gain_low_pct": figure(low, "%", at_least=_LEAST_PCT),
        "transfer_gain_high_pct": figure(high, "%"),
        "transfer_mpc_gain_pct": figure(float(np.mean(ahead)), "%"),
    }
