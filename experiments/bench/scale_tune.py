"""What a search on Ray brings: trials side by side, and trials given up early."""

from __future__ import annotations

import io
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from promopilot.agents.ppo import train_ppo
from promopilot.agents.ppo_policy import load_policy
from promopilot.agents.rollout import roll_out
from promopilot.agents.training.coach import one_thread
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.envs.world_files import save_world
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.config import RunConfig, make_config
from promopilot.experiments.progress import Progress
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.tuning.search import search
from promopilot.experiments.tuning.space import with_values
from promopilot.experiments.tuning.trial import Trial, folder_of, load_trials

_TRIALS, _SEARCHES = 16, 3
# Stock is scarce, so that there is something to learn, and learning rates matter: from nothing
# learnt at the lowest to nothing kept at the highest.
_SIZE = SyntheticSize(promotions=3, placements=2, segments=1, days=14, stock=300.0)
_PPO = {
    "lessons": 0,
    "corrections": 0,
    "steps": 56_448,
    "evaluate_every": 3_136,
    "num_envs": 32,
    "training_flights": 256,
    "batch_size": 448,
    "hidden": 16,
    "patience": 100,
}
_SPACE = {"learning_rate": {"loguniform": [1e-6, 1e-1]}, "gae_lambda": {"uniform": [0.9, 1.0]}}
_TEST_FLIGHTS = 1_024
_MOST_STEPS, _MOST_LOSS_PCT, _LEAST_SPEED, _MOST_SECONDS = 0.4, 0.2, 1.5, 25.0


def measure() -> dict[str, Figure]:
    """Measures, in some seven minutes: 16 trials to their end and under ASHA, three times.

    Returns:
        `tune_speedup`, of 16 trials to their end against the same one after the other in one
        process; `tune_first_report_seconds`, from the start of the search until a trial's first
        measure is told; `asha_steps_share`, of the steps of all trials to their end;
        `asha_loss_pct`, how far its best stays behind theirs on flights that chose nothing, in per
        cent of value, and `asha_spread_pct`, how far the worst of theirs does: means of three
        searches, each with trials of its own; `asha_worst_loss_pct` of the one that lost most.
    """
    with tempfile.TemporaryDirectory() as folder:
        base, world = Path(folder), synthetic_world(_SIZE)
        config = _prepared(base, world)
        _one_after_the_other(config, world, [Trial(0, {})])  # compiles, as the run before it did
        first = Compared.of(base, world, 0)
        alone = _one_after_the_other(config, world, first.whole.trials)
        every = [first, *(Compared.of(base, world, seed) for seed in range(1, _SEARCHES))]
    share, loss, spread = np.mean([(one.share, one.loss, one.spread) for one in every], axis=0)
    return {
        "tune_trials": figure(_TRIALS, "trials"),
        "tune_seconds": figure(first.whole.seconds, "s"),
        "tune_alone_seconds": figure(alone, "s"),
        "tune_speedup": figure(alone / first.whole.seconds, "x", at_least=_LEAST_SPEED),
        "tune_first_report_seconds": figure(
            first.whole.first_report_seconds, "s", at_most=_MOST_SECONDS
        ),
        "asha_seconds": figure(first.early.seconds, "s"),
        "asha_steps_share": figure(share, "share of steps", at_most=_MOST_STEPS),
        "asha_loss_pct": figure(loss, "%", at_most=_MOST_LOSS_PCT),
        "asha_worst_loss_pct": figure(max(one.loss for one in every), "%"),
        "asha_spread_pct": figure(spread, "%"),
    }


@dataclass(frozen=True)
class Searched:
    """A search that is over."""

    trials: list[Trial]
    seconds: float
    first_report_seconds: float  # from its start to the first measure of any trial


@dataclass(frozen=True)
class Compared:
    """A search whose trials go to their end, and one that gives the same trials up early."""

    whole: Searched
    early: Searched
    share: float  # of the steps
    loss: float  # of value, in per cent
    spread: float

    @classmethod
    def of(cls, base: Path, world: World, seed: int) -> Compared:
        """Runs both."""
        whole, early = _search(base, "none", seed), _search(base, "asha", seed)
        values = [_value(world, base / f"none-{seed}", trial) for trial in whole.trials]
        best = max(zip(map(_gain, whole.trials), values, strict=True))[1]
        chosen = _value(world, base / f"asha-{seed}", max(early.trials, key=_gain))
        return cls(
            whole,
            early,
            share=sum(map(_steps, early.trials)) / sum(map(_steps, whole.trials)),
            loss=_behind(chosen, best),
            spread=_behind(min(values), best),
        )


class _Watched(Progress):
    """Notes when a share of a search is done for the first time: with the first measure."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.first: float | None = None

    def __call__(self, what: str, share: float) -> None:
        if share > 0 and self.first is None:
            self.first = time.perf_counter()


def _search(base: Path, scheduler: str, seed: int) -> Searched:
    out, sets = base / f"{scheduler}-{seed}", [f"tune.scheduler={scheduler}", f"seed={seed}"]
    start, watched = time.perf_counter(), _Watched()
    search(base / "tune.yaml", out, sets, _TRIALS, False, False, watched)
    end = time.perf_counter()
    return Searched(load_trials(out), end - start, (watched.first or end) - start)


def _prepared(base: Path, world: World) -> RunConfig:
    """A run with this market, and the config of a search over it."""
    run = RunFolder.open(base / "run", make_config({"data": {"build": "synthetic"}}))
    with run.stage("market") as work:
        (work / "market").mkdir()
        save_world(world, work / "market")
    tree: dict[str, Any] = {
        "agents": {"ppo": _PPO},
        "tune": {
            "run": str(base / "run"),
            "search": "random",
            "space": {"agents": {"ppo": _SPACE}},
        },
    }
    write_text_atomic(base / "tune.yaml", json.dumps(tree))
    return make_config(tree)


def _one_after_the_other(config: RunConfig, world: World, trials: list[Trial]) -> float:
    """Seconds of the same trials without Ray, in this process, which has compiled all it needs."""
    seeds, flights = Seeds.of(config.seed), np.arange(config.simulate.flights_validation)
    start = time.perf_counter()
    with one_thread():
        for trial in trials:
            settings = with_values(config, trial.parameters).agents.ppo
            train_ppo(world, settings, seeds.training, seeds.validation, flights)
    return time.perf_counter() - start


def _value(world: World, folder: Path, trial: Trial) -> float:
    """What a trial's policy earns on flights that chose nothing; NaN where it was given up."""
    policy = folder_of(folder, trial.number) / "policy"
    if not policy.is_dir():
        return float("nan")
    flights = np.arange(_TEST_FLIGHTS)
    return float(
        roll_out(load_policy(policy, world), world, Seeds.of(0).test, flights).value.mean()
    )


def _gain(trial: Trial) -> float:
    return trial.best.gain_pct if trial.best else float("-inf")


def _steps(trial: Trial) -> float:
    return trial.history[-1].steps if trial.history else 0.0


def _behind(value: float, best: float) -> float:
    return 100 * (best - value) / abs(best)
