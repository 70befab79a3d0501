"""How many steps a second RTBGym plays, as JSON on stdout.

Stands alone: it is run by the interpreter of the peers' environment, where nothing of promopilot
is installed (`experiments/bench/peers-requirements.txt` says what is).
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Sequence
from typing import Any

import gym  # type: ignore[import-not-found]  # in the peers' environment only
import numpy as np
import rtbgym  # type: ignore[import-not-found]  # in the peers' environment only

SEED = 12345  # as in its own examples
LOWEST, HIGHEST, ACTIONS = 0.1, 10.0, 10  # the adjust rates that it offers by default


def main() -> None:
    """Plays the standard environment as its readme makes it, and the same without any wrapper."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True, help="of each measurement")
    seconds = parser.parse_args().seconds
    # The default rates, given by name: where numpy rounds the lowest down to 0.0999…, RTBGym
    # refuses its own default.
    rates = np.logspace(np.log10(LOWEST), np.log10(HIGHEST), ACTIONS).clip(LOWEST, HIGHEST)
    wrapped = gym.make("RTBEnv-discrete-v0", action_meaning=rates)
    bare = rtbgym.RTBEnv(random_state=SEED)
    drawn = np.random.default_rng(SEED).integers(ACTIONS, size=1000)
    found = {
        "steps_per_second": rate(wrapped, [int(action) for action in drawn], seconds),
        "bare_steps_per_second": rate(bare, [float(rates[action]) for action in drawn], seconds),
    }
    print(json.dumps(found))


def rate(env: Any, actions: Sequence[Any], seconds: float) -> float:
    """Steps per second over whole episodes, each with its `reset`; actions cost nothing."""
    following = itertools.cycle(actions)
    play(env, following)  # the first episode warms caches up, and gym checks in it
    steps, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        steps += play(env, following)
    return steps / spent


def play(env: Any, actions: Any) -> int:
    """Plays one episode and returns its steps."""
    env.reset()
    for step in itertools.count(1):
        _, _, terminated, truncated, _ = env.step(next(actions))
        if terminated or truncated:
            return step
    raise AssertionError("unreachable: the count has no end")


if __name__ == "__main__":
    main()
