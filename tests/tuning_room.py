"""A run with a tiny market, and configs of searches over it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world_files import save_world
from promopilot.experiments.config import make_config
from promopilot.experiments.progress import Progress
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.tuning.search import search
from promopilot.experiments.tuning.trial import Trial, load_trials

SIZE = SyntheticSize(promotions=3, placements=2, segments=1, days=7)
QUICK = {
    "lessons": 0,
    "corrections": 0,
    "steps": 448,
    "num_envs": 8,
    "training_flights": 16,
    "evaluate_every": 112,
    "hidden": 8,
    "epochs": 2,
}
# Some seconds a trial, so that something can be ended in the middle of it.
LONG = {"steps": QUICK["steps"] * 25, "evaluate_every": QUICK["evaluate_every"] * 5}
COUNT = 4
DQN_QUICK = {"steps": 112, "num_envs": 8, "training_flights": 8, "evaluate_every": 112, "hidden": 4}
DQN_SPACE = {"learning_rate": {"loguniform": [1e-4, 1e-2]}}
SPACE = {"learning_rate": {"loguniform": [1e-4, 1e-2]}, "hidden": {"choice": [4, 8]}}


def make_run(folder: Path, days: int = 7) -> Path:
    """A run that has its market."""
    config = make_config({"data": {"build": "synthetic"}})
    run = RunFolder.open(folder, config)
    with run.stage("market") as work:
        (work / "market").mkdir()
        save_world(synthetic_world(replace(SIZE, days=days)), work / "market")
    return folder


def write_config(folder: Path, run: Path, **changes: Any) -> Path:
    """A config of a search over the run; `space`, `ppo` and others of `tune` may be given."""
    agent = changes.setdefault("agent", "ppo")
    space = changes.pop("space", SPACE if agent == "ppo" else DQN_SPACE)
    settings = QUICK | changes.pop("ppo", {}) if agent == "ppo" else DQN_QUICK
    tree = {
        "agents": {agent: settings},
        "simulate": {"flights_validation": 8},
        "ray": {"cpus": 2, "object_store_mb": 80} | changes.pop("ray", {}),
        "tune": {"run": str(run), "space": {"agents": {agent: space}}, **changes},
    }
    path = folder / "tune.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


def searched(config: Path, out: Path, count: int | None = 4, **given: Any) -> dict[str, Any]:
    """A search, as the command makes it."""
    resume, overwrite = given.pop("resume", False), given.pop("overwrite", False)
    with Progress() as progress:
        return search(config, out, given.pop("sets", ()), count, resume, overwrite, progress)


def command(config: Path, out: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "promopilot.experiments", "tune", str(config)),
        *("--trials", str(COUNT), "--out", str(out), "--json", *more),
    ]


def config_of(folder: Path, run: Path, **given: Any) -> Path:
    return write_config(folder, run, search="random", scheduler="none", ppo=LONG, **given)


def told(trial: Trial) -> tuple[object, ...]:
    """What of a trial does not depend on the clock."""
    history = tuple((one.steps, one.gain_pct) for one in trial.history)
    return trial.number, dict(trial.parameters), trial.status, history


def practising(out: Path) -> bool:
    """Whether a trial has begun to learn and another one is over."""
    trials = load_trials(out)
    return any(len(t.history) > 2 and not t.is_over for t in trials) and any(
        trial.is_over for trial in trials
    )
