"""A search: trials side by side on Ray, each kept as it ends; what is left goes on later."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from promopilot.experiments.atomic import digest
from promopilot.experiments.cluster.connection import connected, places
from promopilot.experiments.cluster.shared_folder import require_shared
from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.progress import Progress
from promopilot.experiments.tuning import outcome
from promopilot.experiments.tuning.base import market_of, search_config
from promopilot.experiments.tuning.folder import RAY, open_folder
from promopilot.experiments.tuning.session import Session, run_trials
from promopilot.experiments.tuning.space import Domain, read_space
from promopilot.experiments.tuning.suggest import drawn, grid
from promopilot.experiments.tuning.trial import load_trials

DEFAULT_TRIALS = 16


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
                session = Session(config, space, points, total, trials, out, market, key)
                trials = run_trials(session, at_once, progress)
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


def _key(config: RunConfig, market: Path) -> str:
    """Of all that a trial's state rests on, beside its own values."""
    told = hashlib.sha256(metadata.version("promopilot").encode())
    for file in sorted(market.glob("world.*")):
        told.update(digest(file).encode())
    told.update(config.agents.model_dump_json().encode())
    told.update(f"{config.seed} {config.simulate.flights_validation}".encode())
    return told.hexdigest()
