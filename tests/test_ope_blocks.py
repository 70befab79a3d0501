"""Bandit logs read in blocks: the same numbers as from arrays, however small the blocks are."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit import files
from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.bandit.database import open_database
from promopilot.experiments.ope.bandit.files import read_case
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.bandit.log_file import open_log, read_log
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.nuisance.folds import folds_of_units
from promopilot.experiments.ope.nuisance.propensity_model import estimated_propensity
from promopilot.experiments.ope.nuisance.reward_model import cross_fitted
from promopilot.experiments.ope.settings import OpeSettings

BANDIT_A = Path(__file__).parent / "data" / "ope" / "bandit_A"
NAMES = ("log", "policy", "qhat", "behavior")
SETTINGS = OpeSettings()


@pytest.fixture
def frames():
    """The reference set, its ids as text."""
    return {
        name: pd.read_csv(BANDIT_A / f"{name}.csv", dtype={"decision_id": str, "action": str})
        for name in NAMES
    }


@pytest.fixture
def read(tmp_path, frames):
    """Writes frames, the reference set where none are given, and reads them as a case."""

    def reading(changed=None, given=("qhat",), policy=None, settings=SETTINGS):
        for name, frame in (frames | (changed or {})).items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        inputs = Inputs(
            tmp_path / "log.csv",
            policy or str(tmp_path / "policy.csv"),
            **{name: tmp_path / f"{name}.csv" for name in given},
        )
        return read_case(inputs, settings, 0)

    return reading


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 7 decisions of 6 actions, read from the database five rows at a time."""
    monkeypatch.setattr(files, "_CELLS", 42)
    monkeypatch.setattr("promopilot.experiments.ope.bandit.cells._BATCH", 5)


def wide(frame, column, decisions):
    """A long table as [n, A]."""
    return frame.pivot(index="decision_id", columns="action", values=column).loc[decisions]


def from_arrays(frames):
    """The reference set as a log, its features, and tables [n, A], sorted by id."""
    log = frames["log"].sort_values("decision_id")
    tables = {
        name: wide(frames[name], column, log["decision_id"]).to_numpy()
        for name, column in (("policy", "probability"), ("qhat", "q"), ("behavior", "probability"))
    }
    made = BanditLog(
        log["action"].astype(int).to_numpy(),
        log["reward"].to_numpy(float),
        log["propensity"].to_numpy(float),
        np.arange(len(log)),
        "logged",
        tuple("012345"),
    )
    return made, log[["x_0", "x_1", "x_2"]].to_numpy(), log["decision_id"].to_numpy(object), tables


def same(one, other, tolerance=1e-12):
    for name in ("reward", "weight", "q_logged", "q_policy"):
        np.testing.assert_allclose(
            getattr(one.rows, name), getattr(other.rows, name), rtol=tolerance, atol=tolerance
        )
    assert one.cluster.tolist() == other.cluster.tolist()
    assert one.support == other.support


@pytest.mark.usefixtures("small_blocks")
def test_blocks_give_the_case_that_arrays_give(read, frames):
    log, _, _, tables = from_arrays(frames)
    want = bandit_case(log, tables["policy"], tables["qhat"])
    found = read()
    same(found, want)
    assert found.choices.names == want.choices.names
    assert found.choices.taken.tolist() == want.choices.taken.tolist()
    np.testing.assert_allclose(found.choices.policy_share, want.choices.policy_share, rtol=1e-12)
    assert (found.reward_model, found.propensities) == ("given", "logged")


@pytest.mark.usefixtures("small_blocks")
def test_rows_in_any_order_give_the_very_same_numbers(read, frames):
    want = read()
    shuffled = {name: frame.sample(frac=1.0, random_state=3) for name, frame in frames.items()}
    same(read(shuffled), want, tolerance=0.0)


@pytest.mark.parametrize("policy", ["uniform", "logged", "always:3"])
def test_the_size_of_blocks_changes_nothing(read, monkeypatch, policy):
    want = read(policy=policy)
    monkeypatch.setattr(files, "_CELLS", 600)
    same(read(policy=policy), want, tolerance=0.0)


def test_models_score_each_block_as_they_score_the_whole(read, frames, monkeypatch):
    monkeypatch.setattr(files, "_CELLS", 600)
    log, features, decision, tables = from_arrays(frames)
    fold = folds_of_units(decision, decision, SETTINGS.folds)
    qhat = cross_fitted(log, features, fold, SETTINGS, 0)
    found = read(given=())
    same(found, bandit_case(log, tables["policy"], qhat), tolerance=1e-9)
    assert found.reward_model == "cross-fitted"


def test_propensities_that_were_not_logged_are_estimated_and_marked(read, frames, monkeypatch):
    monkeypatch.setattr(files, "_CELLS", 600)
    log, features, decision, tables = from_arrays(frames)
    fold = folds_of_units(decision, decision, SETTINGS.folds)
    found = read({"log": frames["log"].drop(columns="propensity")})
    propensity = estimated_propensity(log, features, fold, SETTINGS, 0)
    assert found.propensities == "estimated"
    taken = tables["policy"][np.arange(len(fold)), log.action]
    np.testing.assert_allclose(found.rows.weight, taken / propensity, rtol=1e-9)


@pytest.mark.usefixtures("small_blocks")
def test_the_logging_policys_probabilities_stand_in_for_propensities(read, frames):
    want = read(given=("qhat", "behavior"))
    bare = read({"log": frames["log"].drop(columns="propensity")}, given=("qhat", "behavior"))
    same(bare, want, tolerance=1e-5)
    assert bare.propensities == "logged"


def test_a_large_log_is_fitted_on_a_sample(read, frames, monkeypatch):
    seen = []

    def fitted(log, features, fold, settings, seed, make):
        seen.append((len(log.action), features.shape, fold.shape))
        return Zeros()

    class Zeros:
        def predict(self, features, fold):
            return np.zeros((len(features), 6))

    monkeypatch.setattr("promopilot.experiments.ope.bandit.nuisances.fit_rewards", fitted)
    read(given=(), settings=OpeSettings(model_rows=100, folds=5))
    ((count, features, fold),) = seen
    assert 90 < count < 165  # 125 on average: four folds of five are 100
    assert features == (count, 3)
    assert fold == (count,)


def test_few_clusters_in_one_fold_are_split_by_decision(read, frames, monkeypatch):
    seen = []

    def fitted(log, features, fold, settings, seed, make):
        seen.append(fold)
        raise LogError("enough")

    monkeypatch.setattr("promopilot.experiments.ope.bandit.nuisances.fit_rewards", fitted)
    for clusters in (1, 40):
        names = [f"c{int(name) % clusters}" for name in frames["log"].decision_id]
        with pytest.raises(LogError, match="enough"):
            read({"log": frames["log"].assign(cluster_id=names)}, given=())
    alone, shared = (len(np.unique(fold)) for fold in seen)
    assert alone == shared == 5
    # Sorted by decision id, as the log is.
    order = frames["log"].decision_id.sort_values().astype(int).to_numpy()
    by_cluster = pd.Series(seen[1]).groupby(order % 40).nunique()
    assert (by_cluster == 1).all()


def test_clusters_times_and_categories_come_along(tmp_path, frames):
    log = frames["log"].assign(
        cluster_id=[f"user {int(name) % 9}" for name in frames["log"].decision_id],
        timestamp="2024-03-01T12:00:00",
        category="red",
    )
    log.loc[3, "timestamp"] = ""
    log.to_csv(tmp_path / "log.csv", index=False)
    with open_database(200) as database:
        source = open_log(database, tmp_path / "log.csv")
        (block,) = source.blocks(1000)
    assert len(np.unique(block.log.cluster)) == 9
    names = pd.Series(block.unit).groupby(block.log.cluster).nunique()
    assert (names == 1).all()
    assert set(block.category) == {"red"}
    assert np.isnat(block.timestamp).sum() == 1
    assert np.nanmax(block.timestamp) == np.datetime64("2024-03-01T12:00:00")


FEATURES = [
    (["1", "2.5", ""], [1.0, 2.5, np.nan]),
    (["pear", "apple", "pear"], [1.0, 0.0, 1.0]),
    (["NA", "b", "a"], [np.nan, 1.0, 0.0]),
    (["7", "x", "7"], [0.0, 1.0, 0.0]),
    ([" 7", "n/a", "8 "], [7.0, np.nan, 8.0]),
    (["", "", ""], [np.nan] * 3),
]


@pytest.mark.parametrize(("cells", "want"), FEATURES)
def test_features_are_numbers_or_ranks_of_words(tmp_path, cells, want):
    frame = pd.DataFrame(
        {"decision_id": list("abc"), "action": list("xyx"), "reward": 1, "propensity": 0.5}
    )
    frame.assign(x_0=cells).to_csv(tmp_path / "log.csv", index=False)
    np.testing.assert_array_equal(read_log(tmp_path / "log.csv").features[:, 0], want)


def test_ids_are_text_but_whole_numbers_have_no_decimal_point(tmp_path):
    frame = pd.DataFrame(
        {"decision_id": ["7", "007", "70"], "action": list("xyx"), "reward": 1, "propensity": 0.5}
    )
    frame.to_csv(tmp_path / "log.csv", index=False)
    assert read_log(tmp_path / "log.csv").decision.tolist() == ["007", "7", "70"]
    frame.assign(decision_id=[7.0, 8.0, 70.0]).to_parquet(tmp_path / "log.parquet")
    assert read_log(tmp_path / "log.parquet").decision.tolist() == ["7", "70", "8"]
    frame.assign(decision_id=[7.5, 8.0, 70.0]).to_parquet(tmp_path / "half.parquet")
    assert read_log(tmp_path / "half.parquet").decision.tolist() == ["7.5", "70.0", "8.0"]


def test_quotes_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    content = '\ufeffdecision_id,action,reward,propensity\r\n"a,1","x\ny",1,0.5\r\nb,"q""q",0,0.5\n'
    (tmp_path / "log.csv").write_bytes(content.encode())
    found = read_log(tmp_path / "log.csv")
    assert found.decision.tolist() == ["a,1", "b"]
    assert found.log.actions == ('q"q', "x\ny")


BEHAVIOR = [
    (lambda f: f.assign(probability=1 / 6), "behavior.csv, decision '0', action '1': probability"),
    (lambda f: f.iloc[6:], "behavior.csv has no row for decision '0'"),
    (lambda f: f.assign(probability=0.5), "decision '0': probabilities sum to 3"),
]


@pytest.mark.parametrize(("change", "message"), BEHAVIOR)
def test_a_logging_policy_that_contradicts_the_log_is_refused(read, frames, change, message):
    with pytest.raises(LogError, match=message):
        read({"behavior": change(frames["behavior"])}, given=("qhat", "behavior"))


@pytest.mark.usefixtures("small_blocks")
def test_a_fault_far_down_a_file_has_its_row(read, frames):
    spoilt = frames["policy"].copy()
    spoilt.loc[2000, "action"] = spoilt.loc[1999, "action"]
    with pytest.raises(
        LogError, match=r"policy.csv, row 2002: decision '333', .* stands there twice"
    ):
        read({"policy": spoilt})
    short = frames["qhat"].drop(index=2000)
    with pytest.raises(LogError, match="no estimate for decision '333', action '2'"):
        read({"qhat": short})


def test_more_than_memory_holds_goes_to_scratch_files(tmp_path, monkeypatch):
    """Two hundred thousand decisions of ten actions under a limit that their tables exceed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    count, actions = 200_000, 10
    ids = np.arange(count)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"decision_id": ids, "action": rng.integers(actions, size=count)})
    frame.assign(reward=1.0, propensity=0.1).to_parquet(tmp_path / "log.parquet")
    table = pd.DataFrame(
        {"decision_id": np.tile(ids, actions), "action": np.repeat(np.arange(actions), count)}
    )
    table.assign(probability=0.1).to_parquet(tmp_path / "policy.parquet")
    inputs = Inputs(tmp_path / "log.parquet", str(tmp_path / "policy.parquet"))
    case = read_case(inputs, OpeSettings(reading_mb=100, model_rows=1000), 0)
    np.testing.assert_allclose(case.rows.weight, 1.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.parquet", "policy.parquet"]


def test_reference_values_are_met_by_blocks(read, small_blocks):
    want = json.loads((BANDIT_A / "expected.json").read_text())["estimators"]
    case = read()
    for name, family in case.kind.families.items():
        if name in want and family.grid is None:
            assert family.make().estimate(case.rows) == pytest.approx(want[name]["value"], abs=1e-9)


def test_a_path_may_hold_what_sql_takes_for_patterns(tmp_path, frames):
    folder = tmp_path / "run [1] *'s"
    folder.mkdir()
    frames["log"].to_parquet(folder / "log?.parquet")
    assert len(read_log(folder / "log?.parquet").decision) == 400


def test_times_with_a_zone_are_read_in_utc(tmp_path, frames, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    noon = pd.Timestamp("2024-03-01 12:00", tz="Asia/Tokyo")
    frames["log"].assign(timestamp=noon).to_parquet(tmp_path / "log.parquet")
    with open_database(200) as database:
        (block,) = open_log(database, tmp_path / "log.parquet").blocks(1000)
    assert (block.timestamp == np.datetime64("2024-03-01T03:00:00")).all()


def test_times_written_with_a_zone_are_read_in_utc(tmp_path, frames):
    log = frames["log"].assign(timestamp="2024-03-01T12:00:00+09:00")
    log.loc[:1, "timestamp"] = ["2024-03-01 03:00Z", "2024-03-01T03:00:00.000"]
    log.to_csv(tmp_path / "log.csv", index=False)
    with open_database(200) as database:
        (block,) = open_log(database, tmp_path / "log.csv").blocks(1000)
    assert (block.timestamp == np.datetime64("2024-03-01T03:00:00")).all()


TYPES = [
    (lambda f: f.assign(reward=f["reward"].astype(bool)), "", ""),
    (lambda f: f.assign(reward=f["reward"].astype(str)), "", ""),
    (lambda f: f.assign(reward=f["reward"].astype("float32")), "", ""),
    (lambda f: f.assign(action=f["action"].astype("category")), "", ""),
    (lambda f: f.assign(reward=pd.Timestamp("2024-03-01")), "row 2: reward is '2024-03-01", ""),
    (lambda f: f.assign(file_row_number=1), "has a column 'file_row_number', a name that", ""),
    (lambda f: f.assign(x_time=pd.Timestamp("2024-03-01"), x_no=None), "", "x_no"),
]


@pytest.mark.parametrize(("change", "message", "empty"), TYPES)
def test_any_type_of_a_parquet_column_is_a_number_or_a_fault(
    tmp_path, frames, change, message, empty
):
    change(frames["log"]).to_parquet(tmp_path / "log.parquet")
    if message:
        with pytest.raises(LogError, match=message):
            read_log(tmp_path / "log.parquet")
        return
    found = read_log(tmp_path / "log.parquet")
    want = frames["log"].sort_values("decision_id")["reward"]
    assert found.log.reward.tolist() == want.tolist()
    assert np.isnan(found.features[:, -1]).all() == bool(empty)


def test_too_little_memory_is_told(tmp_path, frames):
    frames["log"].to_parquet(tmp_path / "log.parquet")
    with (
        pytest.raises(LogError, match=r"more than ope\.reading_mb = 1 MB of memory"),
        open_database(1) as database,
    ):
        list(open_log(database, tmp_path / "log.parquet").blocks(100))


def test_uniform_is_over_the_actions_logged_whatever_the_logging_policy_knows(read, frames):
    more = frames["behavior"].query("action == '0'").assign(action="new", probability=0.0)
    behavior = pd.concat([frames["behavior"], more])
    found = read({"behavior": behavior}, ("qhat", "behavior"), "uniform")
    assert found.choices.names == (*"012345", "new")
    assert found.choices.policy_share.tolist() == pytest.approx([1 / 6] * 6 + [0.0])
    np.testing.assert_allclose(found.rows.weight, read(policy="uniform").rows.weight, rtol=1e-12)
