"""The plan of a run as a policy for logs of its market."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.agents.replanner import Replanner
from promopilot.envs.blocks.log import BlockLog, choices_at, explore_in_blocks, shares_of_plan
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world_files import load_world
from promopilot.experiments.errors import LogError, RunFolderError
from promopilot.experiments.logs import bandit_frame
from promopilot.experiments.ope.bandit.run_policy import write_run_policy
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.plan.judgement import read_expected_impressions
from tests.report.conftest import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "shop"
    write_run(path, synthetic_world(SyntheticSize(days=7)), None)
    (path / "manifest.json").write_text("{}")
    return path


@pytest.fixture(scope="module")
def blocks(run: Path) -> BlockLog:
    """Other flights than the run's own log has."""
    world = load_world(run / "market")
    return explore_in_blocks(world, Replanner(world).spend, 99, np.arange(3), 6, 0.3)


def policy_of(run: Path, frame: pd.DataFrame, folder: Path, suffix: str = ".parquet") -> pd.Series:
    """Probabilities by decision and action."""
    log, out = folder / f"log{suffix}", folder / "policy.parquet"
    if suffix == ".csv":
        frame.to_csv(log, index=False)
    else:
        frame.to_parquet(log, index=False)
    write_run_policy(run, log, out)
    table = pd.read_parquet(out).astype({"decision_id": str, "action": str})
    return table.set_index(["decision_id", "action"])["probability"].sort_index()


def test_on_the_run_s_own_log_it_gives_the_run_s_own_estimates(run: Path, tmp_path: Path) -> None:
    own = json.loads((run / "ope" / "ope.json").read_text(encoding="utf-8"))
    given = Inputs(run / "ope" / "log.parquet", str(run), run / "ope" / "qhat.parquet")
    found = evaluate_files(given, tmp_path / "out", OpeSettings(replicates=100), 0)
    assert [row["estimator"] for row in found["estimates"]] == [
        row["estimator"] for row in own["estimates"]
    ]
    for row, told in zip(found["estimates"], own["estimates"], strict=True):
        assert row["estimate"] == pytest.approx(told["estimate"], rel=1e-9)
    assert found["logged_value"] == pytest.approx(own["logged_value"])
    assert found["evidence"] == "simulated"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_decision_gets_the_plan_s_shares_where_they_can_be_had(
    run: Path, blocks: BlockLog, tmp_path: Path, suffix: str
) -> None:
    world = load_world(run / "market")
    frame = bandit_frame(world, blocks)
    assert frame["unavailable"].ne("").any()
    found = policy_of(run, frame, tmp_path, suffix)
    wanted = choices_at(blocks, shares_of_plan(world, read_expected_impressions(run, world)))
    actions = [*world.catalog.promotion_ids, "none"]
    for row in range(0, len(frame), 17):
        mine = found[frame["decision_id"][row]]
        assert mine.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(mine.reindex(actions, fill_value=0.0), wanted[row], atol=1e-12)


def test_days_may_be_counted_and_places_named(run: Path, blocks: BlockLog, tmp_path: Path) -> None:
    world = load_world(run / "market")
    frame = bandit_frame(world, blocks)
    want = policy_of(run, frame, tmp_path)
    counted = frame.drop(columns="timestamp")
    pd.testing.assert_series_equal(policy_of(run, counted, tmp_path), want)
    named = frame.assign(
        x_placement=np.array(world.catalog.placement_ids)[frame["x_placement"]],
        x_segment=np.array(world.catalog.segment_ids)[frame["x_segment"]],
        timestamp=frame["timestamp"] + "T10:30:00",
    )
    pd.testing.assert_series_equal(policy_of(run, named, tmp_path), want)


def test_without_the_column_everything_counts_as_available(
    run: Path, blocks: BlockLog, tmp_path: Path
) -> None:
    world = load_world(run / "market")
    frame = bandit_frame(world, blocks)
    found = policy_of(run, frame.drop(columns="unavailable"), tmp_path)
    shares = shares_of_plan(world, read_expected_impressions(run, world))
    actions = [*world.catalog.promotion_ids, "none"]
    row = int(np.flatnonzero(frame["unavailable"].ne(""))[0])
    mine = found[frame["decision_id"][row]].reindex(actions, fill_value=0.0)
    np.testing.assert_allclose(mine, shares[blocks.day[row], blocks.pool[row]], atol=1e-12)


FAULTS = [
    (lambda f: f.assign(timestamp="2031-01-01"), "row 2: timestamp is '2031-01-01'; the plan of"),
    (
        lambda f: f.drop(columns="timestamp").assign(x_day=7),
        "row 2: x_day is '7'; the plan of shop",
    ),
    (
        lambda f: f.assign(x_placement="moon"),
        "x_placement is .moon.; the market of shop.* has",
    ),
    (lambda f: f.assign(x_segment=44), "row 2: x_segment is '44'; the market of shop"),
    (lambda f: f.drop(columns="x_segment"), "no column 'x_segment': the plan of shop can be"),
    (lambda f: f.drop(columns=["timestamp", "x_day"]), "no column 'x_day': the plan of shop"),
    (lambda f: f.assign(unavailable="a,b"), "row 2: unavailable is 'a,b'; it must be a JSON list"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_a_log_of_something_else_is_one_error(
    run: Path, blocks: BlockLog, tmp_path: Path, change, message: str
) -> None:
    frame = change(bandit_frame(load_world(run / "market"), blocks))
    with pytest.raises(LogError, match=message):
        policy_of(run, frame, tmp_path)


def test_a_folder_that_is_no_run_and_a_run_without_a_plan(run: Path, tmp_path: Path) -> None:
    log = run / "ope" / "log.parquet"
    with pytest.raises(RunFolderError, match="is not a run folder"):
        write_run_policy(tmp_path, log, tmp_path / "policy.parquet")
    unfinished = Path(shutil.copytree(run, tmp_path / "run"))
    (unfinished / "plan.csv").unlink()
    with pytest.raises(LogError, match=r"has no plan\.csv yet"):
        write_run_policy(unfinished, log, tmp_path / "policy.parquet")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("sequential_A", "each day's action is a way of planning: name one of them, as always:re"),
        ("slate_A", "says nothing of this kind of log"),
    ],
)
def test_a_plan_is_no_policy_for_logs_of_other_actions(
    run: Path, tmp_path: Path, kind: str, message: str
) -> None:
    log = Path(__file__).parent / "data" / "ope" / kind / "log.csv"
    with pytest.raises(LogError, match=message):
        evaluate_files(Inputs(log, str(run)), tmp_path / "out", OpeSettings(), 0)
