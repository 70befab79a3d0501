"""Trials as runs in MLflow: each is logged once, and no search waits or ends for it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from promopilot.experiments.errors import ConfigError, MissingPackageError
from promopilot.experiments.tuning.record import SearchRecord
from promopilot.experiments.tuning.table import one_line
from promopilot.experiments.tuning.trial import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

_KEY = "promopilot.key"  # tag by which a trial is found again
# Of requests to a server; MLflow's own would hold a search up for minutes.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_AT_ONCE = 1000  # measures that MLflow takes in one request
_LONGEST = 5000  # characters of a tag


class MlflowLog:
    """Logs trials that are over; an experiment is a search, and a run in it a trial.

    A trial that is there already is not logged again. One that could not be logged is kept for the
    next time; `finish` tries for the last time.

    Args:
        record: Of the search.
        uri: The setting `tune.mlflow`: where the runs go, as sqlite:///mlflow.db or http://….
        search: What the experiment is called.

    Raises:
        MissingPackageError: MLflow is not installed.
        ConfigError: Nothing can be logged to such a place.
    """

    def __init__(self, record: SearchRecord, uri: str, search: str) -> None:
        self._record, self._uri, self._search = record, uri, search
        self._client = _client(uri)
        self._waiting: list[Trial] = []
        self._why = ""
        self._answers = True

    def log(self, trial: Trial) -> None:
        """Logs a trial that is over; where the server did not answer before, keeps it."""
        self._waiting.append(trial)
        if self._answers:
            self._log_waiting()

    def finish(self) -> str | None:
        """Logs what is left; a warning where that fails, else None."""
        self._log_waiting()
        if not self._waiting:
            return None
        left = len(self._waiting)
        which = "1 trial is" if left == 1 else f"{left} trials are"
        return (
            f"{which} not in MLflow at {self._uri}: {self._why}; nothing of the search is lost, "
            "and the same command with --resume logs what is missing"
        )

    def _log_waiting(self) -> None:
        try:
            while self._waiting:
                _log(self._client, self._search, self._record, self._waiting[0])
                del self._waiting[0]
        # Stores raise whatever their drivers raise, and a search is worth more than its log.
        except Exception as error:
            self._answers, self._why = False, _short(error)
        else:
            self._answers = True


def _client(uri: str) -> MlflowClient:
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    # MLflow tells its makers of its use unless told not to.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise MissingPackageError(
            'logging to MLflow needs a package: pip install "promopilot[mlflow]", or set '
            "`$.tune.mlflow` to null"
        ) from error
    for name in ("mlflow.store.db.utils", "alembic"):  # they tell of each table they make
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return MlflowClient(tracking_uri=uri)
    except Exception as error:  # of the store's driver
        raise ConfigError(
            f"`$.tune.mlflow` is {uri!r}, and nothing can be logged there: {_short(error)}"
        ) from error


def _short(error: Exception) -> str:
    return one_line(str(error)).split(". ")[0][:300]


def _log(client: MlflowClient, search: str, record: SearchRecord, trial: Trial) -> None:
    from mlflow.entities import Param, RunTag

    experiment, key = _experiment(client, search), _key(record, trial)
    for run in _runs(client, experiment, key):
        if run.info.status != "RUNNING":
            return
        client.delete_run(run.info.run_id)  # it was cut off in the midst of being logged
    seconds = trial.history[-1].seconds if trial.history else 0.0
    end = int(1000 * time.time())
    begun = end - int(1000 * seconds)
    run_id = client.create_run(
        experiment, begun, tags={_KEY: key}, run_name=f"trial {trial.number}"
    ).info.run_id
    parameters = [Param(path, str(value)) for path, value in trial.parameters.items()]
    tags = [RunTag(name, value) for name, value in _tags(record, trial).items()]
    client.log_batch(run_id, params=parameters, tags=tags)
    metrics = list(_metrics(trial, begun))
    for first in range(0, len(metrics), _AT_ONCE):
        client.log_batch(run_id, metrics=metrics[first : first + _AT_ONCE])
    status = "FAILED" if trial.status == "failed" else "FINISHED"
    client.set_terminated(run_id, status, end)


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _runs(client: MlflowClient, experiment: str, key: str) -> list[Run]:
    return list(client.search_runs([experiment], f"tags.`{_KEY}` = '{key}'"))


def _key(record: SearchRecord, trial: Trial) -> str:
    """Of one trial of one search: another one of the same name and number has other measures."""
    # A search that goes on may be asked for more trials.
    parts = [
        asdict(replace(record, trials=0)),
        asdict(replace(trial, parameters=dict(trial.parameters))),
    ]
    told = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _tags(record: SearchRecord, trial: Trial) -> dict[str, str]:
    """What is said of a trial beside its parameters and measures."""
    tags = {
        "promopilot.trial": str(trial.number),
        "promopilot.status": trial.status,  # MLflow has no word for stopped early
        "promopilot.agent": record.agent,
        "promopilot.objective": record.objective,
        "promopilot.search": record.method,
        "promopilot.scheduler": record.scheduler,
    }
    if trial.best is not None:
        tags["promopilot.best_gain_pct"] = f"{trial.best.gain_pct:.6g}"
    if trial.error:
        tags["promopilot.error"] = one_line(trial.error)[:_LONGEST]
    return tags


def _metrics(trial: Trial, begun: int) -> Iterator[Metric]:
    """Measures that are numbers, by steps.

    Args:
        trial: Whose.
        begun: When it began, in milliseconds since 1970.
    """
    from mlflow.entities import Metric

    for measure in trial.history:
        if measure.gain_pct == measure.gain_pct:
            at = begun + int(1000 * measure.seconds)
            yield Metric("gain_pct", measure.gain_pct, at, int(measure.steps))
