"""`promopilot train`: from tables and a predictor to a policy's files."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from promopilot.agents.dqn_policy import load_dqn
from promopilot.agents.ppo_policy import load_policy
from promopilot.agents.training import coach
from promopilot.envs.world_files import load_world
from promopilot.experiments.cli.app import app
from promopilot.predictors import Rows
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.ray_host.client import RayHost
from tests.small_shop import write_small_shop

runner = CliRunner()
SMALL = [
    *("--set", "agents.ppo.steps=336", "--set", "agents.ppo.evaluate_every=112"),
    *("--set", "agents.dqn.steps=560", "--set", "agents.dqn.evaluate_every=112"),
    *("--set", "agents.dqn.num_envs=8", "--set", "agents.dqn.training_flights=8"),
    *("--set", "agents.dqn.warm_up=100", "--set", "agents.dqn.memory=400"),
    *("--set", "agents.dqn.batch_size=32"),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Of torch: with several, a second training need not repeat the first's bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small shop's folder, with a predictor fitted on it in `model`."""
    folder = tmp_path_factory.mktemp("shop")
    config = write_small_shop(folder)
    given = ["--data", str(folder / "shop" / "data"), "--config", str(config)]
    result = runner.invoke(app, ["predictor", "fit", *given, "--out", str(folder / "model")])
    assert result.exit_code == 0, result.stderr
    return folder


def train(shop: Path, out: Path, agent: str, *options: str) -> tuple[int, str, str]:
    given = ["--data", str(shop / "shop" / "data"), "--predictor", str(shop / "model")]
    config = ["--config", str(shop / "small.yaml"), *SMALL]
    asked = ["train", *given, *config, "--agent", agent, "--out", str(out), *options]
    result = runner.invoke(app, asked)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("agent", ["ppo", "dqn"])
def test_a_policy_its_market_and_its_course_are_written(
    shop: Path, tmp_path: Path, agent: str
) -> None:
    out, events = tmp_path / "policy", tmp_path / "events"
    code, told, errors = train(shop, out, agent, "--json", "--tensorboard", str(events))
    assert code == 0, errors
    summary = json.loads(told)
    assert summary == json.loads((out / "course.json").read_text())
    assert summary["stopped"] == "done"
    assert summary["best"]["gain_pct"] == max(h["gain_pct"] for h in summary["history"])
    world = load_world(out / "market")
    policy = load_policy(out, world) if agent == "ppo" else load_dqn(out / "dqn", world)
    assert policy.name == agent
    assert list(events.iterdir())
    before = (out / "course.json").stat().st_mtime_ns
    code, told, errors = train(shop, out, agent)
    assert code == 2
    assert f"{out} holds a policy already; start anew with --overwrite" in errors
    assert (out / "course.json").stat().st_mtime_ns == before
    code, told, errors = train(shop, out, agent, "--overwrite")
    assert code == 0, errors
    assert "against the daily re-optimiser on the validation flights" in told


@pytest.mark.parametrize("agent", ["ppo", "dqn"])
def test_an_interrupted_training_goes_on_to_the_same_weights(
    shop: Path, tmp_path: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "interrupted"
    assert train(shop, whole, agent)[0] == 0
    real, saved = coach.Coach._save, []

    def interrupted(self: coach.Coach, keep: coach.Keep) -> None:
        real(self, keep)
        saved.append(keep)
        if len(saved) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(coach.Coach, "_save", interrupted)
        code, _, errors = train(shop, out, agent)
    assert code == 130
    assert "the same command goes on from the last measure" in errors
    assert not out.exists()
    assert train(shop, out, agent)[0] == 0
    place = Path("policy.safetensors") if agent == "ppo" else Path("dqn/policy.safetensors")
    assert (whole / place).read_bytes() == (out / place).read_bytes()
    assert (whole / "course.json").read_bytes() == (out / "course.json").read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_trained_policy_plays_in_a_runs_market(shop: Path, tmp_path: Path) -> None:
    out, run = tmp_path / "policy", tmp_path / "run"
    assert train(shop, out, "dqn")[0] == 0
    config = ["run", str(shop / "small.yaml"), "--out", str(run), "--set", "backtest.days=0"]
    assert runner.invoke(app, config).exit_code == 0
    played = ["simulate", str(run), "--policy", "dqn", "--flights", "4", "--json"]
    result = runner.invoke(app, [*played, "--trained", str(out)])
    assert result.exit_code == 0, result.stderr
    assert set(json.loads(result.stdout)["policies"]) == {"dqn", "replanner"}
    result = runner.invoke(app, played)
    assert result.exit_code == 2
    assert "'dqn' was not trained in" in result.stderr
    assert "$.agents.trained" in result.stderr


def test_what_cannot_be_trained_is_said_in_one_sentence(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    code, _, errors = train(shop, tmp_path / "mine", "ppo")
    assert code == 2
    assert "holds files that are no policy" in errors
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"
    code, _, errors = train(shop, tmp_path / "p", "ppo", "--predictor", str(tmp_path))
    assert code == 2
    assert str(tmp_path) in errors
    code, _, errors = train(shop, tmp_path / "p", "ppo", "--set", "agents.ppo.aim.target_roas=1e9")
    assert code == 2
    assert "no spend reaches it" in errors
    code, _, errors = train(shop, tmp_path / "p", "ppo", "--set", "agents.ppo.aim.cvar=1.5")
    assert code == 2
    assert "$.agents.ppo.aim.cvar" in errors
    code, _, errors = train(shop, tmp_path / "p", "sac")
    assert code == 2
    assert errors == (
        "promopilot: --agent sac: there are two, `ppo`, which sets prices, and `dqn`, which picks "
        "presets\n"
    )
    assert not (tmp_path / "p").exists()


def test_rates_may_be_asked_of_a_host_on_ray(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    answered = RayHost.predict

    def noted(self: RayHost, rows: Rows) -> Prediction:
        asked.append(len(rows))
        return answered(self, rows)

    monkeypatch.setattr(RayHost, "predict", noted)
    few = [
        *("--set", "agents.ppo.steps=112", "--set", "ray.cpus=1"),
        *("--set", "ray.object_store_mb=80"),
    ]
    for name, hosted in (("own", "false"), ("hosted", "true")):
        assert not asked
        code, _, errors = train(shop, tmp_path / name, "ppo", *few, "--set", f"ray.hosted={hosted}")
        assert code == 0, errors
    assert asked
    one, other = (load_world(tmp_path / name / "market") for name in ("own", "hosted"))
    assert one.rates.first == pytest.approx(other.rates.first, abs=1e-6)
    assert one.rates.second == pytest.approx(other.rates.second, abs=1e-6)
