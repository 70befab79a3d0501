"""Policies of the agents' study: each trained and played once, and kept.

What is kept belongs to one code, world and seed: its name holds a digest of them, so that a killed
study goes on, and a changed one starts anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from promopilot import agents, envs
from promopilot.agents.settings import PpoSettings
from promopilot.envs.arrays import Floats
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.worlds import named_world, world_place

FOLDER = "agents"  # beside bench.json
SEEDS = (1, 2, 3, 4, 5)  # of training; each has training flights of its own
TEST_SEED, TEST_FLIGHTS = 20_261, 1_024  # flights that choose nothing
VALIDATION_SEED, VALIDATION_FLIGHTS = 20_262, 128
_DIGITS = 16


@dataclass(frozen=True)
class Played:
    """What a policy earned on the test flights of a world."""

    value: Floats  # [F] objective
    decision_ms: float
    seconds: float = 0.0  # of training
    steps: float = 0.0  # flight-days of practice until the best
    fallback_share: float = 0.0  # of decisions


def play_fixed(name: str, policy: str, out: Path) -> Played:
    """Play `replanner`, `mpc` or `static_optimum` in a world, or read what it did.

    Args:
        name: Of the world.
        policy: Which.
        out: Where results are kept.
    """
    place = out / f"{name}-{policy}-{_digest(name, policy)}.json"
    return _kept(place) or _keep(place, _played(name, policy))


def train_and_play(name: str, seed: int, settings: PpoSettings, out: Path) -> Played:
    """Train PPO in a world and play it, or read what it did.

    Args:
        name: Of the world.
        seed: Of training.
        settings: How.
        out: Where results are kept.
    """
    told = f"{settings.model_dump_json()}-{seed}"
    place = out / f"{name}-ppo-{seed}-{_digest(name, told)}.json"
    return _kept(place) or _keep(place, _trained(name, seed, settings))


def one_thread() -> None:
    """Two torch threads while another process runs are slower than one."""
    import torch

    torch.set_num_threads(1)


def _played(name: str, policy: str) -> Played:
    from promopilot.agents.rollout import roll_out
    from promopilot.experiments.policies import make_policy

    world = named_world(name)
    chosen = make_policy(policy, world, Path())
    rollout = roll_out(chosen, world, TEST_SEED, np.arange(TEST_FLIGHTS))
    return Played(rollout.value, rollout.decision_ms)


def _trained(name: str, seed: int, settings: PpoSettings) -> Played:
    from promopilot.agents.ppo import train_ppo
    from promopilot.agents.rollout import roll_out

    world, choosing = named_world(name), np.arange(VALIDATION_FLIGHTS)
    # Compiles what is compiled on first use, which is no part of training.
    train_ppo(world, settings.model_copy(update={"steps": 0, "lessons": 0}), 0, 0, choosing[:2])
    began = time.perf_counter()
    policy, course = train_ppo(world, settings, seed, VALIDATION_SEED, choosing)
    seconds = time.perf_counter() - began
    rollout = roll_out(policy, world, TEST_SEED, np.arange(TEST_FLIGHTS))
    return Played(
        value=rollout.value,
        decision_ms=rollout.decision_ms,
        seconds=seconds,
        steps=course.history[course.best]["steps"],
        fallback_share=rollout.fallback_share or 0.0,
    )


def _kept(place: Path) -> Played | None:
    try:
        found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        return Played(**(found | {"value": np.array(found["value"])}))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _keep(place: Path, played: Played) -> Played:
    place.parent.mkdir(parents=True, exist_ok=True)
    document = vars(played) | {"value": played.value.tolist()}
    write_text_atomic(place, json.dumps(document) + "\n")
    return played


def _digest(name: str, what: str) -> str:
    """Of code, world and what is done there."""
    told = hashlib.sha256(what.encode() + code_digest())
    place = world_place(name)
    for file in sorted(place.iterdir()) if place.is_dir() else [place]:
        told.update(file.read_bytes())
    return told.hexdigest()[:_DIGITS]


def code_digest() -> bytes:
    """Of the code of agents, market and study, and of the libraries that learn."""
    told = hashlib.sha256()
    here = Path(__file__).parent
    folders = (Path(agents.__path__[0]), Path(envs.__path__[0]))
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            told.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    for file in sorted(here.glob("agent_*.py")):
        told.update(file.read_bytes())
    for library in ("torch", "stable-baselines3", "sb3-contrib", "numpy", "numba"):
        told.update(metadata.version(library).encode())
    return told.digest()


def kept(name: str, out: Path, make: Callable[[], Played]) -> Played:
    """What `make` returns, or what it returned for this code before.

    Args:
        name: Of what is made.
        out: Where results are kept.
        make: Makes it.
    """
    digest = hashlib.sha256(name.encode() + code_digest()).hexdigest()[:_DIGITS]
    place = out / f"{name}-{digest}.json"
    return _kept(place) or _keep(place, make())
