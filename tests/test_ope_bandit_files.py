"""Bandit estimators that need more than a log and a policy, from files to ope.json."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.command import evaluate_files
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings

BANDIT_A = Path(__file__).parent / "data" / "ope" / "bandit_A"
EXPECTED = json.loads((BANDIT_A / "expected.json").read_text())["estimators"]
TEXT = {"decision_id": str, "action": str, "category": str}


@pytest.fixture
def evaluate(tmp_path):
    def run(
        estimators=(), features=None, behavior=True, category=False, policy=None, propensity=True
    ):
        log = pd.read_csv(BANDIT_A / "log.csv", dtype=TEXT)
        if not propensity:
            log = log.drop(columns="propensity")
        if category:
            told = pd.read_csv(BANDIT_A / "embedding_log.csv", dtype=TEXT)
            log = log.merge(told, on="decision_id")
        log.to_csv(tmp_path / "log.csv", index=False)
        path = tmp_path / "features.csv"
        if features is not None:
            features.to_csv(path, index=False)
        return evaluate_files(
            Inputs(
                tmp_path / "log.csv",
                policy or str(BANDIT_A / "policy.csv"),
                BANDIT_A / "qhat.csv",
                action_features=None if features is None else path,
                behavior=BANDIT_A / "behavior.csv" if behavior and propensity else None,
                estimators=tuple(estimators),
            ),
            tmp_path / "out",
            OpeSettings(replicates=100),
            0,
        )

    return run


def embedded(columns):
    frame = pd.read_csv(BANDIT_A / "action_embedding.csv", dtype=TEXT)
    names = {f"embed_{at}": f"a_embed_{at}" for at in columns}
    return frame[["action", *names]].rename(columns=names)


def drawn():
    return pd.read_csv(BANDIT_A / "embedding_prob.csv", dtype=TEXT)


def by_name(result):
    return {row["estimator"]: row for row in result["estimates"]}


@pytest.mark.parametrize(
    ("fixture", "columns"), [("e0", [0]), ("e0e1_joint", [0, 1]), ("stochastic", None)]
)
def test_categories_from_files_give_the_reference_values(evaluate, fixture, columns):
    features = drawn() if columns is None else embedded(columns)
    found = by_name(evaluate(["mipw", "snmipw"], features, category=columns is None))
    for name in ("mipw", "snmipw"):
        want = EXPECTED[f"{name}_{fixture}"]
        assert found[name]["estimate"] == pytest.approx(want["value"], rel=0, abs=1e-9)
        assert found[name]["max_weight"] == pytest.approx(want["max_weight"], abs=1e-9)


def test_with_features_at_hand_the_estimators_that_use_them_are_reported_unasked(evaluate):
    assert [*by_name(evaluate(features=embedded([0])))] == [
        *("dm", "ipw", "snipw", "dr", "sndr"),
        *("mipw", "snmipw"),
    ]


def test_the_logged_policy_is_worth_its_mean_by_category_too(evaluate):
    result = evaluate(["mipw", "snmipw", "balanced_ipw"], embedded([0]), policy="logged")
    for row in result["estimates"]:
        assert row["estimate"] == pytest.approx(result["logged_value"], abs=1e-12)


def test_without_the_logging_policy_s_probabilities_they_are_estimated(evaluate):
    given = evaluate(["snmipw"], embedded([0]))
    made = evaluate(["snmipw"], embedded([0]), behavior=False)
    assert "rest on a model of that" in made["diagnostics"]["notes"][-1]
    assert len(given["diagnostics"]["notes"]) == len(made["diagnostics"]["notes"]) - 1
    exact, found = by_name(given)["snmipw"], by_name(made)["snmipw"]
    assert found["estimate"] != exact["estimate"]
    low, high = exact["ci95"]
    assert low < found["estimate"] < high


def test_weights_told_by_a_classifier_are_fitted_when_asked_for(evaluate):
    found = by_name(evaluate(["balanced_ipw", "snipw"]))
    low, high = found["snipw"]["ci95"]
    assert low < found["balanced_ipw"]["estimate"] < high
    assert found["balanced_ipw"]["ess"] > 1.0
    assert found == by_name(evaluate(["balanced_ipw", "snipw"]))


def test_a_classifier_s_weights_need_no_propensities(evaluate):
    with_them = by_name(evaluate(["balanced_ipw"]))["balanced_ipw"]
    without = by_name(evaluate(["balanced_ipw"], propensity=False))["balanced_ipw"]
    assert without["estimate"] == with_them["estimate"]


@pytest.mark.parametrize("name", ["ipw_clip", "switch_dr", "dros", "sg_ipw", "sg_dr"])
def test_what_was_chosen_and_by_what_is_told(evaluate, name):
    row = evaluate([name])["estimates"][0]
    assert list(row["params"]) == ["lambda"]
    assert row["tuned_by"] in ("estimated mean squared error", "SLOPE")
    assert 1 < row["candidates"] <= 15
    fixed = evaluate([f"{name}:lambda={row['params']['lambda']!r}"])["estimates"][0]
    assert fixed["estimate"] == row["estimate"]
    assert "tuned_by" not in fixed


@pytest.mark.parametrize(
    ("spec", "plain"),
    [
        ("ipw_clip:lambda=1", "snipw"),
        ("sg_ipw:lambda=1", "snipw"),
        *((f"{name}:lambda=0", "dr") for name in ("switch_dr", "dros")),
        ("sg_dr:lambda=1", "dr"),
    ],
)
def test_a_shrunk_estimate_is_not_surer_than_the_one_it_shrinks(evaluate, spec, plain):
    shrunk, whole = evaluate([spec, plain])["estimates"][:2]
    for interval, value in (("ci95", "estimate"), ("diff_ci95", "diff_vs_logged")):
        low, high = whole[interval]
        assert shrunk[interval] == [min(low, shrunk[value]), max(high, shrunk[value])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"estimators": ["snmipw"]}, "estimator snmipw needs to know .*--action-features FILE"),
        ({"estimators": ["mipw"], "features": drawn()}, "the log then needs a column 'category'"),
        ({"estimators": ["mipw"], "features": drawn().head(4)}, "has no row for action '1'"),
        ({"features": drawn().assign(probability=0.3), "category": True}, "sum to 1.2"),
    ],
)
def test_what_is_missing_is_one_error_and_nothing_is_written(
    evaluate, tmp_path, arguments, message
):
    with pytest.raises(LogError, match=message):
        evaluate(**arguments)
    assert not (tmp_path / "out").exists()


def test_a_log_read_in_blocks_gives_the_same_weights(evaluate, monkeypatch):
    asked = ["snmipw", "balanced_ipw"]
    whole = by_name(evaluate(asked, embedded([0])))
    monkeypatch.setattr("promopilot.experiments.ope.bandit.files._CELLS", 6 * 70)
    parts = by_name(evaluate(asked, embedded([0])))
    for name in asked:
        assert parts[name]["estimate"] == pytest.approx(whole[name]["estimate"], abs=1e-12)
        assert np.array(parts[name]["ci95"]) == pytest.approx(whole[name]["ci95"], abs=1e-9)
