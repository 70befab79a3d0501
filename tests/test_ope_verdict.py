import re
from dataclasses import replace

import numpy as np
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.bandit.evaluate import evaluate_log
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.agreement import Agreement
from promopilot.experiments.ope.trust.calibration import PropensityCalibration, RewardCalibration
from promopilot.experiments.ope.trust.clipping import Clipped
from promopilot.experiments.ope.trust.diagnostics import Diagnostics
from promopilot.experiments.ope.trust.rules import DOUBTS, LACKING, Facts, Gain
from promopilot.experiments.ope.trust.scrutiny import Scrutiny
from promopilot.experiments.ope.trust.verdict import judge, outlook

NAN = float("nan")
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
    pareto_k=0.2,
    pareto_sample=1000,
)
CLEAR = Gain(estimate=0.2, low=0.1, high=0.3, second=0.19)
EVEN = Scrutiny(Agreement("dr", "snipw", 0.01, 0.02, 0.5))
FACTS = Facts("decision", "logged", "logged", (), GOOD, EVEN, CLEAR)


def propensities(chance, gap):
    return replace(EVEN, propensities=PropensityCalibration([], "blue", gap, chance))


def cut(gain, share=0.01):
    clipped = Clipped(cap=3.0, estimate=1.0, low=0.9, high=1.1, clip_share=share, gain=gain)
    uncut = replace(clipped, cap=4.0, clip_share=0.0, gain=0.2)
    return replace(EVEN, clipped=(clipped, uncut))


REWARDS_OFF = replace(EVEN, rewards=RewardCalibration([], 5, 1e-9))
JARGON = re.compile(
    r"\b(ESS|propensit\w*|bootstrap|estimators?|IPW|SNIPW|DR|policy gradient|nan|Pareto|tail|"
    r"variance|standard error|standard deviation|p-value|significan\w*|confidence interval|null|"
    r"power|calibrat\w*|cluster-robust|importance|off-policy|heteros\w*)\b"
)


@pytest.mark.parametrize(
    ("change", "verdict", "rule", "word"),
    [
        ({}, "ship", None, "at least 0.1"),
        ({"evidence": "simulated"}, "test_first", "simulated", "simulated market"),
        (
            {"propensities": "estimated"},
            "test_first",
            "estimated_propensities",
            "how likely each choice was",
        ),
        ({"checks": ("It learnt nothing.",)}, "test_first", "failed_check", "It learnt nothing."),
        ({"seen": {"ess_share": 0.05}}, "test_first", "thin_evidence", "5.0%"),
        ({"seen": {"units": 40}}, "test_first", "few_units", "40 independent groups"),
        (
            {"seen": {"max_weight_share": 0.2}},
            "test_first",
            "one_dominates",
            "One logged decision",
        ),
        ({"seen": {"pareto_k": 0.69}}, "test_first", "heavy_tail", "count for very much"),
        ({"seen": {"pareto_k": 0.69, "pareto_sample": 10**6}}, "ship", None, "no single"),
        (
            {"seen": {"mean_weight": 1.6, "mean_weight_z": 5.0}},
            "test_first",
            "mean_weight",
            "average 1.6",
        ),
        ({"seen": {"mean_weight": 0.999, "mean_weight_z": -5.0}}, "ship", None, "no single"),
        (
            {"seen": {"unsupported_share": 0.02}},
            "test_first",
            "some_unsupported",
            "never shows; at most 1%",
        ),
        ({"scrutiny": propensities(1e-6, 0.1)}, "test_first", "propensities_off", "blue"),
        ({"scrutiny": propensities(1e-6, 0.001)}, "ship", None, "no single"),
        ({"scrutiny": propensities(0.2, 0.1)}, "ship", None, "no single"),
        ({"scrutiny": REWARDS_OFF}, "ship", None, "no single"),
        (
            {"scrutiny": REWARDS_OFF, "propensities": "estimated"},
            "test_first",
            "rewards_off",
            "expected rewards differ",
        ),
        ({"gain": Gain(0.1, -0.1, 0.3, 0.1)}, "test_first", "no_gain", "may be nothing"),
        ({"gain": Gain(0.0, 0.0, 0.0, 0.0)}, "test_first", "no_gain", "may be nothing"),
        (
            {"gain": Gain(0.0, 0.0, 0.0, 0.0), "seen": {"max_weight": 1.0}},
            "test_first",
            "no_gain",
            "does what was done",
        ),
        ({"gain": Gain(-0.2, -0.3, -0.1, -0.2)}, "test_first", "no_gain", "worse"),
        ({"gain": Gain(0.1, NAN, NAN, 0.1)}, "test_first", "no_gain", "cannot be told"),
        (
            {"scrutiny": Scrutiny(Agreement("dr", "snipw", 0.15, 0.03, 5.0))},
            "test_first",
            "disagreement",
            "disagree",
        ),
        ({"scrutiny": Scrutiny(Agreement("dr", "snipw", 0.05, 0.01, 5.0))}, "ship", None, "gain"),
        ({"scrutiny": Scrutiny(Agreement("dr", "snipw", NAN, NAN, NAN))}, "ship", None, "gain"),
        ({"scrutiny": cut(-0.02)}, "test_first", "hangs_on_heaviest", "gain is -0.02"),
        ({"scrutiny": cut(0.02)}, "ship", None, "gain"),
        ({"scrutiny": cut(-0.02, share=0.2)}, "ship", None, "gain"),
        ({"seen": {"ess": 20.0}}, "insufficient_support", "little_evidence", "20.0 decisions"),
        (
            {"seen": {"ess_share": 0.001}},
            "insufficient_support",
            "little_evidence",
            "0.1% of the log",
        ),
        (
            {"seen": {"ess": 5.1, "ess_share": 0.856}},
            "insufficient_support",
            "little_evidence",
            "The log is too short",
        ),
        (
            {"seen": {"mean_weight": 0.0, "mean_weight_z": -30.0}},
            "insufficient_support",
            "unseen_weight",
            "No logged decision does what the policy would do",
        ),
        (
            {"seen": {"told_ess": 4.2}},
            "insufficient_support",
            "few_rewarded",
            "4.2 decisions' worth",
        ),
        (
            {"seen": {"units": 5}},
            "insufficient_support",
            "very_few_units",
            "5 independent groups",
        ),
        (
            {"seen": {"mean_weight": 0.6, "mean_weight_z": -5.0}},
            "insufficient_support",
            "unseen_weight",
            "average 0.6",
        ),
        ({"seen": {"mean_weight": 0.95, "mean_weight_z": -2.5}}, "ship", None, "gain"),
        ({"seen": {"pareto_k": 1.1}}, "insufficient_support", "boundless_tail", "longer log"),
        (
            {"evidence": "simulated", "seen": {"unsupported_share": 0.3}},
            "insufficient_support",
            "unsupported",
            "never shows",
        ),
    ],
)
def test_rules(change, verdict, rule, word):
    seen = replace(GOOD, **change.get("seen", {}))
    given = judge(replace(FACTS, **(change | {"seen": seen})), OpeSettings())
    assert given.name == verdict
    assert word in " ".join(given.reasons)
    assert not JARGON.findall(" ".join(given.reasons))
    assert len(given.reasons) == (len(given.rules) or 2)
    if rule:
        assert rule in given.rules


def test_the_table_above_shows_every_rule():
    names = [rule.name for rule in (*LACKING, *DOUBTS)]
    [table] = [mark for mark in test_rules.pytestmark if mark.name == "parametrize"]
    assert {row[2] for row in table.args[1]} - {None} == set(names)
    assert len(names) == len(set(names))


def test_a_unit_is_called_by_its_name():
    given = judge(replace(FACTS, unit="episode"), OpeSettings())
    assert "per episode" in given.reasons[0]
    assert "decision" not in " ".join(given.reasons)


def test_thresholds_are_the_settings():
    assert judge(FACTS, OpeSettings(ship_ess_share=0.5)).name == "test_first"


def test_the_names_of_missing_actions_are_listed_up_to_five():
    names = tuple("abcdefg")
    seen = replace(GOOD, unsupported_share=0.5, unsupported_actions=names)
    reason = judge(replace(FACTS, seen=seen), OpeSettings()).reasons[0]
    assert "a, b, c, d, e and 2 more" in reason


def test_what_whoever_made_the_case_doubts_keeps_it_from_shipping():
    log = make_log()
    made = bandit_case(log, always(log, 1), np.zeros((2000, 2)))
    doubted = replace(made, checks=("The model learnt nothing.",), extra={"rounds": (1, np.nan)})
    requests = parse_requests([], made.kind)
    result = evaluate(doubted, requests, OpeSettings(), 0)
    assert evaluate(made, requests, OpeSettings(), 0)["verdict"] == "ship"
    assert result["verdict"] == "test_first"
    assert "The model learnt nothing." in result["reasons"]
    assert result["diagnostics"]["rounds"] == [1, None]


def test_estimated_propensities_never_ship():
    log = make_log()
    made = bandit_case(log, always(log, 1), np.zeros((2000, 2)), propensities="estimated")
    result = evaluate(made, parse_requests([], made.kind), OpeSettings(), 0)
    assert result["verdict"] == "test_first"
    assert {"estimated_propensities", "rewards_off"} == set(result["rules"])  # nothing is expected


def test_wrong_probabilities_are_noticed():
    """Logged as even, while `a` was taken three times as often."""
    rng = np.random.default_rng(0)
    log = replace(make_log(), action=(rng.random(2000) < 0.25).astype(int))
    for action, verdict, rules in (
        (0, "test_first", {"mean_weight", "propensities_off"}),
        (1, "insufficient_support", {"unseen_weight"}),
    ):
        result = evaluate_log(log, always(log, action), np.zeros((2000, 2)), OpeSettings(), 0)
        assert result["verdict"] == verdict
        assert rules <= set(result["rules"])


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
    assert [row["estimator"] for row in shown["estimates"]] == ["dm", "dr"]
    assert [row.get("decides") for row in shown["estimates"]] == [None, True]
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
        ({"reward": np.zeros(3)}, None, "2000 rows but 3 values of reward"),
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


def test_a_gain_points_where_its_range_lies():
    for gain, change, want in (
        (CLEAR, {}, "better"),
        (Gain(-0.2, -0.3, -0.1, -0.2), {}, "worse"),
        (Gain(0.1, -0.1, 0.3, 0.1), {}, "unclear"),
        (Gain(0.1, NAN, NAN, 0.1), {}, "unclear"),
        (Gain(0.0, 0.0, 0.0, 0.0), {"max_weight": 1.0}, "same"),
        (CLEAR, {"ess": 20.0}, "unclear"),
    ):
        facts = replace(FACTS, gain=gain, seen=replace(GOOD, **change))
        assert outlook(facts, judge(facts, OpeSettings())) == want


def test_what_looks_worse_is_said_first():
    facts = replace(FACTS, gain=Gain(-0.2, -0.3, -0.1, -0.2), evidence="simulated")
    given = judge(facts, OpeSettings())
    assert given.rules == ("no_gain", "simulated")
    assert "looks worse than what was done; do not switch" in given.reasons[0]


def test_rows_tell_which_of_them_decides_and_whose_interval_they_take():
    log = make_log()
    settings = OpeSettings(confidence=0.8, replicates=100)
    asked = ["ipw_clip:lambda=0.5", "dr", "sndr"]
    result = evaluate_log(log, always(log, 1), np.zeros((2000, 2)), settings, 0, asked)
    rows = {row["estimator"]: row for row in result["estimates"]}
    assert list(rows) == ["ipw_clip", "dr", "sndr"]
    assert {name for name, row in rows.items() if "decides" in row} == {"dr"}
    assert rows["ipw_clip"]["interval_from"] == "snipw"
    assert "interval_from" not in rows["dr"]
    assert (result["confidence"], result["outlook"]) == (0.8, "better")
