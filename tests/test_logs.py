import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.agents.replanner import Replanner
from promopilot.agents.simple import CurrentMix, Uniform
from promopilot.envs.blocks.log import explore_in_blocks
from promopilot.envs.blocks.presets import explore_presets
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views.observation import size as observation_size
from promopilot.envs.world_files import save_world
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import make_config
from promopilot.experiments.errors import LogError, RunFolderError
from promopilot.experiments.logs import bandit_frame, sequential_frame, write_frames, write_logs
from promopilot.experiments.ope.bandit.log_file import read_log
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.progress import silent
from promopilot.experiments.run_folder import RunFolder

WORLD = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=5))
PRESETS = {policy.name: policy.spend for policy in (Replanner(WORLD), Uniform(), CurrentMix())}
BANDIT = explore_in_blocks(WORLD, Replanner(WORLD).spend, 3, np.arange(8), 4, 0.4)
SEQUENTIAL = explore_presets(WORLD, PRESETS, 3, np.arange(40))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_bandit_log_reads_back_as_it_was(tmp_path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    frame = bandit_frame(WORLD, BANDIT)
    # Written in two parts, as large logs are.
    rows = write_frames([frame.iloc[:100], frame.iloc[100:]], path)
    assert rows == len(frame) == 8 * 5 * 4 * 2
    read = read_log(path)
    order = np.argsort(frame["decision_id"].to_numpy(), kind="stable")
    names = np.array([*WORLD.catalog.promotion_ids, "none"], dtype=object)
    assert read.log.evidence == "simulated"
    assert read.features.shape == (rows, 3)
    np.testing.assert_array_equal(
        np.array(read.log.actions)[read.log.action], names[BANDIT.action][order]
    )
    np.testing.assert_allclose(read.log.propensity, BANDIT.propensity[order], rtol=1e-12)
    np.testing.assert_allclose(read.log.reward, BANDIT.reward[order], rtol=1e-12)
    assert len(set(read.log.cluster)) == 8 * 5


def test_the_logged_policy_evaluated_on_its_own_log_earned_its_mean(tmp_path) -> None:
    write_frames([bandit_frame(WORLD, BANDIT)], tmp_path / "log.parquet")
    result = evaluate_files(
        Inputs(tmp_path / "log.parquet", "logged", estimators=("ipw", "snipw")),
        tmp_path,
        OpeSettings(),
        0,
    )
    for row in result["estimates"]:
        assert row["estimate"] == pytest.approx(BANDIT.reward.mean())
    assert result["evidence"] == "simulated"


def test_a_sequential_log_has_the_contracts_columns(tmp_path) -> None:
    frame = sequential_frame(SEQUENTIAL)
    for name in ("log.parquet", "log.csv"):
        write_frames([frame], tmp_path / name)
    read = pd.read_parquet(tmp_path / "log.parquet")
    text = pd.read_csv(tmp_path / "log.csv", dtype={"episode_id": str})
    head = ["episode_id", "step", "action", "reward", "propensity"]
    assert list(read.columns[:5]) == head
    assert read.columns[-1] == "evidence"
    states = [column for column in read.columns if column.startswith("s_")]
    assert len(states) == observation_size(WORLD) == len(read.columns) - 6
    assert {"s_days_left", "s_log_price.placement-1", "s_promotion-2.fatigue"} <= set(states)
    assert list(text.columns) == list(read.columns)
    for table in (read, text):
        np.testing.assert_allclose(table["reward"], SEQUENTIAL.reward, rtol=1e-12)
        assert pd.api.types.is_integer_dtype(table["step"])
        assert set(table["evidence"]) == {"simulated"}
        assert set(table["action"]) == set(PRESETS)
        np.testing.assert_allclose(table["propensity"], 1 / 3)
        assert (
            table.groupby("episode_id", sort=False)["step"].apply(list).map(tuple)
            == (0, 1, 2, 3, 4)
        ).all()
    np.testing.assert_allclose(read["s_days_left"], 1 - SEQUENTIAL.day / 5)


def test_presets_are_drawn_as_often_as_their_propensity_says() -> None:
    chance = np.array([0.6, 0.3, 0.1])
    log = explore_presets(WORLD, PRESETS, 4, np.arange(300), chance)
    counts = np.bincount(log.action, minlength=3) / len(log.action)
    assert (np.abs(counts - chance) < 4 * np.sqrt(chance * (1 - chance) / 1500)).all()
    np.testing.assert_array_equal(log.propensity, chance[log.action])


def test_days_of_a_sequential_log_are_the_markets_own() -> None:
    certain = explore_presets(WORLD, {"only": Uniform().spend}, 3, np.arange(4))
    market = Market(WORLD)
    market.reset(3, np.arange(4))
    rewards = []
    while not market.done:
        rewards.append(market.step(Uniform().spend(market)).total("objective"))
    np.testing.assert_allclose(certain.reward.reshape(4, 5), np.stack(rewards, axis=1))
    assert (certain.propensity == 1).all()
    # A flight's log is the same whatever flights are logged beside it.
    alone = explore_presets(WORLD, PRESETS, 3, np.array([7]))
    np.testing.assert_array_equal(alone.reward, SEQUENTIAL.reward[SEQUENTIAL.flight == 7])


@pytest.mark.parametrize(
    ("presets", "probability", "message"),
    [
        ({}, None, "0 presets to log; name at least one"),
        (PRESETS, [0.5, 0.5], r"\[0.5, 0.5\]; they must be 3 numbers of at least 0 with sum 1"),
        (PRESETS, [0.5, 0.6, -0.1], "they must be 3 numbers"),
        (PRESETS, [0.5, 0.5, np.nan], "they must be 3 numbers"),
    ],
)
def test_presets_without_probabilities_are_refused(presets, probability, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        explore_presets(WORLD, presets, 0, np.arange(2), probability)


def test_a_log_needs_a_known_ending_and_leaves_nothing_half_written(tmp_path) -> None:
    with pytest.raises(LogError, match=r"log.txt must end in .csv or .parquet"):
        write_frames([], tmp_path / "log.txt")

    def broken():
        yield bandit_frame(WORLD, BANDIT)
        raise KeyError

    for name in ("log.csv", "log.parquet"):
        with pytest.raises(KeyError):
            write_frames(broken(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_logs_of_many_flights_are_written_in_batches(tmp_path) -> None:
    heard = []
    found = write_logs(
        WORLD,
        [Replanner(WORLD), Uniform()],
        20,
        OpeSettings(blocks_per_day=3),
        1,
        tmp_path / "new" / "logs",
        lambda what, share: heard.append(share),
    )
    log = pd.read_parquet(tmp_path / "new" / "logs" / "log.parquet")
    days = pd.read_parquet(tmp_path / "new" / "logs" / "sequential.parquet")
    assert list(found["files"].values()) == [len(log), len(days)] == [20 * 5 * 3 * 2, 20 * 5]
    assert log["decision_id"].is_unique
    assert days["episode_id"].nunique() == 20
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    with pytest.raises(RunFolderError, match="holds files already; name a new or empty folder"):
        write_logs(WORLD, [Uniform()], 2, OpeSettings(), 1, tmp_path / "new" / "logs", silent)


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.open(tmp_path / "run", make_config({}))
    (folder.path / "market").mkdir()
    save_world(WORLD, folder.path / "market")
    return folder.path


def test_simulate_logs_what_it_simulates(run, tmp_path) -> None:
    logs = tmp_path / "logs"
    command = ["simulate", str(run), "--policy", "uniform", "--policy", "current_mix"]
    command += ["--flights", "3", "--log", str(logs), "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert set(summary["policies"]) == {"uniform", "current_mix", "replanner"}
    assert summary["log"]["policy"] == "uniform"
    assert summary["log"]["files"] == {
        str(logs / "log.parquet"): 3 * 5 * 10 * 2,
        str(logs / "sequential.parquet"): 3 * 5,
    }
    assert set(pd.read_parquet(logs / "sequential.parquet")["action"]) <= {"uniform", "current_mix"}
    assert read_log(logs / "log.parquet").log.evidence == "simulated"
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2
    assert f"{logs} holds files already; name a new or empty folder for the logs" in again.stderr


def test_one_policy_is_logged_block_by_block_only(run, tmp_path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    command = ["simulate", str(run), "--policy", "uniform", "--flights", "2", "--log", str(logs)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert f"Wrote {logs / 'log.parquet'}: 200 decisions" in done.stdout
    assert [path.name for path in logs.iterdir()] == ["log.parquet"]
