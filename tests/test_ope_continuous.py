import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.continuous.bandwidth import bandwidths, candidates, spread
from promopilot.experiments.ope.continuous.case import CONTINUOUS, continuous_case, support_of
from promopilot.experiments.ope.continuous.estimators import KernelDoublyRobust
from promopilot.experiments.ope.continuous.kernels import KERNELS
from promopilot.experiments.ope.continuous.log import ContinuousLog
from promopilot.experiments.ope.continuous.reward_model import cross_fitted
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import effective_sample_size

CONTINUOUS_A = Path(__file__).parent / "data" / "ope" / "continuous_A"
EXPECTED = json.loads((CONTINUOUS_A / "expected.json").read_text())
NAMES = list(CONTINUOUS.families)


def made(name, kernel="epanechnikov", bandwidth=0.3):
    return CONTINUOUS.families[name].make(kernel=kernel, bandwidth=bandwidth)


def values(case, **settings):
    return {name: made(name, **settings).estimate(case.rows) for name in NAMES}


@pytest.fixture(scope="module")
def continuous_a():
    log = pd.read_csv(CONTINUOUS_A / "log.csv")
    policy = pd.read_csv(CONTINUOUS_A / "policy.csv")
    arrays = ContinuousLog(
        action=log.action.to_numpy(),
        reward=log.reward.to_numpy(),
        density=log.propensity_density.to_numpy(),
        cluster=np.arange(500),
        evidence="logged",
    )
    return arrays, policy.action.to_numpy(), policy.q.to_numpy()


def draw(count, seed, bend=1.0):
    """A log around half of x, a policy at half of x + .4, and rewards that bend in the action."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    action = 0.5 * x + rng.normal(size=count)
    density = np.exp(-0.5 * (action - 0.5 * x) ** 2) / np.sqrt(2.0 * np.pi)
    log = ContinuousLog(
        action=action,
        reward=mean_reward(x, action, bend) + 0.3 * rng.normal(size=count),
        density=density,
        cluster=np.arange(count),
        evidence="logged",
    )
    return log, 0.5 * x + 0.4, x


def mean_reward(x, action, bend=1.0):
    return 1.0 - bend * (action - 0.8 * x) ** 2


def truth(bend=1.0):
    """E[(0.4 - 0.3 x)^2] = 0.16 + 0.09 with x of variance 1."""
    return 1.0 - 0.25 * bend


@pytest.mark.parametrize("label", EXPECTED["estimators"])
def test_values_are_those_of_the_reference(continuous_a, label):
    name, kernel, bandwidth = label.rsplit("_", 2)
    case = continuous_case(*continuous_a)
    value = made(name, kernel, float(bandwidth)).estimate(case.rows)
    assert value == pytest.approx(EXPECTED["estimators"][label]["value"], rel=0, abs=1e-9)


@pytest.mark.parametrize("label", EXPECTED["diagnostics"])
def test_the_evidence_is_that_of_the_reference(continuous_a, label):
    kernel, bandwidth = label.split("_")
    case = continuous_case(*continuous_a)
    weight = made("kernel_ipw", kernel, float(bandwidth)).used_weight(case.rows)
    want = EXPECTED["diagnostics"][label]
    assert effective_sample_size(weight) == pytest.approx(want["ess"], abs=1e-9)
    assert weight.max() == pytest.approx(want["max_weight"], abs=1e-9)
    assert weight.mean() == pytest.approx(want["mean_weight"], abs=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_an_even_density(kernel):
    density = KERNELS[kernel]
    assert quad(lambda u: float(density(np.array([u]))[0]), -8, 8, points=[-1, 0, 1])[
        0
    ] == pytest.approx(1.0)
    u = np.linspace(0.0, 3.0, 50)
    assert (density(u) == density(-u)).all()
    assert (density(u) >= 0.0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-50.0, 50.0), st.floats(-20.0, 20.0))
def test_order_and_the_unit_of_actions_change_nothing_and_rewards_scale(seed, factor, shift):
    log, policy, _ = draw(200, 1)
    q = np.random.default_rng(1).normal(size=200)
    want = values(continuous_case(log, policy, q))
    order = np.random.default_rng(seed).permutation(200)
    moved = replace(
        log, action=log.action[order], reward=log.reward[order], density=log.density[order]
    )
    assert values(continuous_case(moved, policy[order], q[order])) == pytest.approx(
        want, rel=0, abs=1e-12
    )
    scaled = continuous_case(replace(log, reward=factor * log.reward), policy, factor * q)
    assert values(scaled) == pytest.approx({name: factor * one for name, one in want.items()})
    cents = replace(log, action=100.0 * log.action + shift, density=log.density / 100.0)
    other = continuous_case(cents, 100.0 * policy + shift, q)
    assert values(other, bandwidth=30.0) == pytest.approx(want)


def test_the_logged_policy_has_the_logged_mean_at_any_bandwidth():
    log, _, _ = draw(300, 2)
    case = continuous_case(log, "logged", np.random.default_rng(0).normal(size=300))
    for bandwidth in (0.01, 0.3, 100.0):
        found = values(case, bandwidth=bandwidth)
        assert found == pytest.approx(dict.fromkeys(NAMES, log.reward.mean()), abs=1e-12)
    assert (case.rows.weight == 1.0).all()
    assert "its decisions stand for themselves" in case.kind.notes[-1]


def test_always_one_action_on_an_even_log_is_the_mean_of_those_near():
    rng = np.random.default_rng(3)
    action, reward = rng.uniform(0.0, 10.0, size=1000), rng.normal(size=1000)
    log = ContinuousLog(action, reward, np.full(1000, 0.1), np.arange(1000), "logged")
    case = continuous_case(log, np.full(1000, 4.0), np.zeros(1000))
    near = np.abs(action - 4.0) <= 1.5
    found = made("kernel_snipw", "uniform", 1.5).estimate(case.rows)
    assert found == pytest.approx(reward[near].mean(), abs=1e-12)


def test_without_a_model_kernel_dr_is_kernel_ipw():
    log, policy, _ = draw(300, 4)
    found = values(continuous_case(log, policy, np.zeros(300)))
    assert found["kernel_dr"] == pytest.approx(found["kernel_ipw"], abs=1e-12)


def test_bandwidths_go_by_the_spread_of_the_actions():
    log, policy, _ = draw(2000, 5)
    case = continuous_case(log, policy, np.zeros(2000))
    widths = bandwidths(case.rows)
    assert (np.diff(widths) > 0.0).all()
    assert widths[-1] == spread(log.action) == pytest.approx(np.sqrt(1.25), rel=0.1)
    weights = made("kernel_ipw", bandwidth=widths[0]).used_weight(case.rows)
    assert effective_sample_size(weights) >= 50.0
    outlier = np.append(log.action, 1e6)
    assert spread(outlier) == pytest.approx(spread(log.action), rel=0.05)
    assert spread(np.array([2.0, 2.0, 2.0, 2.0, 3.0])) > 0.0


def test_the_more_rewards_bend_the_narrower_the_bandwidth():
    def chosen(bend):
        log, policy, x = draw(4000, 6, bend)
        rows = continuous_case(log, policy, mean_reward(x, policy, bend)).rows
        return candidates(KernelDoublyRobust, rows, np.arange(4000))[-1].bandwidth

    assert chosen(3.0) < chosen(1.0) < chosen(0.0)


def test_intervals_cover_although_rewards_bend():
    """Over 150 logs; at four times the bandwidth, which is SLOPE's own choice, few would cover."""
    held = []
    for seed in range(150):
        log, policy, x = draw(800, 1000 + seed)
        case = continuous_case(log, policy, mean_reward(x, policy) + 0.2)
        wider = f"kernel_dr:bandwidth={4.0 * case.extra['bandwidth']}"
        requests = parse_requests(["kernel_dr", wider], case.kind)
        found = evaluate(case, requests, OpeSettings(replicates=200), seed)["estimates"]
        held.append([row["ci95"][0] <= truth() <= row["ci95"][1] for row in found])
    chosen, wider = np.mean(held, axis=0)
    assert 0.88 <= chosen <= 0.99
    assert wider < 0.5


def test_the_truth_lies_in_the_intervals_with_a_fitted_model():
    log, policy, x = draw(3000, 8)
    q, predicted = cross_fitted(
        x[:, None], log.action, log.reward, policy, np.arange(3000) % 5, OpeSettings(), 0
    )
    case = continuous_case(log, policy, q, "cross-fitted", predicted)
    result = evaluate(case, parse_requests((), case.kind), OpeSettings(confidence=0.999), 0)
    for row in result["estimates"]:
        low, high = row["ci95"]
        assert low <= truth() <= high, row
        assert row["tuned_by"] == "SLOPE"
    by_name = {row["estimator"]: row for row in result["estimates"]}
    assert by_name["kernel_dr"]["params"]["bandwidth"] == result["diagnostics"]["bandwidth"]
    assert by_name["kernel_dr"]["ess"] == pytest.approx(result["diagnostics"]["ess"])
    assert result["diagnostics"]["reward_model"] == "cross-fitted"


def test_the_reward_model_is_cross_fitted_and_works_with_gaps():
    log, policy, x = draw(1000, 9)
    features = np.column_stack([x, np.where(np.arange(1000) % 5, np.nan, x), np.full(1000, np.nan)])
    fold = np.arange(1000) % 4

    def fit(reward):
        return cross_fitted(features, log.action, reward, policy, fold, OpeSettings(), 0)

    q, predicted = fit(log.reward)
    assert np.mean((q - mean_reward(x, policy)) ** 2) < 0.1
    assert np.mean((predicted - mean_reward(x, log.action)) ** 2) < 0.3 * log.reward.var()
    inside = fold == 1
    after, _ = fit(log.reward + 10.0 * inside)
    assert (after[inside] == q[inside]).all()
    assert (after[~inside] != q[~inside]).any()


def test_actions_that_the_log_does_not_show_are_named():
    logged = np.array([0.0, 0.1, 0.2, 5.0, 5.1])
    support = support_of(logged, np.array([0.1, -1.0, 9.0, 3.0, 2.0, 5.05, 4.95, 0.0]), 0.3)
    assert support.unsupported_share == pytest.approx(4 / 8)
    assert support.unsupported_actions == ("below 0", "above 5.1", "between 0.2 and 5")
    assert support_of(logged, logged, 0.3).unsupported_actions == ()


def test_a_policy_far_from_the_log_has_no_support():
    log, policy, _ = draw(500, 10)
    case = continuous_case(log, policy + 20.0, np.zeros(500))
    result = evaluate(case, parse_requests((), case.kind), OpeSettings(replicates=100), 0)
    assert result["verdict"] == "insufficient_support"
    assert result["diagnostics"]["unsupported_share"] == 1.0
    assert [row["estimate"] for row in result["estimates"]] == [0.0, None, 0.0]


def test_cut_weights_reach_every_bandwidth():
    log, policy, _ = draw(500, 11)
    case = continuous_case(log, policy, np.zeros(500))
    cut = case.clip(case.rows, 0.5)
    assert cut.weight.max() == made("kernel_dr").used_weight(cut).max() == 0.5


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("kernel_dr:kernel=box,bandwidth=1", "no kernel 'box'; known are gaussian, epanechnikov"),
        ("kernel_dr:kernel=gaussian", "kernel_dr: it needs a bandwidth with its kernel"),
        ("kernel_ipw:bandwidth=0", "kernel_ipw: bandwidth is 0; it must be above 0"),
        ("kernel_ipw:bandwidth=inf", "bandwidth is inf; it must be above 0, and finite"),
        ("kernel_snipw:lambda=2", "no setting 'lambda=2'; it takes kernel, bandwidth"),
    ],
)
def test_settings_that_do_not_work_are_refused(spec, message):
    with pytest.raises(LogError, match=message):
        parse_requests([spec], CONTINUOUS)


FAULTS = [
    (lambda log: {"action": log.action[:0]}, "the log is empty"),
    (lambda log: {"reward": log.reward[1:]}, "50 rows but 49 values of reward"),
    (lambda log: {"evidence": "guess"}, "evidence is 'guess'"),
    (lambda log: {"reward": log.reward * np.nan}, "row 1: reward is nan; it must be a finite"),
    (lambda log: {"density": -log.density}, "row 1: propensity_density is -.*above 0, and finite"),
    (lambda log: {"action": np.full(50, 2.0)}, "shows one action only, 2, in all 50 decisions"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_faults_of_arrays_are_refused(change, message):
    log, policy, _ = draw(50, 12)
    with pytest.raises(LogError, match=message):
        continuous_case(replace(log, **change(log)), policy, np.zeros(50))


def test_faults_of_a_policy_or_of_estimates_are_refused():
    log, policy, _ = draw(50, 12)
    with pytest.raises(LogError, match="policy is 'uniform'; give its actions"):
        continuous_case(log, "uniform", np.zeros(50))
    with pytest.raises(LogError, match="the policy's actions, decision 1: nan is not a finite"):
        continuous_case(log, policy * np.nan, np.zeros(50))
    with pytest.raises(LogError, match=r"the reward estimates have shape \(49,\)"):
        continuous_case(log, policy, np.zeros(49))
