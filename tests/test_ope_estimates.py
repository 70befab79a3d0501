"""Intervals where a log says little, and what rounding and size must not do."""

import numpy as np
import pytest

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.bandit.evaluate import evaluate_log
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.slate.probabilities import differs
from promopilot.experiments.ope.trust.pareto import pareto_k

QUICK = OpeSettings(replicates=200)


def log_of(action, reward, actions=4):
    count = len(action)
    return BanditLog(
        action=np.asarray(action),
        reward=np.asarray(reward, dtype=float),
        propensity=np.full(count, 1.0 / actions),
        cluster=np.arange(count),
        evidence="logged",
        actions=tuple("abcdefgh"[:actions]),
    )


def always(log, action):
    policy = np.zeros((len(log.action), len(log.actions)))
    policy[:, action] = 1.0
    return policy


def row(result, name):
    return next(one for one in result["estimates"] if one["estimator"] == name)


def test_rounding_of_probabilities_is_no_gain():
    rng = np.random.default_rng(0)
    log = log_of(rng.integers(4, size=4000), 100.0 + rng.normal(size=4000))
    exact, written = np.full((4000, 4), 0.25), np.tile([0.25009, 0.25, 0.25, 0.25], (4000, 1))
    first, second = (
        row(evaluate_log(log, policy, np.full((4000, 4), 100.0), QUICK, 0), "dr")
        for policy in (exact, written)
    )
    assert second["diff_vs_logged"] == pytest.approx(first["diff_vs_logged"], abs=1e-3)


@pytest.mark.parametrize("action", [0, 3])
def test_rewards_too_large_to_be_squared_are_refused(action):
    log = log_of([0, 1, 2, 3] * 25, np.where(np.arange(100) == 7, 1e200, 1.0))
    with pytest.raises(LogError, match=r"row 8: reward is 1e\+200; it must be a finite number, of"):
        bandit_case(log, always(log, action), np.zeros((100, 4)))


def test_without_any_weight_no_interval_is_told():
    rng = np.random.default_rng(1)
    log = log_of(rng.integers(3, size=600), rng.normal(size=600))  # never shows `d`
    result = evaluate_log(log, always(log, 3), rng.normal(size=(600, 4)), QUICK, 0)
    for one in result["estimates"]:
        assert one["ci95"] == [None, None]
        assert one["diff_ci95"] == [None, None]
    assert result["verdict"] == "insufficient_support"


def test_no_reward_among_many_says_nothing_of_those_not_drawn():
    action = np.arange(400) % 4
    log = log_of(action, (action == 1) * (np.arange(400) % 8 == 1))  # `a` never brought anything
    result = evaluate_log(log, always(log, 0), np.zeros((400, 4)), QUICK, 0)
    for name in ("ipw", "snipw", "dr"):
        assert row(result, name)["estimate"] == 0.0
        assert row(result, name)["ci95"] == [None, None]


def test_few_rewards_leave_the_interval_wide_or_open():
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(150):
        log = log_of(rng.integers(4, size=2000), rng.random(2000) < 0.01)
        low, high = row(
            evaluate_log(log, always(log, 0), np.zeros((2000, 4)), QUICK, seed), "snipw"
        )["ci95"]
        hits += low is None or low <= 0.01 <= high
    assert hits >= 0.9 * 150


def test_weights_that_share_their_largest_value_have_no_tail():
    weight = np.concatenate([np.linspace(0.01, 8.0, 160), np.full(9, 12.0), np.full(40, 19.6)])
    assert pareto_k(weight) == -np.inf


def test_tiny_probabilities_are_compared_by_their_ratio():
    tiny = np.array([3e-10, 3e-10, 0.2])
    assert differs(tiny, np.array([6e-10, 3e-10, 0.2 + 1e-6]), 1e-4).tolist() == [
        True,
        False,
        False,
    ]


def test_rare_rewards_are_too_few_to_judge_by_and_dense_ones_are_not():
    rng = np.random.default_rng(3)
    action = rng.integers(4, size=2000)
    for reward, refused in ((rng.random(2000) < 0.004, True), (rng.normal(size=2000), False)):
        log = log_of(action, reward)
        result = evaluate_log(log, always(log, 0), np.zeros((2000, 4)), QUICK, 0)
        assert ("few_rewarded" in result["rules"]) == refused
