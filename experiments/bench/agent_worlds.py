"""How good PPO is in each world: what it gains, how much of the look-ahead's gain, how quickly.

Five training seeds, 1,024 test flights; intervals resample seeds and flights together.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from promopilot.agents.settings import PpoSettings
from promopilot.experiments.bench.agent_fits import (
    FOLDER,
    SEEDS,
    Played,
    one_thread,
    play_fixed,
    train_and_play,
)
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.resampling import bounds, means
from promopilot.experiments.worlds import WORLDS

CALM = "known_stationary"
_LEAST_GAP_PCT = 0.5  # below this there is nothing much to close
_MINUTES = 3.0


def measure(out: Path, progress: Callable[[str, float], None]) -> dict[str, Figure]:
    """Train and play what is not kept yet, on all cores, one process each.

    Args:
        out: The folder of bench.json; results are kept below it.
        progress: Told the share done.

    Returns:
        For each world: PPO's and the look-ahead's gain over the re-planner with 95 % bounds, the
        share of the gap that PPO closes, how far it stays behind the look-ahead, decision times,
        and the slowest training.
    """
    settings, folder = PpoSettings(), out / FOLDER
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), one_thread) as pool:
        fixed = {
            (world, name): pool.submit(play_fixed, world, name, folder)
            for world in WORLDS
            for name in ("mpc", "replanner", "static_optimum")
        }
        fits = {
            (world, seed): pool.submit(train_and_play, world, seed, settings, folder)
            for world in WORLDS
            for seed in SEEDS
        }
        jobs: list[Future[Played]] = [*fixed.values(), *fits.values()]
        for done, job in enumerate(jobs):
            job.result()
            progress("agents", (done + 1) / len(jobs))
    found: dict[str, Figure] = {}
    for world in WORLDS:
        base, ahead, static = (
            fixed[world, name].result() for name in ("replanner", "mpc", "static_optimum")
        )
        found |= judged(world, [fits[world, seed].result() for seed in SEEDS], base, ahead, static)
    return found


def judged(
    world: str, trained: list[Played], base: Played, ahead: Played, static: Played
) -> dict[str, Figure]:
    """The figures of one world."""
    ppo = np.stack([played.value for played in trained])  # [S, F]
    draws = means(ppo, base.value, ahead.value, static.value)
    mine, usual, best, fixed = (draws[:, k] for k in range(4))
    gain = bounds(100 * (mine - usual) / np.abs(usual))
    gap = bounds(100 * (best - usual) / np.abs(usual))
    behind = bounds(100 * (best - mine) / np.abs(best))
    found = {
        "gain_pct": figure(gain[0], "%"),
        "gain_low_pct": figure(gain[1], "%"),
        "gain_high_pct": figure(gain[2], "%"),
        "mpc_gain_pct": figure(gap[0], "%"),
        "mpc_gain_low_pct": figure(gap[1], "%"),
        "behind_mpc_pct": figure(behind[0], "%", at_most=0.5),
        "decision_ms": figure(float(np.mean([p.decision_ms for p in trained])), "ms"),
        "mpc_decision_ms": figure(ahead.decision_ms, "ms"),
        "fallback_pct": figure(100 * float(np.mean([p.fallback_share for p in trained])), "%"),
        "training_minutes": figure(max(p.seconds for p in trained) / 60, "min", at_most=_MINUTES),
    }
    if gap[0] > _LEAST_GAP_PCT and gap[1] > 0:  # of an unproven gap no share is told
        closed = bounds((mine - usual) / (best - usual))
        found["gap_closed"] = figure(closed[0], "share", at_least=0.7)
        found["gap_closed_low"] = figure(closed[1], "share", at_least=0.0)
        found["gap_closed_high"] = figure(closed[2], "share")
    if world == CALM:
        short = 100 * (fixed[0] - mine[0]) / abs(fixed[0])
        found["behind_static_pct"] = figure(short, "%", at_most=0.5)
    return {f"{world}_{name}": value for name, value in found.items()}
