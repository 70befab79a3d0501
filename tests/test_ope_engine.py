"""`ope --engine ray`: the local engine's numbers and faults, however the files are dealt."""

import errno
import json
import os
import pickle
import signal
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.cluster.stream import in_order
from promopilot.experiments.errors import ClusterError, LogError
from promopilot.experiments.ope.bandit import files
from promopilot.experiments.ope.bandit.files import read_case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope_workers import engine, seen, shuffle
from promopilot.experiments.ope_workers.engine import workers

BANDIT_A = Path(__file__).parent / "data" / "ope" / "bandit_A"
NAMES = ("log", "policy", "qhat", "behavior")
RAY = RaySettings(cpus=2, object_store_mb=80)


@pytest.fixture(scope="module")
def ray():
    with connected(RAY) as cluster:
        yield cluster


@pytest.fixture
def frames():
    """The reference set, its ids as text."""
    return {
        name: pd.read_csv(BANDIT_A / f"{name}.csv", dtype={"decision_id": str, "action": str})
        for name in NAMES
    }


@pytest.fixture
def small(monkeypatch):
    """Blocks of 70 decisions of 6 actions, and pieces of 900 rows."""
    monkeypatch.setattr(files, "_CELLS", 420)
    monkeypatch.setattr(shuffle, "_PIECE", 900)


@pytest.fixture
def here(monkeypatch):
    """The engine with its jobs in this process, each from a copy of what would be sent."""

    @contextmanager
    def nowhere(_):
        yield type("Cluster", (), {"nodes": 1})

    def one_by_one(job, given, count):
        sent = pickle.dumps(given)
        for number in range(count):
            yield pickle.loads(pickle.dumps(job(pickle.loads(sent), number)))

    monkeypatch.setattr(engine, "connected", nowhere)
    monkeypatch.setattr(engine, "in_order", one_by_one)


@pytest.fixture
def both(tmp_path, frames):
    """Reads files by both engines; frames are written as they are, the reference set else."""

    def reading(changed=None, given=("qhat",), policy=None, kind="parquet", **more):
        for name, frame in (frames | (changed or {})).items():
            path = tmp_path / f"{name}.{kind}"
            frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
        named = {name: tmp_path / f"{name}.{kind}" for name in given}
        policy = policy or str(tmp_path / f"policy.{kind}")
        settings = more.pop("settings", OpeSettings(model_rounds=5))
        inputs = Inputs(tmp_path / f"log.{kind}", policy, **named, **more)
        with workers(RAY, inputs.log, inputs.paths) as spread:
            return [told(one, settings) for one in (inputs, replace(inputs, engine=spread))]

    return reading


def told(inputs, settings):
    """The case, or what is said against it."""
    try:
        return read_case(inputs, settings, 0)
    except LogError as error:
        return str(error)


def same(one, other):
    """To the last bit."""
    for name, values in vars(one.rows).items():
        np.testing.assert_array_equal(values, getattr(other.rows, name), err_msg=name)
    assert one.cluster.tolist() == other.cluster.tolist()
    assert (one.kind.default, one.kind.notes) == (other.kind.default, other.kind.notes)
    assert one.extra == other.extra
    assert (one.reward_model, one.propensities) == (other.reward_model, other.propensities)
    for name in ("timestamp", "predicted"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.choices is None) == (other.choices is None)
    if one.choices is not None:
        assert one.choices.names == other.choices.names
        np.testing.assert_array_equal(one.choices.policy_share, other.choices.policy_share)


def clustered(frames):
    """Customers, times and words among the features."""
    log = frames["log"]
    return log.assign(
        cluster_id=[f"user {int(name) % 90}" for name in log.decision_id],
        timestamp=pd.Timestamp("2024-03-01 12:00"),
        x_word=[("pear", "apple", None)[int(name) % 3] for name in log.decision_id],
    )


def stranger(frames):
    """A policy and reward estimates with a decision that the log does not hold, and an action."""
    policy = frames["policy"]
    new = policy.head(6).assign(decision_id="none of ours")
    odd = policy.head(1).assign(action="new", probability=0.0)
    return {"policy": pd.concat([new, policy.sample(frac=1.0, random_state=1), odd])}


def strangers_first(frames):
    """More decisions that the log does not hold than a piece has rows, before all that it holds."""
    policy = frames["policy"]
    new = pd.concat([policy.head(6).assign(decision_id=f"!{number:04}") for number in range(200)])
    return {"policy": pd.concat([new, policy])}


CASES = {
    "given": lambda f: {},
    "csv": lambda f: {"kind": "csv"},
    "fitted": lambda f: {"given": ()},
    "estimated": lambda f: {"changed": {"log": f["log"].drop(columns="propensity")}, "given": ()},
    "behavior": lambda f: {
        "changed": {"log": f["log"].drop(columns="propensity")},
        "given": ("qhat", "behavior"),
    },
    "uniform": lambda f: {"policy": "uniform"},
    "logged": lambda f: {"policy": "logged"},
    "logged with behavior": lambda f: {"policy": "logged", "given": ("behavior",)},
    "always": lambda f: {"policy": "always:3", "given": ()},
    "clusters": lambda f: {"changed": {"log": clustered(f)}, "given": ()},
    "any order": lambda f: {"changed": {n: f[n].sample(frac=1.0, random_state=3) for n in NAMES}},
    "strangers": lambda f: {"changed": stranger(f)},
    "a piece of strangers": lambda f: {"changed": strangers_first(f)},
    "balanced": lambda f: {"estimators": ("balanced_ipw",)},
    "float ids": lambda f: {
        "changed": {n: f[n].assign(decision_id=f[n].decision_id.astype(float)) for n in NAMES}
    },
}


@pytest.mark.usefixtures("here", "small")
@pytest.mark.parametrize(
    "case",
    # Its models take seconds.
    [pytest.param(n, marks=pytest.mark.slow) if n == "estimated" else n for n in CASES],
)
def test_cases_are_those_of_the_local_engine(both, frames, case):
    local, spread = both(**CASES[case](frames))
    same(local, spread)


@pytest.mark.usefixtures("here", "small")
@pytest.mark.parametrize("told_by_log", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_weights_of_categories_are_those_of_the_local_engine(both, frames, tmp_path, told_by_log):
    rows = [(str(a), "odd" if a % 2 else "even") for a in range(6)]
    features = pd.DataFrame(rows, columns=["action", "category" if told_by_log else "a_kind"])
    if told_by_log:
        features = features.assign(probability=1.0)
    features.to_csv(tmp_path / "features.csv", index=False)
    log = frames["log"].assign(category=frames["log"].action.map(dict(rows)))
    given = ("qhat", "behavior") if told_by_log else ("qhat",)
    local, spread = both({"log": log}, given, action_features=tmp_path / "features.csv")
    same(local, spread)
    assert spread.rows.marginal is not None


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("cells", "piece"), [(60, 2000), (2000, 400), (10**6, 10**6)])
def test_the_size_of_blocks_and_pieces_changes_nothing(both, monkeypatch, cells, piece):
    monkeypatch.setattr(files, "_CELLS", cells)
    monkeypatch.setattr(shuffle, "_PIECE", piece)
    local, spread = both()
    same(local, spread)


def cell(frame, row, **values):
    """The frame with other values in one row."""
    changed = frame.copy()
    for column, value in values.items():
        changed.loc[row, column] = value
    return changed


def twice(frame, row):
    """The frame with the decision and action of a row in the next one too."""
    return cell(frame, row + 1, decision_id=frame.decision_id[row], action=frame.action[row])


FAULTS = {
    "a reward that is empty": lambda f: {"log": cell(f["log"], 200, reward=np.nan)},
    "a decision twice": lambda f: {"log": pd.concat([f["log"], f["log"].tail(1)])},
    "a probability above 1": lambda f: {"policy": cell(f["policy"], 2000, probability=1.5)},
    "a cell twice": lambda f: {"policy": twice(f["policy"], 2001)},
    "cells twice in two blocks": lambda f: {"policy": twice(twice(f["policy"], 2001), 61)},
    "a decision that is missing": lambda f: {
        "policy": pd.concat([f["policy"].iloc[6:1200], f["policy"].iloc[1206:]])
    },
    "a stranger in its place": lambda f: {
        "policy": f["policy"].replace({"decision_id": {"333": "3x3"}})
    },
    "a sum that is not 1": lambda f: {"policy": cell(f["policy"], 2000, probability=0.9)},
    "an estimate that is missing": lambda f: {"qhat": f["qhat"].drop(index=2000)},
    "an estimate twice": lambda f: {"qhat": twice(f["qhat"], 2001)},
    "a logging policy that contradicts": lambda f: {
        "behavior": f["behavior"].assign(probability=1 / 6)
    },
}


@pytest.mark.usefixtures("here", "small")
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        *((name, "parquet") for name in FAULTS),
        ("a cell twice", "csv"),
        ("an estimate twice", "csv"),
    ],
)
def test_faults_are_told_as_by_the_local_engine(both, frames, fault, kind):
    given = ("qhat", "behavior") if "behavior" in FAULTS[fault](frames) else ("qhat",)
    local, spread = both(FAULTS[fault](frames), given, kind=kind)
    assert isinstance(local, str)
    assert spread == local


@pytest.mark.usefixtures("ray", "small")
def test_workers_give_the_local_engines_case(both, frames):
    local, spread = both({"log": clustered(frames)}, given=())
    same(local, spread)


@pytest.mark.usefixtures("ray", "small")
def test_workers_tell_the_first_blocks_fault(both, frames):
    local, spread = both(FAULTS["cells twice in two blocks"](frames))
    assert "stands there twice" in local
    assert spread == local


@pytest.mark.usefixtures("ray", "small")
def test_the_command_writes_what_the_local_engine_writes(tmp_path, frames):
    for name in NAMES:
        frames[name].to_parquet(tmp_path / f"{name}.parquet")
    line = ["ope", str(tmp_path / "log.parquet"), "--policy", str(tmp_path / "policy.parquet")]
    line += ["--policy", "uniform", "--qhat", str(tmp_path / "qhat.parquet")]
    line += ["--set", "ope.replicates=100", "--json"]
    found = {}
    for name in ("local", "ray"):
        done = CliRunner().invoke(app, [*line, "--engine", name, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.stderr
        found[name] = (
            json.loads(done.stdout),
            sorted(
                (path.relative_to(tmp_path / name), path.read_bytes())
                for path in (tmp_path / name).rglob("*.*")
                if path.is_file()
            ),
        )
    assert found["local"] == found["ray"]


def test_logs_of_other_kinds_are_refused_before_anything_starts(tmp_path):
    pd.DataFrame({"decision_id": ["a"], "position": [1]}).to_csv(tmp_path / "log.csv", index=False)
    line = ["ope", str(tmp_path / "log.csv"), "--policy", "uniform", "--engine", "ray"]
    done = CliRunner().invoke(app, [*line, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "has a column 'position', so it logs lists; --engine ray is for" in done.stderr


@pytest.mark.usefixtures("ray")
def test_a_file_that_a_node_does_not_see_is_told(tmp_path, monkeypatch):
    file = tmp_path / "policy.parquet"
    file.write_bytes(b"policy")
    seen.require_seen([file], tmp_path, 60)
    ask = seen.on_each_node
    monkeypatch.setattr(seen, "on_each_node", lambda job, sizes: ask(job, {"/nowhere": 1}))
    with pytest.raises(ClusterError, match=r"node .* does not read the same /nowhere: put it on"):
        seen.require_seen([file], tmp_path, 60)


def half(given, number):
    """A job that fails from some number on."""
    if number >= given:
        raise LogError(f"number {number}")
    return number


@pytest.mark.usefixtures("ray")
def test_answers_come_in_order_up_to_the_first_fault():
    found = []
    with pytest.raises(LogError, match="number 3"):
        found.extend(in_order(half, 3, 9))
    assert list(in_order(half, 9, 5)) == [0, 1, 2, 3, 4]


def full(given, number):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"part {number}")


def always_dying(given, number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.usefixtures("ray")
def test_a_full_disk_of_a_worker_is_told_as_its():
    with pytest.raises(ClusterError, match=r"a worker has no room to write part 0 .*TMPDIR"):
        list(in_order(full, None, 3))


@pytest.mark.usefixtures("ray")
@pytest.mark.slow
def test_a_part_that_always_ends_its_worker_is_given_up():
    with pytest.raises(ClusterError, match="workers are lost again and again"):
        list(in_order(always_dying, None, 3))


def dying(job, marker, given, number):
    """The job, whose worker is killed once."""
    if number == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job(given, number)


@pytest.mark.slow
@pytest.mark.usefixtures("ray", "small")
def test_a_worker_that_is_killed_changes_nothing(both, monkeypatch, tmp_path):
    killed = [tmp_path / name for name in ("policy dealt", "qhat dealt", "blocks")]
    left = iter(killed)

    def with_a_loss(job, given, count):
        return in_order(partial(dying, job, next(left)), given, count)

    monkeypatch.setattr(engine, "in_order", with_a_loss)
    local, spread = both()
    same(local, spread)
    assert all(marker.exists() for marker in killed)
