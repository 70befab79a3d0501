"""Tables scored on a real cluster of two nodes, also if a worker or a node ends in mid-run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from promopilot.experiments.example import write_example
from tests.tiny_model import fit_tiny
from tests.two_nodes import TwoNodes, two_nodes

pytestmark = pytest.mark.slow
# The command with parts of 300 rows, so that there is a middle.
SMALL = """
from promopilot.experiments.cli.app import app
from promopilot.experiments.streaming import parts
parts._ROWS_OF_A_PART = 300
app()
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


def until(holds: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


def writing(out: Path) -> bool:
    """Whether some rates are there, and not yet all."""
    return any(path.stat().st_size for path in out.parent.iterdir() if path != out)


def workers_of(cluster: TwoNodes) -> list[psutil.Process]:
    """Processes that do work of ours."""
    script = psutil.Process(cluster.process.pid)
    names = [(one, one.name()) for one in script.children(recursive=True)]
    return [one for one, name in names if name.startswith("ray::") and "IDLE" not in name]


def on(cluster: TwoNodes) -> tuple[str, ...]:
    return "--engine", "ray", "--set", f"ray.address={cluster.address}"


@pytest.mark.parametrize("victim", [None, "worker", "node"])
def test_the_bytes_are_those_of_one_process(
    cluster: TwoNodes, shop: Path, model: Path, local: bytes, tmp_path: Path, victim: str | None
) -> None:
    out = tmp_path / "rates.csv"
    process = begun(shop, model, out, cluster.environment, *on(cluster))
    if victim is not None:
        until(lambda: writing(out), process)
        if victim == "worker":
            workers_of(cluster)[0].kill()
        else:
            cluster.end_second()
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert out.read_bytes() == local
