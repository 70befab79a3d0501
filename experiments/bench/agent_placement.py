"""DQN on ad placement, beside greedy by predicted profit, under fatigue, caps and stock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.bench.agent_fits import FOLDER, SEEDS, Played, kept, one_thread
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.resampling import bounds, means

_TEST_SEED, _TEST_FLIGHTS = 7, 1_024
_VALIDATION_SEED, _VALIDATION_FLIGHTS = 99, 64
# What DQN is compared with; the last two know what money is worth without having learnt it.
RIVALS = ("greedy", "greedy_paced", "greedy_priced")


def world() -> World:
    """Six promotions whose audiences tire, whose stock ends, and whose line items are capped."""
    size = SyntheticSize(promotions=6, placements=3, segments=2, days=14, stock=150.0)
    made = synthetic_world(size, seed=1)
    cap = 0.1 * made.budget / made.days
    return replace(made, budget=0.5 * made.budget, max_spend=np.full_like(made.max_spend, cap))


def measure(out: Path, progress: Callable[[str, float], None]) -> dict[str, Figure]:
    """Train DQN for every seed, one process each, and play it beside its rivals.

    Returns:
        DQN's gain over each rival on the same test flights, with 95 % bounds, seeds and flights
        resampled together, and the slowest training.
    """
    folder = out / FOLDER
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), one_thread) as pool:
        fits = [pool.submit(_fit, seed, folder) for seed in SEEDS]
        rivals = {name: pool.submit(_played, name) for name in RIVALS}
        for done, fit in enumerate(fits):
            fit.result()
            progress("ad placement", (done + 1) / len(fits))
    dqn = np.stack([fit.result().value for fit in fits])
    draws = means(dqn, *(rival.result() for rival in rivals.values()))
    found: dict[str, Figure] = {}
    for at, name in enumerate(RIVALS):
        gain = bounds(100 * (draws[:, 0] - draws[:, 1 + at]) / np.abs(draws[:, 1 + at]))
        goal = 0.0 if name == "greedy" else None
        found |= {
            f"placement_vs_{name}_pct": figure(gain[0], "%"),
            f"placement_vs_{name}_low_pct": figure(gain[1], "%", at_least=goal),
            f"placement_vs_{name}_high_pct": figure(gain[2], "%"),
        }
    slowest = max(fit.result().seconds for fit in fits) / 60
    return found | {"placement_training_minutes": figure(slowest, "min", at_most=3.0)}


def _fit(seed: int, folder: Path) -> Played:
    return kept(f"placement-dqn-{seed}", folder, lambda: _trained(seed))


def _trained(seed: int) -> Played:
    from promopilot.agents.placement.rollout import roll_out_blocks
    from promopilot.agents.placement.settings import PlacementSettings
    from promopilot.agents.placement.train import train_placement

    choosing, settings = np.arange(_VALIDATION_FLIGHTS), PlacementSettings()
    began = time.perf_counter()
    policy, course = train_placement(world(), settings, seed, _VALIDATION_SEED, choosing)
    seconds = time.perf_counter() - began
    played = roll_out_blocks(policy, world(), _TEST_SEED, np.arange(_TEST_FLIGHTS))
    best = course.history[course.best]["steps"]
    return Played(played.value, played.decision_ms, seconds, best)


def _played(name: str) -> Floats:
    from promopilot.agents.placement.policy import BlockPolicy, Greedy, PacedGreedy, PricedGreedy
    from promopilot.agents.placement.rollout import roll_out_blocks

    made = world()
    rivals: dict[str, BlockPolicy] = {
        "greedy": Greedy(),
        "greedy_paced": PacedGreedy(made),
        "greedy_priced": PricedGreedy(made),
    }
    return roll_out_blocks(rivals[name], made, _TEST_SEED, np.arange(_TEST_FLIGHTS)).value
