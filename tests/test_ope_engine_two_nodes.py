"""`ope --engine ray` on a real cluster of two nodes, one of which ends in mid-run."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.two_nodes import two_nodes

pytestmark = pytest.mark.slow
BANDIT_A = Path(__file__).parent / "data" / "ope" / "bandit_A"
# The command with blocks of ten decisions and pieces of a hundred rows, so that there is a middle.
SMALL = """
from promopilot.experiments.cli.app import app
from promopilot.experiments.ope.bandit import files
from promopilot.experiments.ope_workers import shuffle
files._CELLS, shuffle._PIECE = 60, 100
app()
"""


def begun(folder: Path, out: str, environment: dict[str, str], *more: str) -> subprocess.Popen[str]:
    line = ["ope", str(folder / "log.csv"), "--policy", str(folder / "policy.csv"), "--json"]
    line += ["--set", "ope.replicates=100", "--set", "ope.model_rounds=5"]
    return subprocess.Popen(
        [sys.executable, "-c", SMALL, *line, "--out", str(folder / out), *more],
        env=environment | {"TMPDIR": str(folder / "scratch")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    said, faults = process.communicate(timeout=240)
    assert process.returncode == 0, faults
    return said


def test_two_nodes_give_the_local_result_also_if_one_ends(tmp_path: Path) -> None:
    for name in ("log", "policy"):
        shutil.copyfile(BANDIT_A / f"{name}.csv", tmp_path / f"{name}.csv")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    local = ended(begun(tmp_path, "local", dict(os.environ)))
    with two_nodes() as cluster:
        there = cluster.environment, "--engine", "ray", "--set", f"ray.address={cluster.address}"
        assert ended(begun(tmp_path, "both", *there)) == local
        process = begun(tmp_path, "one", *there)
        until = time.monotonic() + 120
        while len(list(scratch.glob("*/workers/*.arrow"))) < 3:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        cluster.end_second()
        assert ended(process) == local
    assert list(scratch.iterdir()) == []
