"""`promopilot bench`: figures by name, kept from one call to the next."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.suite import BENCHES, MODULES, STUDIES
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import RunConfig
from promopilot.experiments.run_folder import RunFolder

runner = CliRunner()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name in enumerate(BENCHES):
        for part in MODULES[name]:
            module = ModuleType(part)
            figures: dict[str, Figure] = {"speed": figure(10.0 + place, "rows/s", at_least=11.0)}
            module.measure = lambda figures=figures: figures  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, f"promopilot.experiments.bench.{part}", module)
        for part in STUDIES.get(name, ()):
            study = ModuleType(part)
            study.measure = lambda out, progress, part=part: {part: figure(1, "x")}  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, f"promopilot.experiments.bench.{part}", study)


@pytest.mark.usefixtures("quick")
def test_all_benches_then_one_with_a_runs_seconds(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path / "run", RunConfig())
    with folder.stage("data"):
        pass
    result = runner.invoke(app, ["bench", "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "bench.json").read_text())
    assert json.loads(result.stdout) == written
    assert written["market"] == {
        "speed": {"value": 10.0, "unit": "rows/s", "goal": 11.0, "holds": False}
    }
    assert written["agents"]["speed"]["holds"] is True
    assert set(STUDIES["agents"]) < set(written["agents"])
    arguments = ["bench", "market", "--out", str(tmp_path), "--run", str(tmp_path / "run")]
    again = runner.invoke(app, arguments)
    assert "goal 11: missed" in again.stdout
    merged = json.loads((tmp_path / "bench.json").read_text())
    assert set(merged) == {*BENCHES, "stages"}
    assert merged["stages"]["data"]["unit"] == "s"


@pytest.mark.usefixtures("quick")
def test_out_may_name_the_file_itself(tmp_path: Path) -> None:
    runner.invoke(app, ["bench", "market", "--out", str(tmp_path / "here.json")])
    assert [p.name for p in tmp_path.iterdir()] == ["here.json"]


def test_figures_without_a_goal_hold_nothing() -> None:
    assert figure(3, "x") == {"value": 3.0, "unit": "x", "goal": None, "holds": None}
