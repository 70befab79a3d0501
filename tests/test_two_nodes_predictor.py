"""A predictor on a real cluster of two nodes: tables scored there, and a host that is shared."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from promopilot.experiments.example import write_example
from tests.tiny_model import fit_tiny
from tests.two_nodes import TwoNodes, two_nodes, workers_of
from tests.waiting import until

pytestmark = pytest.mark.slow
# The command with parts of 300 rows, so that there is a middle.
SMALL = """
from promopilot.experiments.cli.app import app
from promopilot.experiments.streaming import parts
parts._ROWS_OF_A_PART = 300
app()
"""
# Answers each line of its input with rates, and with the processes of the host that gave them.
ASKING = """
import json, sys
from pathlib import Path
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.hosting import open_shared_host
from promopilot.experiments.tables import read_tables
from promopilot.predictors import HostSettings, line_item_rows, open_host
model, data, address = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
tables = read_tables(data)
items = tables.performance.head(200).assign(weekday=0)
given = tables.promotions, tables.placements, tables.segments, items
local = open_host(model, "cpu")
rows = line_item_rows(*given, local.settings)
here = local.predict(rows).ctcvr
settings = RaySettings(
    address=address, host=HostSettings(replicas=2, health_seconds=5, timeout_seconds=30)
)
with open_shared_host(model, settings, "cpu") as host:
    print(json.dumps([one.process for one in host.health()]), flush=True)
    for line in sys.stdin:
        far = float(abs(host.predict(rows).ctcvr - here).max())
        told = [one.process for one in host.health()]
        print(json.dumps({"far": far, "processes": told}), flush=True)
"""


@pytest.fixture
def cluster() -> Iterator[TwoNodes]:
    with two_nodes() as started:
        yield started


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_example(folder, seed=1)
    data = folder / "data"
    performance = pd.read_csv(data / "performance.csv")
    (data / "performance.csv").unlink()
    performance.to_parquet(data / "performance.parquet", row_group_size=300)
    return data


@pytest.fixture(scope="module")
def model(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit_tiny(shop, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def local(shop: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("local") / "rates.csv"
    process = begun(shop, model, out, dict(os.environ), "--engine", "local")
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    return out.read_bytes()


def begun(
    shop: Path, model: Path, out: Path, environment: dict[str, str], *more: str
) -> subprocess.Popen[str]:
    line = ["predictor", "predict", str(model), "--data", str(shop), "--out", str(out), *more]
    return subprocess.Popen(
        [sys.executable, "-c", SMALL, *line],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def writing(out: Path) -> bool:
    """Whether some rates are there, and not yet all."""
    return any(path.stat().st_size for path in out.parent.iterdir() if path != out)


def on(cluster: TwoNodes) -> tuple[str, ...]:
    return "--engine", "ray", "--set", f"ray.address={cluster.address}"


@pytest.mark.parametrize("victim", [None, "worker", "node"])
def test_the_bytes_are_those_of_one_process(
    cluster: TwoNodes, shop: Path, model: Path, local: bytes, tmp_path: Path, victim: str | None
) -> None:
    out = tmp_path / "rates.csv"
    process = begun(shop, model, out, cluster.environment, *on(cluster))
    if victim is not None:
        until(lambda: writing(out), process=process)
        if victim == "worker":
            workers_of(cluster)[0].kill()
        else:
            cluster.end_second()
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert out.read_bytes() == local


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_driver_that_ends_leaves_what_was_there(
    cluster: TwoNodes, shop: Path, model: Path, tmp_path: Path, ending: signal.Signals
) -> None:
    out = tmp_path / "rates.csv"
    out.write_text("of yesterday")
    process = begun(shop, model, out, cluster.environment, *on(cluster))
    until(lambda: writing(out), process=process)
    process.send_signal(ending)
    _, said = process.communicate(timeout=60)
    assert out.read_text() == "of yesterday"
    if ending == signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in said
        assert list(tmp_path.iterdir()) == [out]
    until(lambda: not workers_of(cluster), 60)  # nothing works for one who is gone


def test_a_host_outlives_a_replica_and_a_node(cluster: TwoNodes, shop: Path, model: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASKING, str(model), str(shop), cluster.address],
        env=cluster.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as asking:
        assert asking.stdin is not None
        assert asking.stdout is not None

        def ask() -> list[int]:
            print(file=asking.stdin, flush=True)
            told = json.loads(asking.stdout.readline())  # type: ignore[union-attr]
            assert told["far"] <= 1e-6
            return list(told["processes"])

        first = json.loads(asking.stdout.readline())
        assert len(set(first)) == 2
        assert sorted(ask()) == sorted(first)
        os.kill(first[0], signal.SIGKILL)
        for _ in range(3):
            assert first[0] not in ask()
        cluster.end_second()
        for _ in range(3):
            assert len(ask()) >= 1
        asking.stdin.close()
        assert asking.wait(60) == 0
    assert cluster.process.poll() is None
