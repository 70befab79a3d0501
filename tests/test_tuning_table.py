"""trials.csv, what mattered, and MLflow: what comes out of a search beside its page."""

import csv
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promopilot.experiments.errors import ConfigError, MissingPackageError
from promopilot.experiments.tuning.importance import LEAST, importance
from promopilot.experiments.tuning.mlflow_log import MlflowLog
from promopilot.experiments.tuning.space import Domain
from promopilot.experiments.tuning.table import trials_table
from promopilot.experiments.tuning.trial import Measure, Trial, load_trials, save_trial
from tests.made_up_trials import LENGTH, SPACE, record, trials

NAN = float("nan")
RATE = SPACE[0].path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# ---- trials.csv ----


def test_a_line_for_each_trial_by_number() -> None:
    made = trials(16)
    text = trials_table(made[::-1], record())
    assert text == trials_table(made, record())
    found = rows(text)
    assert [row["trial"] for row in found] == [str(number) for number in range(16)]
    assert list(found[0]) == [
        *("trial", "status", "gain_pct", "steps", "seconds", "measures"),
        *(domain.path for domain in SPACE),
        "error",
    ]
    first = made[0]
    assert first.best is not None
    assert float(found[0]["gain_pct"]) == pytest.approx(first.best.gain_pct, rel=1e-5)
    assert float(found[0][RATE]) == first.parameters[RATE]
    assert found[0]["steps"] == str(LENGTH)
    assert len(text.splitlines()) == 17


def test_what_has_no_gain_is_empty() -> None:
    one = Trial(0, {RATE: 1e-4}, "finished", (Measure(100.0, NAN, 2.0),))
    [row] = rows(trials_table([one], record()))
    assert (row["gain_pct"], row["steps"], row["measures"]) == ("", "100", "1")
    assert row[SPACE[1].path] == ""  # what the trial does not know
    [row] = rows(trials_table([Trial(3, {}, "failed", error="a\n b\r\n\tc")], record()))
    assert (row["steps"], row["error"]) == ("", "a b c")
    assert rows(trials_table([], record())) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\n=1+1"])
def test_a_text_is_no_formula(text: str) -> None:
    space = (Domain("agents.ppo.network", "choice", (text, "mlp", True)),)
    made = [Trial(0, {space[0].path: text}, "failed", error=text)]
    [row] = rows(trials_table(made, record(domains=space)))
    assert row["error"] == row[space[0].path] == f"'{text.strip()}"
    made = [Trial(0, {space[0].path: True})]
    assert rows(trials_table(made, record(domains=space)))[0][space[0].path] == "true"


# ---- what mattered ----


def test_the_setting_that_gains_hang_on_is_found() -> None:
    found = importance(record(trials=32), trials(32))
    assert found.lacking is None
    assert found.trials == 31  # one failed
    assert next(iter(found.weights)) == RATE
    assert [path for path, weight in found.weights.items() if weight.is_beyond_chance] == [RATE]
    assert sum(weight.share for weight in found.weights.values()) == pytest.approx(1.0)
    assert importance(record(trials=32), trials(32)[::-1]) == found


def test_chance_is_not_told_as_a_cause() -> None:
    told = 0
    for seed in range(6):
        made = [
            replace(trial, parameters=other.parameters, status="finished")
            for trial, other in zip(trials(20, seed=seed), trials(20, seed=99 + seed), strict=True)
        ]
        found = importance(record(), made)
        told += any(weight.is_beyond_chance for weight in found.weights.values())
    assert told <= 2  # of six; each of four settings is told in one search of twenty


@pytest.mark.parametrize(
    ("made", "changes", "lacking"),
    [
        (trials(0), {}, "few"),
        (trials(LEAST), {}, "few"),  # one of them failed
        (trials(20), {"scheduler": "pbt"}, "changing"),
        (trials(20, SPACE[:1]), {"domains": SPACE[:1]}, "one"),
        ([replace(t, parameters=trials(1)[0].parameters) for t in trials(20)], {}, "one"),
        (
            [replace(t, history=(Measure(1.0, 0.5, 1.0),)) for t in trials(20)],
            {},
            "equal",
        ),
        ([replace(t, history=(Measure(1.0, NAN, 1.0),)) for t in trials(20)], {}, "few"),
    ],
)
def test_why_nothing_is_said_to_have_mattered(
    made: list[Trial], changes: dict[str, Any], lacking: str
) -> None:
    found = importance(record(**changes), made)
    assert (found.lacking, dict(found.weights)) == (lacking, {})


def test_a_setting_that_never_varied_is_left_out() -> None:
    made = [replace(t, parameters={**t.parameters, SPACE[3].path: "mlp"}) for t in trials(20)]
    found = importance(record(), made)
    assert found.fixed == (SPACE[3].path,)
    assert SPACE[3].path not in found.weights
    assert len(found.weights) == 3


# ---- MLflow ----

# SQLAlchemy's of a part of MLflow's own tables that is not used here.
quiet = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("mlflow")
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


def logged(uri: str, search: str) -> dict[int, Any]:
    """Runs by the number of their trial."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(search)
    found = [] if experiment is None else client.search_runs([experiment.experiment_id])
    runs = {int(run.data.tags["promopilot.trial"]): run for run in found}
    assert len(runs) == len(found)
    return runs


@quiet
def test_each_trial_is_logged_once(store: str, tmp_path: Path) -> None:
    made = trials(4)
    log = MlflowLog(record(), store, "first")
    for trial in made[:2]:
        log.log(trial)
        save_trial(trial, tmp_path)
    assert log.finish() is None
    # The search goes on in another process, for more trials.
    again = MlflowLog(record(trials=99), store, "first")
    for trial in [*load_trials(tmp_path), *made[2:]]:
        again.log(trial)
    assert again.finish() is None
    runs = logged(store, "first")
    assert sorted(runs) == [0, 1, 2, 3]
    for number, run in runs.items():
        trial = made[number]
        assert run.data.params == {k: str(v) for k, v in trial.parameters.items()}
        assert run.info.status == ("FAILED" if trial.status == "failed" else "FINISHED")
        assert run.data.tags["promopilot.status"] == trial.status
    assert runs[3].data.tags["promopilot.error"].startswith("ValueError: =1+1")


@quiet
def test_measures_stand_at_their_steps(store: str) -> None:
    from mlflow import MlflowClient

    history = (Measure(10.0, -1.5, 1.0), Measure(20.0, NAN, 2.0), Measure(30.0, 2.0, 3.0))
    made = replace(trials(1)[0], history=history)
    log = MlflowLog(record(), store, "measures")
    log.log(made)
    assert log.finish() is None
    run_id = logged(store, "measures")[0].info.run_id
    found = MlflowClient(tracking_uri=store).get_metric_history(run_id, "gain_pct")
    assert [(one.step, one.value) for one in found] == [(10, -1.5), (30, 2.0)]


@quiet
def test_a_search_begun_anew_is_logged_beside_the_old_one(store: str) -> None:
    from mlflow import MlflowClient

    for seed in (1, 2):
        log = MlflowLog(record(), store, "anew")
        log.log(trials(1, seed=seed)[0])
        assert log.finish() is None
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("anew")
    assert len(client.search_runs([experiment.experiment_id])) == 2


@quiet
def test_what_was_cut_off_is_logged_anew(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    log = MlflowLog(record(), store, "cut")
    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "set_terminated", broken)
        log.log(trials(1)[0])
        assert "1 trial is not in MLflow" in str(log.finish())
    assert log.finish() is None
    [run] = logged(store, "cut").values()
    assert run.info.status == "FINISHED"


def broken(*args: object, **options: object) -> None:
    raise ConnectionError("the line is\ncut")


def test_a_server_that_does_not_answer_costs_the_search_nothing() -> None:
    pytest.importorskip("mlflow")
    log = MlflowLog(record(), "http://127.0.0.1:9", "gone")
    made = trials(3)
    for trial in made:
        log.log(trial)
    warning = log.finish()
    assert warning is not None
    assert warning.startswith("3 trials are not in MLflow at http://127.0.0.1:9: ")
    assert "--resume" in warning
    assert "\n" not in warning


@pytest.mark.parametrize("uri", ["carrier-pigeon://loft", "sqlite:///{}/mlflow.db"])
@quiet
def test_a_place_that_is_none_is_told_before_the_search(uri: str, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    file = tmp_path / "file"
    file.touch()
    uri = uri.format(file)
    with pytest.raises(ConfigError, match=r"`\$\.tune\.mlflow` is '") as told:
        MlflowLog(record(), uri, "nowhere")
    assert "\n" not in str(told.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingPackageError, match=r"promopilot\[mlflow\]"):
        MlflowLog(record(), "sqlite:///mlflow.db", "x")
