"""Ctrl-C in every stage: exit 130, nothing half-written, and --resume ends with the same plan."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb
import pytest
import torch
import yaml
from typer.testing import CliRunner

from promopilot.experiments.atomic import PARTIAL_PREFIX
from promopilot.experiments.cli.app import app
from promopilot.experiments.progress import Progress
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.sources import complete_journey
from tests.small_shop import write_small_shop
from tests.test_complete_journey import CUT, SMALL, make_panel

STAGES = (
    "data",
    "predictor",
    "market",
    "backtest",
    "train",
    "simulate",
    "plan",
    "ope",
    "score",
    "report",
)
runner = CliRunner()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Of torch: with several, a second run in the same process need not repeat the first's bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config of a shop so small that its whole pipeline takes seconds."""
    path = write_small_shop(tmp_path_factory.mktemp("shop"))
    document = yaml.safe_load(path.read_text())
    document["agents"]["ppo"]["evaluate_every"] = 56  # so that training also reports when half done
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture(scope="module")
def straight(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("straight") / "run"
    assert run(config, out)[0] == 0
    return out


def run(config: Path, out: Path, *options: str) -> tuple[int, str]:
    result = runner.invoke(app, ["run", str(config), "--out", str(out), *options])
    return result.exit_code, result.stderr


def interrupt() -> None:
    """What Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_halfway(patch: pytest.MonkeyPatch, out: Path, stage: str) -> None:
    """Interrupts `stage` of the run in `out` when it reports that a part of it is done."""
    original = Progress.__call__

    def call(self: Progress, what: str, share: float) -> None:
        original(self, what, share)
        if (out / f"{PARTIAL_PREFIX}{stage}").is_dir() and 0 < share < 1:
            interrupt()

    patch.setattr(Progress, "__call__", call)


def stopped_in(stage: str, config: Path, out: Path) -> None:
    """Goes on with a run in which `stage` is interrupted; only what came before it is kept."""
    code, said = run(config, out, "--resume")
    assert code == 130, said
    assert "with --resume goes on from there" in said
    assert "Traceback" not in said
    assert tuple(RunFolder.existing(out).finished) == STAGES[: STAGES.index(stage)]
    assert not list(out.glob(f"{PARTIAL_PREFIX}*"))
    assert not (out / "error.log").exists()


def resumed_alike(config: Path, out: Path, straight: Path) -> None:
    """Goes on in a copy of `out` to the end, with the plan of a run that nothing interrupted."""
    copy = out.with_name("copy")
    shutil.copytree(out, copy)
    code, said = run(config, copy, "--resume")
    assert code == 0, said
    for name in ("plan.csv", "plan_summary.csv"):
        assert (copy / name).read_bytes() == (straight / name).read_bytes()
    shutil.rmtree(copy)


def test_every_stage_can_be_interrupted_and_resumed(
    config: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    original = RunFolder.stage
    for name in STAGES:

        @contextmanager
        def stage(self: RunFolder, now: str, target: str = name) -> Iterator[Path]:
            with original(self, now) as work:
                yield work
                if now == target:  # everything is written, nothing has its final name
                    interrupt()

        monkeypatch.setattr(RunFolder, "stage", stage)
        stopped_in(name, config, out)
    monkeypatch.setattr(RunFolder, "stage", original)
    resumed_alike(config, out, straight)


def test_every_stage_can_be_interrupted_inside_its_work_and_resumed(
    config: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    for name in ("predictor", "train", "simulate"):
        with monkeypatch.context() as patch:
            interrupt_halfway(patch, out, name)
            stopped_in(name, config, out)
        resumed_alike(config, out, straight)


def test_interrupted_inside_an_operation_of_torch(
    config: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from promopilot.predictors import objective

    original = objective.funnel_nll

    def interrupted_backwards(*arguments: Any) -> Any:
        losses = original(*arguments)
        if losses.requires_grad:
            losses.register_hook(lambda gradient: interrupt())  # torch's C++ calls it
        return losses

    with monkeypatch.context() as patch:
        patch.setattr(objective, "funnel_nll", interrupted_backwards)
        stopped_in("predictor", config, tmp_path / "run")
    resumed_alike(config, tmp_path / "run", straight)


def test_interrupted_between_the_files_of_a_stage(
    config: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    shutil.copytree(straight, out)
    (out / "plan.csv").unlink()  # so that the plan is made again, and the stages after it
    original, renamed = os.replace, list[str]()

    def replace(source: Path, target: Path) -> None:
        original(source, target)
        if source.parent.name == f"{PARTIAL_PREFIX}plan" and target.parent == out:
            renamed.append(target.name)
            if len(renamed) == 2:
                interrupt()

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        stopped_in("plan", config, out)
    assert len(renamed) == 2
    assert (straight / renamed[0]).exists()
    assert not any((out / name).exists() for name in renamed)  # without the others they mislead
    resumed_alike(config, out, straight)


@pytest.fixture(scope="module")
def panel_config(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config whose tables are built, from a small panel beside it."""
    folder = tmp_path_factory.mktemp("panel")
    make_panel().write(folder / "panel")
    document = yaml.safe_load(config.read_text())
    document["data"] = {"build": "complete-journey", "complete_journey": SMALL.model_dump()}
    document["flight"]["start"] = CUT.date()
    document["predictor"]["base_model"] = str(config.parent / "bert")
    (folder / "panel.yaml").write_text(
        yaml.safe_dump(json.loads(json.dumps(document, default=str)))
    )
    return folder / "panel.yaml"


def test_building_tables_can_be_interrupted_inside_its_work_and_resumed(
    panel_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complete_journey, "find_panel", lambda: panel_config.parent / "panel")
    straight, out = tmp_path / "straight", tmp_path / "run"
    assert run(panel_config, straight)[0] == 0

    def long_query(con: duckdb.DuckDBPyConnection, settings: object) -> None:
        Timer(0.2, interrupt).start()
        con.execute("select count(*) from range(10000000000) a where a.range % 7 = 3").fetchall()

    with monkeypatch.context() as patch:
        patch.setattr(complete_journey.sql, "read_visits", long_query)
        stopped_in("data", panel_config, out)
    with monkeypatch.context() as patch:
        interrupt_halfway(patch, out, "data")
        stopped_in("data", panel_config, out)
    resumed_alike(panel_config, out, straight)
