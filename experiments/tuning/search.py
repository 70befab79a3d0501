"""A search: trials side by side on Ray, each kept as it ends; what is left goes on later."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from promopilot.envs.world_files import load_world
from promopilot.experiments.atomic import digest
from promopilot.experiments.cluster.connection import connected, places
from promopilot.experiments.cluster.shared_folder import require_shared
from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.progress import Progress
from promopilot.experiments.tuning import outcome
from promopilot.experiments.tuning.base import market_of, search_config
from promopilot.experiments.tuning.folder import RAY, open_folder
from promopilot.experiments.tuning.space import Domain, read_space
from promopilot.experiments.tuning.suggest import Suggestions, drawn, grid
from promopilot.experiments.tuning.trial import Trial, load_trials

DEFAULT_TRIALS = 16
_STARTS = 3  # times that a trial whose process died is started again, from what it kept


def search(
    path: Path,
    out: Path,
    overrides: Sequence[str],
    count: int | None,
    resume: bool,
    overwrite: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Searches the space of a config, and writes trials.csv, best.yaml and report.html.

    Args:
        path: The config.
        out: The search's folder.
        overrides: `--set` of the command.
        count: Trials in all, those of earlier sessions included; null: 16, or the whole grid.
        resume: Whether a search in `out` goes on.
        overwrite: Whether a search in `out` is deleted.
        progress: Told how many trials are over.

    Returns:
        The machine-readable summary.

    Raises:
        ConfigError, DataError, RunFolderError, ClusterError: What is wrong, before any trial, or
            why it cannot go on; finished trials are kept.
        SearchError: No trial brought a gain.
    """
    config = search_config(path, overrides)
    space = read_space(config, str(path))
    points = _points(config, space, count)
    total = len(points) if points is not None else count or DEFAULT_TRIALS
    open_folder(out, config, resume, overwrite)
    with progress.stage("tune"):
        market = market_of(config, out, progress)
        trials = load_trials(out)
        key = _key(config, market)
        outcome.begin(out, config, space, total, key, trials)
        try:
            with connected(config.ray) as cluster:
                if cluster.nodes > 1:
                    require_shared(out, config.ray.patience_seconds)
                tune = config.tune
                fit = places(cluster, tune.cpus_per_trial, tune.gpus_per_trial, "a trial")
                at_once = min(fit, tune.concurrent or fit)
                trials = _run(
                    config, space, points, trials, total, at_once, out, market, key, progress
                )
        finally:  # what does not go now, the next session removes
            shutil.rmtree(out / RAY, ignore_errors=True)
    return outcome.finish(out, config, trials)


def _points(
    config: RunConfig, space: Sequence[Domain], count: int | None
) -> list[dict[str, Any]] | None:
    """All points that are known beforehand; None where Optuna suggests them."""
    if config.tune.search == "grid":
        return list(grid(space, count))
    if config.tune.search == "random":
        return list(drawn(space, count or DEFAULT_TRIALS, config.seed))
    if config.tune.scheduler == "pbt":
        raise ConfigError(
            "`$.tune.scheduler` is pbt, which changes settings itself: set `$.tune.search` to "
            "random or grid"
        )
    return None


def _run(
    config: RunConfig,
    space: Sequence[Domain],
    points: list[dict[str, Any]] | None,
    trials: list[Trial],
    total: int,
    at_once: int,
    out: Path,
    market: Path,
    key: str,
    progress: Progress,
) -> list[Trial]:
    """Lets Ray Tune run what is left, and returns all trials by number."""
    from ray import tune

    from promopilot.experiments.tuning.ledger import Halt, Ledger
    from promopilot.experiments.tuning.practice import Search, practise
    from promopilot.experiments.tuning.schedule import scheduler_of

    over = [trial for trial in trials if trial.is_over]
    left = total - len(over)
    told = outcome.Told(out, config, total, over, progress)
    if left <= 0:
        told.end()
        return trials
    ledger = Ledger(out, trials, told)
    common = Search(out.resolve(), config, key, config.tune.scheduler == "pbt")
    given = tune.with_parameters(practise, search=common, world=load_world(market))
    needs = {"cpu": config.tune.cpus_per_trial, "gpu": config.tune.gpus_per_trial}
    suggestions = None if points is not None else Suggestions(space, trials, config.seed)
    with _quiet(), _seeded(config.seed + len(over)):
        tune.Tuner(
            tune.with_resources(given, needs),
            param_space=_param_space(points, trials),
            tune_config=tune.TuneConfig(
                search_alg=suggestions,
                scheduler=scheduler_of(config, space, trials),
                num_samples=left if points is None else 1,
                max_concurrent_trials=at_once,
                reuse_actors=True,  # starting a process takes seconds
            ),
            # Without `num_to_keep`: Ray deletes a trial's earlier checkpoints by their count alone.
            # One that pbt hands on is that of the last exchange, and is read when the trial that
            # takes it over has a core; where it were gone, that trial would go on from its own.
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(out.resolve() / RAY),
                callbacks=[ledger],
                stop=Halt(ledger),
                failure_config=tune.FailureConfig(max_failures=_STARTS),
                verbose=0,
            ),
        ).fit()
    told.end()
    if ledger.halted is not None:
        kept = sum(trial.is_over for trial in ledger.trials.values())
        raise RunFolderError(
            f"the search stopped: {ledger.halted}; {kept} trials are over and kept in {out}, and "
            "the same command with --resume goes on with the others where they were"
        )
    lost = total - sum(trial.is_over for trial in ledger.trials.values())
    if lost > 0:
        raise RunFolderError(
            f"Ray lost {lost} of {total} trials without a word; the others are kept in {out}, and "
            "the same command with --resume goes on with those"
        )
    return [ledger.trials[number] for number in sorted(ledger.trials)]


def _param_space(points: list[dict[str, Any]] | None, trials: Sequence[Trial]) -> dict[str, Any]:
    """Points that are not over yet, as Ray Tune's own grid; nothing where a searcher suggests."""
    from ray import tune

    from promopilot.experiments.tuning.practice import NUMBER, POINT

    if points is None:
        return {}
    known = {trial.number: trial for trial in trials}
    left = [
        {NUMBER: number, **(known[number].parameters if number in known else point)}
        for number, point in enumerate(points)
        if number not in known or not known[number].is_over
    ]
    return {POINT: tune.grid_search(left)}


def _key(config: RunConfig, market: Path) -> str:
    """Of all that a trial's state rests on, beside its own values."""
    told = hashlib.sha256(metadata.version("promopilot").encode())
    for file in sorted(market.glob("world.*")):
        told.update(digest(file).encode())
    told.update(config.agents.model_dump_json().encode())
    told.update(f"{config.seed} {config.simulate.flights_validation}".encode())
    return told.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Tune without files, tables and a Ctrl-C of its own; the environment is given back."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    log = logging.getLogger("ray.tune")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Population based training draws from Python's own generator."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
