"""Ctrl-C in every stage: exit 130, nothing half-written, and --resume ends with the same plan."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from promopilot.experiments.atomic import PARTIAL_PREFIX
from promopilot.experiments.cli.app import app
from promopilot.experiments.run_folder import RunFolder
from tests.small_shop import write_small_shop

STAGES = ("data", "predictor", "market", "train", "simulate", "plan", "ope", "score", "report")
runner = CliRunner()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config of a shop so small that its whole pipeline takes seconds."""
    return write_small_shop(tmp_path_factory.mktemp("shop"))


def run(config: Path, out: Path, *options: str) -> tuple[int, str]:
    result = runner.invoke(app, ["run", str(config), "--out", str(out), *options])
    return result.exit_code, result.stderr


def test_every_stage_can_be_interrupted_and_resumed(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, out = tmp_path / "straight", tmp_path / "run"
    assert run(config, straight)[0] == 0
    original = RunFolder.stage
    for place, name in enumerate(STAGES):

        @contextmanager
        def stage(self: RunFolder, now: str, target: str = name) -> Iterator[Path]:
            with original(self, now) as work:
                yield work
                if now == target:  # everything is written, nothing has its final name
                    os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(RunFolder, "stage", stage)
        code, said = run(config, out, "--resume")
        assert code == 130, said
        assert "with --resume goes on from there" in said
        assert tuple(RunFolder.existing(out).finished) == STAGES[:place]
        assert not list(out.glob(f"{PARTIAL_PREFIX}*"))
    monkeypatch.setattr(RunFolder, "stage", original)
    assert run(config, out, "--resume")[0] == 0
    for name in ("plan.csv", "plan_summary.csv"):
        assert (out / name).read_bytes() == (straight / name).read_bytes()
