import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promopilot.experiments.ope.bandit.case import BANDIT, bandit_case
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.bandit.rows import BanditRows, rows_for, rows_for_logged
from promopilot.experiments.ope.trust.diagnostics import diagnose, effective_sample_size

BANDIT_A = Path(__file__).parent / "data" / "ope" / "bandit_A"
BY_NAME = {name: BANDIT.families[name].make() for name in ("dm", "ipw", "snipw", "dr", "sndr")}
ESTIMATORS = list(BY_NAME.values())


def log_of(action, reward, propensity, actions="abc"):
    action = np.asarray(action)
    return BanditLog(
        action=action,
        reward=np.asarray(reward, dtype=float),
        propensity=np.asarray(propensity, dtype=float),
        cluster=np.arange(len(action)),
        evidence="logged",
        actions=tuple(actions),
    )


def random_rows(seed, count=60):
    rng = np.random.default_rng(seed)
    return BanditRows(
        reward=rng.normal(size=count),
        weight=rng.exponential(size=count),
        q_logged=rng.normal(size=count),
        q_policy=rng.normal(size=count),
    )


@pytest.fixture(scope="module")
def bandit_a():
    log = pd.read_csv(BANDIT_A / "log.csv")
    policy = pd.read_csv(BANDIT_A / "policy.csv").pivot(index="decision_id", columns="action")
    qhat = pd.read_csv(BANDIT_A / "qhat.csv").pivot(index="decision_id", columns="action")
    expected = json.loads((BANDIT_A / "expected.json").read_text())
    arrays = log_of(log.action.to_numpy(), log.reward, log.propensity, "012345")
    return arrays, policy.to_numpy(), qhat.to_numpy(), expected


@pytest.mark.parametrize("name", ["dm", "ipw", "snipw", "dr", "sndr"])
def test_values_are_those_of_the_reference(bandit_a, name):
    log, policy, qhat, expected = bandit_a
    value = BY_NAME[name].estimate(rows_for(log, policy, qhat))
    assert value == pytest.approx(expected["estimators"][name]["value"], rel=0, abs=1e-9)


def test_diagnostics_are_those_of_the_reference(bandit_a):
    log, policy, qhat, expected = bandit_a
    seen = diagnose(bandit_case(log, policy, qhat))
    want = expected["diagnostics"]
    assert seen.ess == pytest.approx(want["ess"], rel=0, abs=1e-9)
    assert seen.max_weight == pytest.approx(want["max_weight"], rel=0, abs=1e-9)
    assert seen.mean_weight == pytest.approx(want["mean_weight"], rel=0, abs=1e-9)
    assert seen.units == want["n"]


@pytest.mark.parametrize("name", ["snipw", "sndr"])
@pytest.mark.parametrize("arm", [0, 1, 2])
def test_always_one_action_on_a_uniform_log_is_its_mean(name, arm):
    rng = np.random.default_rng(3)
    action = rng.integers(3, size=200)
    log = log_of(action, rng.normal(size=200), np.full(200, 1 / 3))
    policy = np.zeros((200, 3))
    policy[:, arm] = 1.0
    # sndr keeps the identity for a reward estimate that does not vary with the context.
    qhat = np.tile([0.5, -1.0, 2.0], (200, 1))
    value = BY_NAME[name].estimate(rows_for(log, policy, qhat))
    assert value == pytest.approx(log.reward[action == arm].mean(), abs=1e-12)


@pytest.mark.parametrize("name", ["ipw", "snipw", "dr", "sndr"])
def test_the_logged_policy_is_worth_its_mean(name):
    rng = np.random.default_rng(4)
    log = log_of(rng.integers(3, size=90), rng.normal(size=90), rng.uniform(0.1, 1.0, size=90))
    rows = rows_for_logged(log, rng.normal(size=(90, 3)))
    assert BY_NAME[name].estimate(rows) == pytest.approx(log.reward.mean(), abs=1e-12)


def test_a_perfect_reward_model_leaves_nothing_to_correct():
    rows = random_rows(5)
    exact = BanditRows(rows.q_logged, rows.weight, rows.q_logged, rows.q_policy)
    for name in ("dr", "sndr"):
        assert BY_NAME[name].estimate(exact) == pytest.approx(rows.q_policy.mean(), abs=1e-12)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100.0))
def test_scaling_rewards_scales_every_estimate(seed, scale):
    rows = random_rows(seed)
    scaled = BanditRows(
        rows.reward * scale, rows.weight, rows.q_logged * scale, rows.q_policy * scale
    )
    for estimator in ESTIMATORS:
        want = scale * estimator.estimate(rows)
        assert estimator.estimate(scaled) == pytest.approx(want, rel=1e-10, abs=1e-12 * scale)


@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed):
    rows = random_rows(seed)
    order = np.random.default_rng(seed).permutation(len(rows.reward))
    shuffled = BanditRows(
        rows.reward[order], rows.weight[order], rows.q_logged[order], rows.q_policy[order]
    )
    for estimator in ESTIMATORS:
        assert estimator.estimate(shuffled) == pytest.approx(
            estimator.estimate(rows), rel=0, abs=1e-12
        )


@given(seed=st.integers(0, 10_000), shift=st.floats(-50.0, 50.0))
def test_a_constant_on_all_rewards_moves_the_self_normalised_estimate_by_it(seed, shift):
    rows = random_rows(seed)
    moved = BanditRows(rows.reward + shift, rows.weight, rows.q_logged, rows.q_policy)
    snipw = BY_NAME["snipw"]
    assert snipw.estimate(moved) == pytest.approx(snipw.estimate(rows) + shift, abs=1e-10)


def test_no_overlap_leaves_the_self_normalised_undefined_and_the_others_defined():
    rows = random_rows(6)
    none = BanditRows(rows.reward, np.zeros_like(rows.weight), rows.q_logged, rows.q_policy)
    assert np.isnan(BY_NAME["snipw"].estimate(none))
    assert np.isnan(BY_NAME["sndr"].estimate(none))
    assert BY_NAME["ipw"].estimate(none) == 0.0
    assert BY_NAME["dr"].estimate(none) == pytest.approx(rows.q_policy.mean())


@pytest.mark.parametrize(
    ("weight", "want"),
    [([1.0, 1.0, 1.0, 1.0], 4.0), ([5.0, 0.0, 0.0], 1.0), ([0.0, 0.0], 0.0), ([1e200] * 3, 3.0)],
)
def test_usable_evidence(weight, want):
    assert effective_sample_size(np.array(weight)) == pytest.approx(want)


def test_choices_that_the_log_never_shows_are_counted():
    log = log_of([0, 1, 0, 1], [0, 1, 0, 1], [0.5] * 4)
    policy = np.tile([0.5, 0.2, 0.3], (4, 1))
    seen = diagnose(bandit_case(log, policy, np.zeros((4, 3))))
    assert seen.unsupported_share == pytest.approx(0.3)
    assert seen.unsupported_actions == ("c",)
