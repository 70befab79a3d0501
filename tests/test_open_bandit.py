"""Logs from a distribution of the Open Bandit sample; the files here are made up in its shape."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.errors import DataError, RunFolderError
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.sources.open_bandit import build, find_campaigns

ROWS, ITEMS = 60, 4


def made_up(rng):
    """A log and its items as the distribution has them."""
    item = rng.integers(ITEMS, size=ROWS)
    log = pd.DataFrame(
        {
            "timestamp": [f"2019-11-24 00:{at:02d}:34.762830+00:00" for at in range(ROWS)],
            "item_id": item,
            "position": rng.integers(1, 4, size=ROWS),
            "click": rng.integers(2, size=ROWS),
            "propensity_score": 1 / 3 * np.ones(ROWS),
            "user_feature_0": rng.choice(["ab12", "cd34"], size=ROWS),
            "user-item_affinity_0": 0.0,
        }
    )
    items = pd.DataFrame(
        {
            "item_id": range(ITEMS),
            "item_feature_0": rng.normal(size=ITEMS),
            "item_feature_1": ["ee", "ff", "ee", "ff"],
        }
    )
    return log, items


@pytest.fixture
def unpacked(tmp_path):
    folder = tmp_path / "unpacked"
    frames = {}
    for logged_by, campaign in (("random", "men"), ("random", "all"), ("bts", "men")):
        part = folder / "obp-0" / "obd" / logged_by / campaign
        part.mkdir(parents=True)
        log, items = made_up(np.random.default_rng(len(frames)))
        log.to_csv(part / f"{campaign}.csv")
        items.to_csv(part / "item_context.csv")
        frames[f"{logged_by}-{campaign}"] = log
    return folder, frames


@pytest.fixture
def table(tmp_path):
    chances = np.random.default_rng(9).dirichlet(np.ones(ITEMS), size=3)
    rows = [(item, at + 1, chances[at, item]) for item in range(ITEMS) for at in range(3)]
    path = tmp_path / "table.csv"
    pd.DataFrame(rows, columns=["action", "position", "probability"]).to_csv(path, index=False)
    return path, chances


def test_a_folder_per_policy_and_campaign_in_the_form_of_the_contract(unpacked, tmp_path):
    folder, frames = unpacked
    out = tmp_path / "out"
    assert build(folder, out) == ["random-all", "random-men", "bts-men"]
    assert sorted(path.name for path in out.iterdir()) == sorted([*frames, "sources.json"])
    for name, given in frames.items():
        log = pd.read_parquet(out / name / "log.parquet")
        assert list(log.columns) == [
            *("decision_id", "action", "reward", "propensity", "timestamp"),
            *("x_position", "x_user_feature_0"),
        ]
        assert log.decision_id.tolist() == [str(at) for at in range(ROWS)]
        assert log.action.tolist() == given.item_id.astype(str).tolist()
        assert log.reward.tolist() == given.click.tolist()
        assert log.propensity.tolist() == given.propensity_score.tolist()
        assert log.x_position.tolist() == given.position.tolist()
        features = pd.read_csv(out / name / "action_features.csv")
        assert features.to_dict("list") == {
            "action": [0, 1, 2, 3],
            "a_item_feature_1": ["ee", "ff", "ee", "ff"],
        }
    assert "do not pass them on" in json.loads((out / "sources.json").read_text())["about"]


def test_a_policy_by_position_is_evaluated_to_the_weighted_mean(unpacked, table, tmp_path):
    folder, frames = unpacked
    path, chances = table
    out = tmp_path / "out"
    build(folder, out, {"men": path})
    assert not (out / "random-all" / "policy.parquet").exists()
    given = frames["random-men"]
    weight = chances[given.position - 1, given.item_id] / given.propensity_score
    part = out / "random-men"
    result = evaluate_files(
        Inputs(part / "log.parquet", str(part / "policy.parquet"), estimators=("ipw", "snipw")),
        tmp_path / "result",
        OpeSettings(replicates=100),
        0,
    )
    value = {row["estimator"]: row["estimate"] for row in result["estimates"]}
    assert value["ipw"] == pytest.approx((weight * given.click).mean(), abs=1e-12)
    assert value["snipw"] == pytest.approx((weight * given.click).sum() / weight.sum(), abs=1e-12)


def test_the_command_says_what_it_wrote_and_that_no_licence_is_stated(unpacked, table, tmp_path):
    arguments = ["--from", str(unpacked[0]), "--policy-table", f"all={table[0]}"]
    run = ["data", "build", "open-bandit", *arguments, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, run)
    assert result.exit_code == 0, result.output
    assert "random-all, random-men, bts-men" in result.stdout
    assert "licence of these data is not stated" in result.stdout
    assert (tmp_path / "out" / "random-all" / "policy.parquet").is_file()


def spoil(change, name="men.csv"):
    def apply(folder):
        path = folder / "obp-0" / "obd" / "random" / "men" / name
        frame = pd.read_csv(path, index_col=0)
        change(frame).to_csv(path)

    return apply


FAULTS = [
    (lambda f: (f / "obp-0" / "obd").rename(f / "other"), {}, "holds no folder obd/"),
    (
        lambda f: (f / "obp-0/obd/random/men/item_context.csv").unlink(),
        {},
        "item_context.csv is missing beside .*men.csv",
    ),
    (spoil(lambda d: d.drop(columns="click")), {}, "men.csv, column click is missing; there are"),
    (spoil(lambda d: d.assign(click="x")), {}, "men.csv cannot be read .*Could not convert"),
    (
        spoil(lambda d: d.drop(columns="item_id"), "item_context.csv"),
        {},
        "item_context.csv, column item_id is missing",
    ),
    (
        lambda f: (f / "obp-0/obd/random/men/men.csv").write_bytes(b"\xff\xfe,\x00"),
        {},
        "men.csv.*(cannot be read|is missing)",
    ),
    (lambda f: None, {"women": "table.csv"}, "women.* is no campaign there; name one of all, men"),
    (lambda f: None, {"men": "gone.csv"}, "gone.csv is not there"),
    (spoil(lambda d: d.assign(position=9)), {"men": "table.csv"}, "position: '9' has no row, but"),
]


@pytest.mark.parametrize(("change", "tables", "message"), FAULTS)
def test_a_fault_is_one_error_and_nothing_is_written(
    unpacked, table, tmp_path, change, tables, message
):
    change(unpacked[0])
    given = {campaign: tmp_path / name for campaign, name in tables.items()}
    with pytest.raises(DataError, match=message):
        build(unpacked[0], tmp_path / "out", given)
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_not_written_into(unpacked, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="is not an empty folder"):
        build(unpacked[0], tmp_path / "out")


def test_a_policy_table_needs_its_campaign(unpacked, tmp_path):
    run = ["data", "build", "open-bandit", "--from", str(unpacked[0]), "--out", str(tmp_path / "o")]
    result = CliRunner().invoke(app, [*run, "--policy-table", "table.csv"])
    assert result.exit_code == 2
    assert "it must be CAMPAIGN=FILE" in result.output


def test_campaigns_are_found_wherever_they_were_unpacked(unpacked):
    found = find_campaigns(unpacked[0].parent)
    assert [(one.logged_by, one.name) for one in found] == [
        ("random", "all"),
        ("random", "men"),
        ("bts", "men"),
    ]
