"""`--workers` of commands: what is written is the same, and nothing is left of the workers."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from safetensors.numpy import load_file
from typer.testing import CliRunner

from promopilot.experiments.bench.scale_flights import Sizes, measure
from promopilot.experiments.cli.app import app
from tests.small_shop import write_small_shop
from tests.two_nodes import two_nodes

runner = CliRunner()
pytestmark = pytest.mark.slow


def invoked(*command: str) -> dict[str, Any]:
    result = runner.invoke(app, [*command, "--json"])
    assert result.exit_code == 0, result.stderr
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small shop's folder, with a finished run in `run`."""
    folder = tmp_path_factory.mktemp("shop")
    config = write_small_shop(folder)
    invoked("run", str(config), "--out", str(folder / "run"))
    return folder


def without_times(tree: Any) -> Any:
    """A summary without what was measured with a clock."""
    if isinstance(tree, dict):
        times = ("seconds", "decision_ms", "peak_rss_mb", "run")
        return {key: without_times(value) for key, value in tree.items() if key not in times}
    return tree


def test_a_run_with_workers_is_the_same_run(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    found = invoked("run", str(shop / "small.yaml"), "--out", str(out), "--workers", "2")
    alone = json.loads((shop / "run" / "metrics.json").read_text())
    assert without_times(found) == without_times(alone)
    for name in ("plan.csv", "plan_summary.csv", "columns.md", "policy/replanner_tuned.json"):
        assert (out / name).read_bytes() == (shop / "run" / name).read_bytes(), name
    weights = [load_file(each / "policy" / "policy.safetensors") for each in (out, shop / "run")]
    assert weights[0].keys() == weights[1].keys()
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert yaml.safe_load((out / "config.yaml").read_text())["ray"]["workers"] == 2
    assert not psutil.Process().children(recursive=True)


def test_simulate_with_workers_says_the_same(shop: Path) -> None:
    asked = ("simulate", str(shop / "run"), "--flights", "40", "--stress", "--seed", "3")
    alone, spread = (invoked(*asked, "--workers", workers) for workers in ("0", "2"))
    assert without_times(spread) == without_times(alone)
    assert set(alone) == {"policies", "stress"}


def test_an_altered_policy_is_refused_in_the_same_words(shop: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "policy.json").write_text("{}")
    told = []
    for workers in ("0", "2"):
        asked = ["simulate", str(shop / "run"), "--trained", str(policy), "--policy", "ppo"]
        result = runner.invoke(app, [*asked, "--flights", "4", "--workers", workers])
        assert result.exit_code == 2
        told.append(result.stderr.strip().splitlines()[-1])
    assert told[0] == told[1]
    assert told[0].startswith("promopilot: ")


def test_a_cluster_without_workers_is_refused(shop: Path) -> None:
    asked = ["simulate", str(shop / "run"), "--flights", "4", "--address", "127.0.0.1:1"]
    result = runner.invoke(app, asked)
    assert result.exit_code == 2
    assert "--address 127.0.0.1:1 is where --workers are, and none are asked for" in result.stderr


def begun(shop: Path, *options: str) -> subprocess.Popen[bytes]:
    """`simulate` with two workers, as a terminal starts it, for longer than any test waits."""
    asked = ["simulate", str(shop / "run"), "--flights", "20000", "--policy", "mpc"]
    command = [sys.executable, "-m", "promopilot.experiments", *asked, "--workers", "2", *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)


def working(process: psutil.Process) -> list[psutil.Process]:
    """Workers in the midst of a piece; Ray writes what a process does over its command line."""
    found = []
    for child in process.children(recursive=True):
        try:
            if "ray::work_on" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:  # gone meanwhile
            continue
    return found


def until_working(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := working(psutil.Process(process.pid)):
            return found
        time.sleep(0.05)
    raise AssertionError("no worker began")


def test_ctrl_c_ends_the_command_and_its_workers(shop: Path) -> None:
    process = begun(shop)
    until_working(process)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # a terminal tells all of them
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told.decode()
    assert b"interrupted" in told
    assert b"Traceback" not in told
    _, alive = psutil.wait_procs(children, 20)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_killed_worker_changes_nothing(shop: Path, tmp_path: Path) -> None:
    asked = ("simulate", str(shop / "run"), "--flights", "320", "--policy", "mpc")
    alone = invoked(*asked)
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            for worker in working(psutil.Process()):
                worker.kill()
                killed.append(worker.pid)
            time.sleep(0.01)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    spread = invoked(*asked, "--workers", "2")
    thread.join(1)
    assert killed
    assert without_times(spread) == without_times(alone)


def test_a_lost_node_changes_nothing(shop: Path) -> None:
    asked = ("simulate", str(shop / "run"), "--flights", "320", "--policy", "mpc")
    with two_nodes() as cluster:
        given = ("--workers", "2", "--address", cluster.address, "--json")
        command = [sys.executable, "-m", "promopilot.experiments", *asked, *given]
        process = subprocess.Popen(
            command,
            env=cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until = time.monotonic() + 90
        while len(working(psutil.Process(cluster.process.pid))) < 2:  # one on each node
            assert time.monotonic() < until
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.02)
        cluster.end_second()
        told, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert without_times(json.loads(told)) == without_times(invoked(*asked))


def test_what_workers_bring_is_measured() -> None:
    sizes = Sizes(3, 2, 1, 4, flights=40, training_flights=8, workers=(0, 2))
    found = measure(sizes)
    assert found["flights_same"]["value"] == 1
    assert {name for name in found if name.startswith("flights")} == {
        *("flights_seconds_0", "flights_seconds_2", "flights_speedup"),
        *("flights_start_seconds", "flights_same"),
    }
    assert all(one["value"] > 0 for one in found.values())
