import builtins
import json

import gymnasium
import numpy as np
import pytest
from typer.testing import CliRunner

from promopilot.agents.replanner import Replanner
from promopilot.agents.simple import CurrentMix, Uniform
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world_files import save_world
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import make_config
from promopilot.experiments.errors import LogError, MissingPackageError
from promopilot.experiments.minari_export import export_minari
from promopilot.experiments.run_folder import RunFolder

minari = pytest.importorskip("minari")
WORLD = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=5))


@pytest.fixture(autouse=True)
def datasets(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.open(tmp_path / "run", make_config({}))
    (folder.path / "market").mkdir()
    save_world(WORLD, folder.path / "market")
    return folder.path


@pytest.mark.parametrize("policy", [Replanner(WORLD), Uniform(), CurrentMix()])
def test_a_policys_flights_come_back_as_they_were(run, datasets, policy) -> None:
    found = export_minari("shop/flights-v0", policy, 3, run=run, seed=5)
    assert found["episodes"] == 3
    assert found["steps"] == 3 * 5
    assert found["folder"].startswith(str(datasets))
    dataset = minari.load_dataset("shop/flights-v0")
    env = dataset.recover_environment()
    assert env.spec.entry_point == "promopilot.envs.views.budget_allocation:BudgetAllocation"
    assert env.unwrapped.batch.world.budget == WORLD.budget
    market = Market(WORLD)
    market.reset(5, np.arange(3))
    spent = []
    while not market.done:
        spent.append(market.step(policy.spend(market)).spend)
    for flight, episode in enumerate(dataset.iterate_episodes()):
        assert episode.terminations.tolist() == [False] * 4 + [True]
        observed, _ = env.reset(seed=5 if flight == 0 else None)
        np.testing.assert_array_equal(observed, episode.observations[0])
        for day, action in enumerate(episode.actions):
            observed, reward, _, _, info = env.step(action)
            np.testing.assert_array_equal(observed, episode.observations[day + 1])
            assert reward == episode.rewards[day]
            if day == 0:  # later days differ by what the rounded action's luck brought
                np.testing.assert_allclose(info["spend"], spent[day][flight], rtol=1e-5)
    assert dataset.storage.metadata["algorithm_name"] == policy.name


def test_without_a_run_the_small_synthetic_world_is_played() -> None:
    export_minari("flights-v1", Uniform(), 1)
    env = minari.load_dataset("flights-v1").recover_environment()
    default = gymnasium.make("promopilot/BudgetAllocation-v0").unwrapped
    assert env.unwrapped.batch.world.budget == default.batch.world.budget


@pytest.mark.parametrize("name", ["flights", "a b-v0", "", "x-v"])
def test_an_id_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(LogError, match="is no dataset id; it must be a name and a version"):
        export_minari(name, Uniform(), 1)


def test_a_dataset_is_never_overwritten() -> None:
    export_minari("flights-v0", Uniform(), 1)
    with pytest.raises(LogError, match="flights-v0 already; choose another version"):
        export_minari("flights-v0", Uniform(), 1)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: object) -> object:
        if name == "minari":
            raise ModuleNotFoundError("No module named 'minari'", name=name)
        return original(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=r'pip install "promopilot\[minari\]"'):
        export_minari("flights-v0", Uniform(), 1)


def test_simulate_records_one_policy(run) -> None:
    command = ["simulate", str(run), "--flights", "2", "--minari", "shop/mix-v0", "--json"]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "--minari records one policy; give --policy once" in refused.stderr
    done = CliRunner().invoke(app, [*command, "--policy", "current_mix"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["minari"]["episodes"] == 2
    assert minari.load_dataset("shop/mix-v0").total_steps == 10
