"""One session of a search: Ray Tune over the trials that no earlier session ended."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promopilot.envs.world_files import load_world
from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.progress import Progress
from promopilot.experiments.tuning import outcome
from promopilot.experiments.tuning.folder import RAY
from promopilot.experiments.tuning.space import Domain
from promopilot.experiments.tuning.suggest import Suggestions
from promopilot.experiments.tuning.trial import Trial

if TYPE_CHECKING:
    from ray.tune import Tuner

    from promopilot.experiments.tuning.ledger import Ledger

_STARTS = 3  # times that a trial whose process died is started again, from what it kept


@dataclass(frozen=True)
class Session:
    """What is searched, and how far earlier sessions got."""

    config: RunConfig
    space: Sequence[Domain]
    points: Sequence[dict[str, Any]] | None  # all that are tried; None where Optuna suggests them
    total: int  # trials of all sessions
    trials: Sequence[Trial]  # of earlier sessions
    out: Path
    market: Path
    key: str  # of all that a trial's state rests on

    @property
    def over(self) -> list[Trial]:
        """Trials that earlier sessions ended."""
        return [trial for trial in self.trials if trial.is_over]

    @property
    def left(self) -> int:
        """How many trials this session is to end."""
        return self.total - len(self.over)


def run_trials(session: Session, at_once: int, progress: Progress) -> list[Trial]:
    """Lets Ray Tune run what is left, and returns all trials by number.

    Args:
        session: What is searched.
        at_once: How many trials run side by side.
        progress: Told how many trials are over.

    Raises:
        RunFolderError: The search cannot go on now, or Ray lost trials; what is over is kept.
    """
    from promopilot.experiments.tuning.ledger import Ledger

    told = outcome.Told(session.out, session.config, session.total, session.over, progress)
    if session.left <= 0:
        told.end()
        return list(session.trials)
    ledger = Ledger(session.out, session.trials, told)
    with _quiet(), _quick(), _seeded(session.config.seed + len(session.over)):
        _tuner(session, at_once, ledger).fit()
    told.end()
    _require_all(session, ledger)
    return [ledger.trials[number] for number in sorted(ledger.trials)]


def _tuner(session: Session, at_once: int, ledger: Ledger) -> Tuner:
    from ray import tune

    from promopilot.experiments.tuning.ledger import Halt
    from promopilot.experiments.tuning.practice import Search, practise
    from promopilot.experiments.tuning.schedule import scheduler_of

    config, space, trials = session.config, session.space, session.trials
    out = session.out.resolve()
    common = Search(out, config, session.key, config.tune.scheduler == "pbt")
    given = tune.with_parameters(practise, search=common, world=load_world(session.market))
    needs = {"cpu": config.tune.cpus_per_trial, "gpu": config.tune.gpus_per_trial}
    suggested = session.points is None
    return tune.Tuner(
        tune.with_resources(given, needs),
        param_space=_param_space(session),
        tune_config=tune.TuneConfig(
            search_alg=Suggestions(space, trials, config.seed) if suggested else None,
            scheduler=scheduler_of(config, space, trials),
            num_samples=session.left if suggested else 1,
            max_concurrent_trials=at_once,
            reuse_actors=True,  # starting a process takes seconds
        ),
        # Without `num_to_keep`: Ray deletes a trial's earlier checkpoints by their count alone.
        # One that pbt hands on is that of the last exchange, and is read when the trial that
        # takes it over has a core; where it were gone, that trial would go on from its own.
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(out / RAY),
            callbacks=[ledger],
            stop=Halt(ledger),
            failure_config=tune.FailureConfig(max_failures=_STARTS),
            verbose=0,
        ),
    )


def _param_space(session: Session) -> dict[str, Any]:
    """Points that are not over yet, as Ray Tune's own grid; nothing where a searcher suggests."""
    from ray import tune

    from promopilot.experiments.tuning.practice import NUMBER, POINT

    if session.points is None:
        return {}
    known = {trial.number: trial for trial in session.trials}
    left = [
        {NUMBER: number, **(known[number].parameters if number in known else point)}
        for number, point in enumerate(session.points)
        if number not in known or not known[number].is_over
    ]
    return {POINT: tune.grid_search(left)}


def _require_all(session: Session, ledger: Ledger) -> None:
    over = sum(trial.is_over for trial in ledger.trials.values())
    if ledger.halted is not None:
        raise RunFolderError(
            f"the search stopped: {ledger.halted}; {over} trials are over and kept in "
            f"{session.out}, and the same command with --resume goes on with the others where they "
            "were"
        )
    lost = session.total - over
    if lost > 0:
        raise RunFolderError(
            f"Ray lost {lost} of {session.total} trials without a word; the others are kept in "
            f"{session.out}, and the same command with --resume goes on with those"
        )


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
def _quick() -> Iterator[None]:
    """Ray Tune without what costs seconds when it starts, and has no switch.

    To count callbacks it imports every library that brings some, MLflow for one; and a variable for
    PyTorch Lightning keeps trials from the processes that Ray has started beforehand.
    """
    from ray.air._internal import usage
    from ray.tune.execution import class_cache

    before = usage.tag_callbacks, class_cache.DEFAULT_ENV_VARS
    usage.tag_callbacks, class_cache.DEFAULT_ENV_VARS = (lambda callbacks: False), {}
    try:
        yield
    finally:
        usage.tag_callbacks, class_cache.DEFAULT_ENV_VARS = before


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Population based training draws from Python's own generator."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
