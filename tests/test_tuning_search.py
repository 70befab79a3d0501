"""Searches on Ray: what they leave, what goes on after a kill, and what is said when all fails."""

import errno
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world_files import load_world
from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.config import RunConfig, load_config
from promopilot.experiments.errors import (
    ClusterError,
    ConfigError,
    RunFolderError,
    SearchError,
)
from promopilot.experiments.policies import available, make_policy
from promopilot.experiments.tuning import practice
from promopilot.experiments.tuning.folder import open_folder
from promopilot.experiments.tuning.ledger import Ledger
from promopilot.experiments.tuning.practice import Report, Search, practise
from promopilot.experiments.tuning.space import Domain
from promopilot.experiments.tuning.suggest import Suggestions
from promopilot.experiments.tuning.trial import (
    Measure,
    Trial,
    folder_of,
    load_trials,
    save_trial,
)
from tests import made_up_trials as trial_makers
from tests.tuning_room import LONG, QUICK, SIZE, make_run, searched, write_config


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("base") / "run")


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    """One Ray for all searches of this file."""
    with connected(RaySettings(cpus=2, object_store_mb=80)):
        yield


@pytest.fixture(scope="module")
def plain(run: Path, ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole search by chance, every trial to its end."""
    folder = tmp_path_factory.mktemp("plain")
    config = write_config(folder, run, search="random", scheduler="none")
    searched(config, folder / "search")
    return folder


def told(trial: Trial) -> tuple[object, ...]:
    """What of a trial does not depend on the clock."""
    history = tuple((one.steps, one.gain_pct) for one in trial.history)
    return trial.number, dict(trial.parameters), trial.status, history


def test_every_trial_is_kept_and_the_best_is_a_config(plain: Path) -> None:
    trials = load_trials(plain / "search")
    assert [(t.number, t.status) for t in trials] == [(n, "finished") for n in range(4)]
    for trial in trials:
        folder = folder_of(plain / "search", trial.number)
        assert [m.steps for m in trial.history] == [0, 112, 224, 336, 448]
        assert (folder / "policy" / "policy.json").is_file()
        assert list((folder / "tensorboard").iterdir())
        assert not (folder / "state").exists()
    best = max(trials, key=lambda trial: trial.best.gain_pct if trial.best else -1)
    config = load_config(plain / "search" / "best.yaml")
    assert config.agents.ppo.learning_rate == best.parameters["agents.ppo.learning_rate"]
    assert config.agents.ppo.steps == QUICK["steps"]
    assert config.data.build == "synthetic"
    assert config.tune.run is None
    table = (plain / "search" / "trials.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 5
    assert (plain / "search" / "report.html").is_file()
    left = {path.name for path in (plain / "search").iterdir()}
    files = {"config.yaml", "search.json", "trials", "trials.csv", "best.yaml", "report.html"}
    assert left == files


def test_a_killed_search_goes_on_and_repeats_nothing(
    plain: Path, run: Path, tmp_path: Path
) -> None:
    """One trial over, one begun, two not: the result is that of the search never killed."""
    config = write_config(tmp_path, run, search="random", scheduler="none")
    out = tmp_path / "search"
    shutil.copytree(plain / "search", out)
    for number in (1, 2, 3):
        shutil.rmtree(folder_of(out, number))
    (out / "best.yaml").unlink()
    whole = load_trials(plain / "search")
    save_trial(replace(whole[1], status="running", history=whole[1].history[:2]), out)
    first = (folder_of(out, 0) / "trial.json").stat().st_mtime_ns
    searched(config, out, resume=True)
    assert [told(trial) for trial in load_trials(out)] == [told(trial) for trial in whole]
    assert (folder_of(out, 0) / "trial.json").stat().st_mtime_ns == first


def test_a_search_goes_on_with_the_market_alone_that_it_began_with(
    plain: Path, run: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, run, search="random", scheduler="none")
    out = tmp_path / "search"
    shutil.copytree(plain / "search", out)
    other = make_run(tmp_path / "run", days=8)
    shutil.copytree(run / "market", tmp_path / "market")
    try:
        shutil.copytree(other / "market", run / "market", dirs_exist_ok=True)
        with pytest.raises(RunFolderError, match=r"begun on another market.*--overwrite"):
            searched(config, out, 5, resume=True)
    finally:
        shutil.copytree(tmp_path / "market", run / "market", dirs_exist_ok=True)
    assert [told(t) for t in load_trials(out)] == [told(t) for t in load_trials(plain / "search")]


def test_the_best_of_dqn_is_a_config_and_a_policy(run: Path, ray: None, tmp_path: Path) -> None:
    config = write_config(tmp_path, run, search="random", scheduler="none", agent="dqn")
    out = tmp_path / "search"
    searched(config, out, 1)
    assert load_config(out / "best.yaml").agents.trained == ("ppo", "dqn")
    policy = folder_of(out, 0) / "policy"
    assert "ppo" not in available(policy)
    world = load_world(run / "market")
    assert make_policy("dqn", world, policy).name == "dqn"


def test_settings_of_a_search_that_goes_on_are_new_ones() -> None:
    space, made = trial_makers.SPACE, trial_makers.trials(3)
    first = [_suggested(space, made[:count]) for count in (0, 1, 2, 3)]
    assert len({tuple(sorted(point.items())) for point in first}) == 4


def _suggested(space: tuple[Domain, ...], trials: list[Trial]) -> dict[str, Any]:
    suggested = Suggestions(space, trials, seed=0).suggest("one")
    assert suggested is not None
    number = suggested["point"].pop("number")
    assert number == len(trials)
    return dict(suggested["point"])


def test_a_measure_that_misses_the_target_does_not_count() -> None:
    history = (Measure(0, 5.0, 1.0, holds=False), Measure(1, 2.0, 2.0), Measure(2, 1.0, 3.0))
    assert Trial(0, {}, history=history).best == history[1]
    assert Trial(0, {}, history=history[:1]).best is None


def test_a_gain_that_is_no_number_is_told(tmp_path: Path) -> None:
    report = Report(Search(tmp_path, RunConfig(), "", shares=False), tmp_path)
    with pytest.raises(SearchError, match="gain on the validation flights is nan"):
        report.add_scalar("validation/gain_pct", float("nan"), 0)


def test_a_folder_half_overwritten_can_be_overwritten_again(plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "search"
    config = load_config(plain / "search" / "config.yaml")
    shutil.copytree(plain / "search", out)
    shutil.rmtree(out / "trials")
    open_folder(out, config, resume=False, overwrite=True)
    assert {path.name for path in out.iterdir()} == {"config.yaml", "trials"}
    (out / "strange.txt").touch()
    with pytest.raises(RunFolderError, match=r"holds files that no search wrote \(strange\.txt"):
        open_folder(out, config, resume=False, overwrite=True)


def test_what_cannot_be_written_halts_the_search(tmp_path: Path) -> None:
    def full(trial: Trial) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "trials.csv")

    ledger = Ledger(tmp_path, [], full)
    ledger.on_trial_start(0, [], SimpleNamespace(config={"point": {"number": 0}}))
    assert ledger.halted == "[Errno 28] No space left on device: 'trials.csv'"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "The actor died unexpectedly.\n\tpid: 7\nIt has died.",
            r"memory: The actor died unexp.*y\.",
        ),
        (
            "\x1b[36mray::x.train()\x1b[39m (pid=7)\n  File 1\nKeyError: 'b'",
            "memory: KeyError: 'b'",
        ),
        (None, "each time it was started: killed, or out of memory"),
    ],
)
def test_a_trial_that_ray_gives_up_keeps_the_reason_of_its_last_start(
    tmp_path: Path, said: str | None, told: str
) -> None:
    file = tmp_path / "error.txt"
    if said is not None:
        file.write_text(f"Failure # 1 (at noon)\nNot this.\nFailure # 2 (at one)\n{said}\n")
    ledger = Ledger(tmp_path, [], lambda trial: None)
    trial = SimpleNamespace(config={"point": {"number": 0}}, error_file=str(file))
    ledger.on_trial_start(0, [], trial)
    ledger.on_trial_error(0, [], trial)
    [kept] = load_trials(tmp_path)
    assert kept.status == "failed"
    assert re.search(f"^its process failed .*{told}$", kept.error or "")


def test_what_stops_a_trial_before_it_practises_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr("ray.tune.report", told.append)
    monkeypatch.setitem(sys.modules, "promopilot.predictors.checkpoint", None)
    folder_of(tmp_path, 0).mkdir(parents=True)
    search = Search(tmp_path, RunConfig(), "", shares=False)
    practise({"point": {"number": 0}}, search=search, world=synthetic_world(SIZE))
    [said] = told
    assert said["error"].startswith("ModuleNotFoundError: import of promopilot.predictors.checkp")
    assert said["measures"] == []
    assert "Traceback" in (folder_of(tmp_path, 0) / "error.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_process_that_cannot_begin_says_why(
    run: Path, ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(config: dict[str, Any], *, search: Search, world: object) -> None:
        raise ImportError("no torch on this node")

    monkeypatch.setattr(practice, "practise", cannot)
    config = write_config(tmp_path, run, search="random", scheduler="none")
    with pytest.raises(SearchError, match=r"its process failed.*ImportError: no torch on this n"):
        searched(config, tmp_path / "search", 1)


@pytest.mark.slow
def test_more_trials_are_added_to_a_finished_search(plain: Path, run: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, run, search="random", scheduler="none")
    shutil.copytree(plain / "search", tmp_path / "search")
    summary = searched(config, tmp_path / "search", 5, resume=True)
    assert summary["trials"] == {"finished": 5, "stopped": 0, "failed": 0}
    before = [told(trial) for trial in load_trials(plain / "search")]
    assert [told(trial) for trial in load_trials(tmp_path / "search")][:4] == before


@pytest.mark.slow
def test_optuna_and_asha_stop_what_is_worse_and_go_on_later(
    run: Path, ray: None, tmp_path: Path
) -> None:
    # Almost nothing is learnt at the lowest rates, so that these trials are stopped.
    space = {"learning_rate": {"loguniform": [1e-7, 3e-3]}}
    config = write_config(tmp_path, run, space=space, grace_steps=112, concurrent=1)
    summary = searched(config, tmp_path / "search", 6)
    assert summary["trials"]["stopped"] > 0
    assert summary["trials"]["finished"] > 0
    trials = load_trials(tmp_path / "search")
    stopped = [trial for trial in trials if trial.status == "stopped"]
    assert all(trial.history[-1].steps < QUICK["steps"] for trial in stopped)
    again_in = tmp_path / "search"
    again = searched(config, again_in, 7, resume=True)
    assert sum(again["trials"].values()) == 7
    assert load_trials(tmp_path / "search")[:6] == trials
    tried = [trial.parameters["agents.ppo.learning_rate"] for trial in load_trials(again_in)]
    assert len(set(tried)) == 7


@pytest.mark.slow
def test_a_population_exchanges_networks(run: Path, ray: None, tmp_path: Path) -> None:
    space = {"learning_rate": {"loguniform": [1e-7, 1e-2]}}
    given = {"space": space, "search": "random", "scheduler": "pbt"}
    # Long enough for trials to be under way together, though one process starts before the other.
    config = write_config(tmp_path, run, ppo=LONG, grace_steps=LONG["evaluate_every"], **given)
    summary = searched(config, tmp_path / "search")
    assert summary["trials"]["finished"] == 4
    trials = load_trials(tmp_path / "search")
    rates = [trial.parameters["agents.ppo.learning_rate"] for trial in trials]
    assert all(isinstance(rate, float) and 1e-7 <= rate <= 1e-2 for rate in rates)
    seconds = [measure.seconds for trial in trials for measure in trial.history]
    assert len(set(seconds)) < len(seconds)  # a network's measures, taken over by another trial


@pytest.mark.slow
def test_a_grid_tries_every_combination(run: Path, ray: None, tmp_path: Path) -> None:
    space = {"learning_rate": {"choice": [1e-3, 1e-2]}, "hidden": {"choice": [4, 8]}}
    config = write_config(tmp_path, run, space=space, search="grid", scheduler="none")
    with pytest.raises(ConfigError, match="4 combinations, and --trials is 3"):
        searched(config, tmp_path / "search", 3)
    searched(config, tmp_path / "search", None)
    points = [tuple(trial.parameters.values()) for trial in load_trials(tmp_path / "search")]
    assert points == [(4, 1e-3), (4, 1e-2), (8, 1e-3), (8, 1e-2)]  # in the order of the file


def test_a_failed_trial_is_reported_and_the_search_goes_on(
    run: Path, ray: None, tmp_path: Path
) -> None:
    # One flight of seven days is a rollout of 7 samples; of one world's day alone it is too few.
    space = {"num_envs": {"choice": [8, 10_000_000_000]}}
    config = write_config(tmp_path, run, space=space, search="grid", scheduler="none")
    summary = searched(config, tmp_path / "search", None)
    assert summary["trials"] == {"finished": 1, "stopped": 0, "failed": 1}
    failed = load_trials(tmp_path / "search")[1]
    assert failed.error is not None
    assert "MemoryError" in failed.error
    assert "\n" not in failed.error
    log = folder_of(tmp_path / "search", 1) / "error.log"
    assert "Traceback" in log.read_text(encoding="utf-8")


@pytest.mark.slow
def test_where_every_trial_fails_one_error_says_why(run: Path, ray: None, tmp_path: Path) -> None:
    space = {"num_envs": {"choice": [10_000_000_000, 20_000_000_000]}}
    config = write_config(tmp_path, run, space=space, search="grid", scheduler="none")
    with pytest.raises(SearchError, match=r"none of the 2 trials brought a gain: .*MemoryError"):
        searched(config, tmp_path / "search", None)
    assert len(load_trials(tmp_path / "search")) == 2


def test_what_cannot_be_is_refused_before_anything_is_written(
    run: Path, ray: None, tmp_path: Path
) -> None:
    config = write_config(tmp_path, run, cpus_per_trial=3.0)
    with pytest.raises(ClusterError, match="a trial needs 3 cores, and the largest node"):
        searched(config, tmp_path / "search")
    config = write_config(tmp_path, run, scheduler="pbt", space={"epochs": {"int": [1, 3]}})
    with pytest.raises(ConfigError, match=r"set `.*search` to random or grid"):
        searched(config, tmp_path / "other")
    config = write_config(tmp_path, tmp_path / "nowhere")
    with pytest.raises(
        RunFolderError, match=r"`\$\.tune\.run` names no run: .*nowhere is not a folder"
    ):
        searched(config, tmp_path / "other")
    config = write_config(tmp_path, run)
    config.write_text(config.read_text() + "budget: {total: 5}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"`\$.budget` is set, and the search uses"):
        searched(config, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_folder_is_kept_from_other_searches(plain: Path, run: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, run, search="random", scheduler="none")
    out = tmp_path / "search"
    shutil.copytree(plain / "search", out)
    with pytest.raises(RunFolderError, match="holds a search already"):
        searched(config, out)
    other = write_config(tmp_path, run, search="random", scheduler="none", ppo={"epochs": 3})
    with pytest.raises(RunFolderError, match=r"agents.ppo.epochs was 2, now 3"):
        searched(other, out, resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(RunFolderError, match="no search wrote"):
        searched(config, tmp_path / "full", overwrite=True)


@pytest.mark.slow
def test_a_full_disk_ends_the_search_and_says_what_is_kept(
    run: Path, ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from promopilot.experiments.tuning import ledger

    def full(trial: Trial, search: Path) -> None:
        if trial.number == 1 and len(trial.history) > 1:
            raise RunFolderError("cannot write trial.json (no space left on device)")
        save_trial(trial, search)

    monkeypatch.setattr(ledger, "save_trial", full)
    given = {"search": "random", "scheduler": "none", "concurrent": 1}
    config = write_config(tmp_path, run, **given)
    with pytest.raises(RunFolderError, match=r"no space left on device.*1 trials are over"):
        searched(config, tmp_path / "search")
    monkeypatch.undo()
    summary = searched(config, tmp_path / "search", resume=True)
    assert summary["trials"]["finished"] == 4
