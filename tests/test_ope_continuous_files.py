import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings

CONTINUOUS_A = Path(__file__).parent / "data" / "ope" / "continuous_A"
EXPECTED = json.loads((CONTINUOUS_A / "expected.json").read_text())["estimators"]
FAST = OpeSettings(replicates=100)


@pytest.fixture
def files(tmp_path):
    """The reference set as frames that a test may spoil, and a way to evaluate them."""
    frames = {
        name: pd.read_csv(CONTINUOUS_A / f"{name}.csv", dtype={"decision_id": str})
        for name in ("log", "policy")
    }
    frames["qhat"] = frames["policy"][["decision_id", "q"]]

    def evaluate(changed=None, policy="policy.csv", qhat=True, estimators=()):
        for name, frame in (frames | (changed or {})).items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        spec = str(tmp_path / policy) if policy.endswith(".csv") else policy
        inputs = Inputs(
            tmp_path / "log.csv",
            spec,
            tmp_path / "qhat.csv" if qhat else None,
            estimators=tuple(estimators),
        )
        return evaluate_files(inputs, tmp_path / "out", FAST, 0)

    evaluate.frames, evaluate.folder = frames, tmp_path
    return evaluate


def spoil(frame, row, column, value):
    """The frame with one cell changed; rows count from 0."""
    spoilt = frame.copy()
    spoilt[column] = spoilt[column].astype(object)
    spoilt.loc[row, column] = value
    return spoilt


def test_files_give_the_reference_values(files):
    specs = [
        f"{name}:kernel={kernel},bandwidth={bandwidth}"
        for name, kernel, bandwidth in (label.rsplit("_", 2) for label in EXPECTED)
    ]
    result = files(estimators=specs)
    assert [row["estimate"] for row in result["estimates"]] == pytest.approx(
        [one["value"] for one in EXPECTED.values()], rel=0, abs=1e-9
    )
    assert result["estimates"][0]["params"] == {"kernel": "gaussian", "bandwidth": 0.1}
    assert json.loads((files.folder / "out" / "ope.json").read_text()) == result


def test_a_bandwidth_is_chosen_and_the_evidence_is_that_of_the_estimate(files):
    result = files()
    assert (result["kind"], result["rows"]) == ("continuous", 500)
    rows = {row["estimator"]: row for row in result["estimates"]}
    assert list(rows) == ["kernel_ipw", "kernel_snipw", "kernel_dr"]
    for row in rows.values():
        assert row["params"]["kernel"] == "epanechnikov"
        assert 0.01 < row["params"]["bandwidth"] < 1.0
    assert rows["kernel_dr"]["ess"] == pytest.approx(result["diagnostics"]["ess"])


def test_the_order_of_the_rows_changes_nothing(files):
    shuffled = {
        name: frame.sample(frac=1.0, random_state=1) for name, frame in files.frames.items()
    }
    assert files(shuffled, qhat=False) == files(qhat=False)


def test_parquet_with_numbers_as_ids_reads_like_csv(files):
    want, folder = files(), files.folder
    for name, frame in files.frames.items():
        frame.astype({"decision_id": int}).to_parquet(folder / f"{name}.parquet")
    inputs = Inputs(folder / "log.parquet", str(folder / "policy.parquet"), folder / "qhat.parquet")
    assert evaluate_files(inputs, folder / "out2", FAST, 0) == want


def test_without_estimates_a_cross_fitted_model_is_used_and_named(files):
    assert files()["diagnostics"]["reward_model"] == "given"
    result = files(qhat=False)
    assert result["diagnostics"]["reward_model"] == "cross-fitted"
    assert result["diagnostics"]["reward_calibration"]


def test_policies_by_name(files):
    log = files.frames["log"]
    mean = log.reward.mean()
    for row in files(policy="logged", qhat=False)["estimates"]:
        assert row["estimate"] == pytest.approx(mean, abs=1e-12)
        assert row["diff_ci95"] == [0.0, 0.0]
    spec = "kernel_snipw:kernel=uniform,bandwidth=0.2"
    found = files(policy="always:0.5", qhat=False, estimators=[spec])["estimates"][0]
    near = (log.action - 0.5).abs() <= 0.2
    want = np.average(log.reward[near], weights=1 / log.propensity_density[near])
    assert found["estimate"] == pytest.approx(want, abs=1e-9)


def test_an_action_never_logged_is_a_verdict_not_an_error(files):
    result = files(policy="always:50", qhat=False)
    assert result["verdict"] == "insufficient_support"
    assert result["diagnostics"]["unsupported_actions"] == ["above 2.09483"]
    assert len(result["estimates"]) == 3


def test_clusters_evidence_and_other_decisions_are_read(files):
    log, policy = files.frames["log"], files.frames["policy"]
    marked = log.assign(
        cluster_id=[f"c{int(i) % 50}" for i in log.decision_id],
        evidence="simulated",
        timestamp="2026-01-01T10:00:00",
    )
    other = policy.head(3).assign(decision_id=["a", "b", "c"])
    result = files({"log": marked, "policy": pd.concat([other, policy])})
    assert (result["diagnostics"]["units"], result["evidence"]) == (50, "simulated")
    want = {row["estimator"]: row["estimate"] for row in files()["estimates"]}
    assert {row["estimator"] for row in result["estimates"]} == set(want)


FAULTS = [
    (
        "log",
        lambda f: f.rename(columns={"reward": "Reward "}),
        "log.csv: column 'Reward ' must be written 'reward'; as it stands",
    ),
    (
        "log",
        lambda f: f.assign(timestamp="2026-09-30").pipe(spoil, 41, "timestamp", "31.09.2026"),
        "log.csv, row 43 .*timestamp is '31.09.2026'; it must be an ISO date or time",
    ),
    (
        "policy",
        lambda f: f.replace({"decision_id": {"0": "X1"}}),
        "no row for decision '0'.* missing.; it has a decision 'X1', which log.csv has not.$",
    ),
    (
        "log",
        lambda f: spoil(f, 4, "propensity_density", 0),
        r"log.csv, row 6 \(decision 4\): propensity_density is 0; .*above 0, and finite",
    ),
    ("log", lambda f: spoil(f, 4, "propensity_density", -1), "propensity_density is -1; .*above 0"),
    ("log", lambda f: spoil(f, 4, "propensity_density", "inf"), "propensity_density is inf"),
    (
        "log",
        lambda f: spoil(f, 4, "propensity_density", None),
        "row 6: propensity_density is empty",
    ),
    (
        "log",
        lambda f: spoil(f, 7, "reward", None),
        "row 9: reward is empty; every row needs one",
    ),
    ("log", lambda f: spoil(f, 7, "reward", "one"), "row 9: reward is 'one'; it must be a number"),
    ("log", lambda f: spoil(f, 7, "action", None), "row 9: action is empty; every row needs"),
    ("log", lambda f: spoil(f, 7, "action", "high"), "action is 'high'; it must be a number"),
    ("log", lambda f: spoil(f, 3, "decision_id", "2"), "row 5: decision_id '2' stands there twice"),
    ("log", lambda f: spoil(f, 3, "decision_id", None), "row 5: decision_id is empty"),
    ("log", lambda f: f.assign(action=1.5), "shows one action only, 1.5, in all 500 decisions"),
    ("log", lambda f: f.assign(evidence="guess"), "row 2 .*evidence is 'guess'; it must be logged"),
    ("log", lambda f: f.head(0), "log.csv is empty: it needs at least one decision"),
    ("log", lambda f: f.drop(columns="reward"), "log.csv has no column 'reward'"),
    (
        "policy",
        lambda f: spoil(f, 1, "action", None),
        "policy.csv, row 3: action is empty; every row needs one",
    ),
    ("policy", lambda f: spoil(f, 1, "decision_id", "0"), "decision_id '0' stands there twice"),
    ("policy", lambda f: f.tail(-2), "no row for decision '0' of log.csv .2 of 500 decisions"),
    ("policy", lambda f: f.head(0), "policy.csv is empty: it needs a row for every decision"),
    ("policy", lambda f: f.drop(columns="action"), "policy.csv has no column 'action'"),
    ("qhat", lambda f: spoil(f, 2, "q", "x"), "qhat.csv, row 4: q is 'x'; it must be a number"),
    ("qhat", lambda f: spoil(f, 2, "q", None), "qhat.csv, row 4: q is empty; every row"),
    ("qhat", lambda f: spoil(f, 2, "q", 1e101), "row 4 .*q is 1e[+]101; .*of a size up to 1e100"),
    ("qhat", lambda f: f.tail(-1), "qhat.csv has no row for decision '0' of log.csv"),
]


@pytest.mark.parametrize(("name", "change", "message"), FAULTS)
def test_a_fault_is_one_error_with_its_place_and_nothing_is_written(files, name, change, message):
    with pytest.raises(LogError, match=message):
        files({name: change(files.frames[name])})
    assert not (files.folder / "out").exists()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("uniform", "'uniform': the actions of log.csv are numbers, and there is no even choice"),
        ("always:high", "'always:high': 'high' is not a number, as actions are here"),
        ("always:nan", "'always:nan': 'nan' is not a number"),
        ("loged", "'loged' is neither a file nor one of logged, always:<number>; did you mean log"),
        ("gone.csv", r"there is no file .*gone.csv"),
    ],
)
def test_policies_that_are_not_there(files, policy, message):
    with pytest.raises(LogError, match=message):
        files(policy=policy)


def test_columns_that_nothing_uses_are_told(files):
    log = files.frames["log"].assign(price=3, x_empty=None, s_0=1.0)
    result = files({"log": log})
    assert result["diagnostics"]["ignored_columns"] == ["price", "x_empty", "s_0"]
    assert files()["diagnostics"]["ignored_columns"] == []
