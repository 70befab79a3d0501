from dataclasses import replace

import numpy as np
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.bandit.evaluate import evaluate_log
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import Diagnostics
from promopilot.experiments.ope.trust.verdict import Gain, judge

GOOD = Diagnostics(
    units=1000,
    ess=400.0,
    ess_share=0.4,
    max_weight=4.0,
    max_weight_share=0.004,
    tail_mass=0.03,
    mean_weight=1.0,
    mean_weight_z=0.1,
    unsupported_share=0.0,
    unsupported_actions=(),
)
CLEAR = Gain(estimate=0.2, low=0.1, high=0.3, second=0.19)


def case(evidence):
    log = make_log(evidence=evidence, count=4)
    return bandit_case(log, "logged", np.zeros((4, 2)))


JARGON = ("ESS", "propensit", "bootstrap", "estimator", "IPW", "DR", "policy gradient", "nan")


@pytest.mark.parametrize(
    ("evidence", "change", "gain", "verdict", "word"),
    [
        ("logged", {}, CLEAR, "ship", "at least 0.1"),
        ("simulated", {}, CLEAR, "test_first", "simulated market"),
        ("logged", {"ess_share": 0.05}, CLEAR, "test_first", "5.0%"),
        ("logged", {"max_weight_share": 0.2}, CLEAR, "test_first", "One logged decision"),
        ("logged", {"mean_weight": 0.6, "mean_weight_z": -5.0}, CLEAR, "test_first", "average 0.6"),
        ("logged", {"unsupported_share": 0.02}, CLEAR, "test_first", "never shows"),
        ("logged", {}, Gain(0.1, -0.1, 0.3, 0.1), "test_first", "may be nothing"),
        ("logged", {}, Gain(0.0, 0.0, 0.0, 0.0), "test_first", "may be nothing"),
        ("logged", {}, Gain(-0.2, -0.3, -0.1, -0.2), "test_first", "worse"),
        ("logged", {}, Gain(0.2, 0.1, 0.3, -0.1), "test_first", "disagree"),
        ("logged", {"ess": 20.0}, CLEAR, "insufficient_support", "20.0 decisions"),
        ("logged", {"ess_share": 0.001}, CLEAR, "insufficient_support", "0.1% of the log"),
        ("logged", {"units": 5}, CLEAR, "insufficient_support", "5 independent units"),
        ("simulated", {"unsupported_share": 0.3}, CLEAR, "insufficient_support", "never shows"),
    ],
)
def test_rules(evidence, change, gain, verdict, word):
    given = judge(case(evidence), replace(GOOD, **change), gain, OpeSettings())
    assert given.name == verdict
    assert word in " ".join(given.reasons)
    assert not [term for term in JARGON if term in " ".join(given.reasons)]


def test_thresholds_are_the_settings():
    strict = OpeSettings(ship_ess_share=0.5)
    assert judge(case("logged"), GOOD, CLEAR, strict).name == "test_first"


def test_the_names_of_missing_actions_are_listed_up_to_five():
    names = tuple("abcdefg")
    seen = replace(GOOD, unsupported_share=0.5, unsupported_actions=names)
    reason = judge(case("logged"), seen, CLEAR, OpeSettings()).reasons[0]
    assert "a, b, c, d, e and 2 more" in reason


def make_log(count=2000, evidence="logged", actions=("a", "b"), effect=1.0, seed=0):
    rng = np.random.default_rng(seed)
    action = rng.integers(2, size=count)
    return BanditLog(
        action=action,
        reward=rng.normal(size=count) + effect * action,
        propensity=np.full(count, 0.5),
        cluster=np.arange(count),
        evidence=evidence,
        actions=actions,
    )


def always(log, action):
    policy = np.zeros((len(log.action), len(log.actions)))
    policy[:, action] = 1.0
    return policy


@pytest.mark.parametrize(("evidence", "verdict"), [("logged", "ship"), ("simulated", "test_first")])
def test_a_clear_gain_ships_on_logged_evidence_only(evidence, verdict):
    log = make_log(evidence=evidence)
    result = evaluate_log(log, always(log, 1), np.zeros((2000, 2)), OpeSettings(), 0)
    assert result["verdict"] == verdict
    assert result["evidence"] == evidence


def test_the_logged_policy_gains_nothing_and_does_not_ship():
    log = make_log()
    qhat = np.random.default_rng(1).normal(size=(2000, 2))
    result = evaluate_log(log, "logged", qhat, OpeSettings(), 0)
    dr = next(row for row in result["estimates"] if row["estimator"] == "dr")
    assert dr["diff_vs_logged"] == 0.0
    assert dr["diff_ci95"] == [0.0, 0.0]
    assert result["verdict"] == "test_first"


def test_no_overlap_is_a_verdict_with_the_estimates_still_there():
    log = make_log(actions=("a", "b", "c"))
    result = evaluate_log(log, always(log, 2), np.ones((2000, 3)), OpeSettings(), 0)
    assert result["verdict"] == "insufficient_support"
    rows = {row["estimator"]: row for row in result["estimates"]}
    assert rows["ipw"]["estimate"] == 0.0
    assert rows["dr"]["estimate"] == pytest.approx(1.0)
    assert rows["snipw"]["estimate"] is None
    assert rows["snipw"]["ci95"] == [None, None]
    assert rows["dr"]["ess"] == 0.0


def test_one_cluster_gives_no_interval_and_no_support():
    log = replace(make_log(), cluster=np.zeros(2000, dtype=int))
    result = evaluate_log(log, always(log, 1), np.zeros((2000, 2)), OpeSettings(), 0)
    assert result["verdict"] == "insufficient_support"
    assert all(row["ci95"] == [None, None] for row in result["estimates"])


def test_the_verdict_does_not_depend_on_which_estimators_are_shown():
    log = make_log()
    shown = evaluate_log(log, always(log, 1), np.zeros((2000, 2)), OpeSettings(), 0, ["dm"])
    assert [row["estimator"] for row in shown["estimates"]] == ["dm"]
    assert shown["verdict"] == "ship"


def test_equal_policies_seldom_ship():
    shipped = 0
    for seed in range(200):
        log = make_log(count=400, effect=0.0, seed=seed)
        settings = OpeSettings(replicates=200)
        result = evaluate_log(log, always(log, 1), np.zeros((400, 2)), settings, seed)
        shipped += result["verdict"] == "ship"
    assert shipped <= 10


@pytest.mark.parametrize(
    ("change", "policy", "message"),
    [
        ({"reward": np.full(2000, np.inf)}, None, "row 1: reward is inf; it must be a finite"),
        ({"propensity": np.zeros(2000)}, None, "row 1: propensity is 0; the probability"),
        ({"action": np.zeros(2000, dtype=int)}, None, "shows one action only, 'a', in all 2000"),
        ({"action": np.full(2000, 9)}, None, "action is 9; no such action is named"),
        ({"evidence": "dreamt"}, None, "evidence is 'dreamt'; it must be logged or simulated"),
        ({"reward": np.zeros(3)}, None, "2000 actions but 3 values of reward"),
        ({}, np.full((2000, 2), 0.6), "decision 1: probabilities sum to 1.2; they must sum to 1"),
        ({}, np.tile([1.5, -0.5], (2000, 1)), "action 'a': probability is 1.5; it must be from 0"),
        ({}, np.full((2000, 2), np.nan), "nan is not a finite number"),
        ({}, np.full((2000, 3), 1 / 3), r"shape \(2000, 3\); the log needs \(2000, 2\)"),
        ({}, "uniform", "policy is 'uniform'; give probabilities, or the name logged"),
    ],
)
def test_arrays_at_fault(change, policy, message):
    log = replace(make_log(), **change)
    policy = np.full((2000, 2), 0.5) if policy is None else policy
    with pytest.raises(LogError, match=message):
        evaluate_log(log, policy, np.zeros((2000, 2)), OpeSettings(), 0)


def test_an_empty_log_is_refused():
    none = np.empty(0)
    log = BanditLog(none.astype(int), none, none, none.astype(int), "logged", ("a", "b"))
    with pytest.raises(LogError, match="the log is empty"):
        evaluate_log(log, np.empty((0, 2)), np.empty((0, 2)), OpeSettings(), 0)
