"""A real cluster of two nodes on this machine: searches on it, and what ends in mid-run."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from promopilot.experiments.tuning.trial import load_trials
from tests.tuning_room import COUNT, command, config_of, make_run, practising, told
from tests.two_nodes import TwoNodes, two_nodes, workers_of
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Iterator[TwoNodes]:
    with two_nodes() as started:
        yield started


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("base") / "run")


@pytest.fixture(scope="module")
def undisturbed(run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    """The search on this machine alone."""
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run(command(config_of(folder, run), folder / "out"), check=True, timeout=300)
    return [told(trial) for trial in load_trials(folder / "out")]


def test_the_trials_are_those_of_one_machine(
    cluster: TwoNodes, run: Path, undisturbed: list[tuple[object, ...]], tmp_path: Path
) -> None:
    config = config_of(tmp_path, run, ray={"address": cluster.address, "cpus": None})
    ended = subprocess.run(
        command(config, tmp_path / "out"),
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["trials"] == {"finished": COUNT, "stopped": 0, "failed": 0}
    assert [told(trial) for trial in load_trials(tmp_path / "out")] == undisturbed
    until(lambda: not workers_of(cluster), 30)  # what ran there for the search has ended
    assert cluster.process.poll() is None  # and the cluster has not


@pytest.mark.parametrize("victim", ["worker", "node"])
def test_a_search_outlives_what_it_runs_on(
    cluster: TwoNodes,
    run: Path,
    undisturbed: list[tuple[object, ...]],
    tmp_path: Path,
    victim: str,
) -> None:
    config = config_of(tmp_path, run, ray={"address": cluster.address, "cpus": None})
    out = tmp_path / "out"
    begun = subprocess.Popen(
        command(config, out), env=cluster.environment, stdout=subprocess.DEVNULL
    )
    until(lambda: practising(out))
    if victim == "worker":
        next(one for one in workers_of(cluster) if "ImplicitFunc" in one.name()).kill()
    else:
        cluster.end_second()
    assert begun.wait(300) == 0
    assert [told(trial) for trial in load_trials(out)] == undisturbed


def test_a_killed_search_goes_on_from_where_it_was(
    cluster: TwoNodes, run: Path, undisturbed: list[tuple[object, ...]], tmp_path: Path
) -> None:
    config = config_of(tmp_path, run, ray={"address": cluster.address, "cpus": None})
    out = tmp_path / "out"
    begun = subprocess.Popen(
        command(config, out),
        env=cluster.environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: practising(out))
    os.kill(begun.pid, signal.SIGKILL)
    begun.wait(30)
    over = {trial.number for trial in load_trials(out) if trial.is_over}
    assert over
    until(lambda: not workers_of(cluster), 60)
    files = {number: (out / f"trials/{number:04d}/trial.json").stat() for number in over}
    resumed = subprocess.run(
        command(config, out, "--resume"), env=cluster.environment, capture_output=True, timeout=300
    )
    assert resumed.returncode == 0, resumed.stderr
    assert [told(trial) for trial in load_trials(out)] == undisturbed
    for number, before in files.items():
        after = (out / f"trials/{number:04d}/trial.json").stat()
        assert after.st_mtime_ns == before.st_mtime_ns


def test_a_node_with_another_version_is_named_before_anything_is_done(
    run: Path, tmp_path: Path
) -> None:
    package = tmp_path / "path" / "promopilot-99.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: promopilot\nVersion: 99.0\n")
    with two_nodes(PYTHONPATH=str(package.parent)) as cluster:
        config = config_of(tmp_path, run, ray={"address": cluster.address, "cpus": None})
        ended = subprocess.run(
            command(config, tmp_path / "out"),
            cwd=tmp_path,  # workers look there first
            env=cluster.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ended.returncode == 2
    assert re.search(r"node .* has promopilot 99\.0, and this machine 0\.", ended.stderr)
    assert "install the same versions on every node" in ended.stderr
    assert not load_trials(tmp_path / "out")
