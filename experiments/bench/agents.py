"""How fast PPO trains, and how long a policy takes to decide.

The world is synthetic, 12 promotions x 5 placements x 28 days; settings are the defaults, so that
the figures belong to the quality that those settings reach.
"""

from __future__ import annotations

import time

from promopilot.experiments.bench.figure import Figure, figure

STEPS = 3 * 64 * 28  # three rollouts of 64 flights x 28 days


def measure() -> dict[str, Figure]:
    """Measures for some ten seconds.

    Returns:
        `ppo_steps_per_second`: flight-days of training, validation left out;
        `replanner_decision_ms`, `mpc_decision_ms` and `ppo_decision_ms`: one flight's day in a
        batch of 128, without a goal.
    """
    import numpy as np

    from promopilot.agents.lookahead.mpc import Mpc
    from promopilot.agents.ppo import train_ppo
    from promopilot.agents.replanner import Replanner
    from promopilot.agents.rollout import roll_out
    from promopilot.agents.settings import PpoSettings
    from promopilot.envs.synthetic import SyntheticSize, synthetic_world

    world = synthetic_world(SyntheticSize(promotions=12, placements=5, segments=1, days=28))
    settings = PpoSettings(lessons=0, steps=STEPS, training_flights=64, evaluate_every=10 * STEPS)
    few = np.arange(2)
    train_ppo(world, settings.model_copy(update={"steps": 0}), 0, 1, few)  # compiles
    began = time.perf_counter()
    train_ppo(world, settings.model_copy(update={"steps": 0}), 0, 1, few)
    starting = time.perf_counter() - began
    began = time.perf_counter()
    policy, course = train_ppo(world, settings, 0, 1, few)
    training = time.perf_counter() - began - starting
    flights = np.arange(256)
    decisions = {
        p.name: roll_out(p, world, 2, flights).decision_ms
        for p in (Replanner(world), Mpc(world), policy)
    }
    return {
        "ppo_steps_per_second": figure(
            course.history[-1]["steps"] / training, "flight-days/s", at_least=5_000
        ),
        "replanner_decision_ms": figure(decisions["replanner"], "ms"),
        "mpc_decision_ms": figure(decisions["mpc"], "ms"),
        "ppo_decision_ms": figure(decisions["ppo"], "ms"),
    }
