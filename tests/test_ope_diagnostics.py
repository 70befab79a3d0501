import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.case import Choices
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.plain import plain
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.calibration import (
    propensity_calibration,
    reward_calibration,
)
from promopilot.experiments.ope.trust.clusters import clusters_of
from promopilot.experiments.ope.trust.diagnostics import diagnose
from promopilot.experiments.ope.trust.histogram import weight_histogram
from promopilot.experiments.ope.trust.pareto import fitted_shape, pareto_k

weights = arrays(
    float, st.integers(1, 60), elements=st.floats(0.0, 1e6, allow_subnormal=False).map(float)
)


@pytest.mark.parametrize("shape", [-0.4, 0.01, 0.3, 0.7, 1.2])
def test_the_shape_of_a_known_tail_is_found(shape):
    rng = np.random.default_rng(3)
    excess = np.sort(((1.0 - rng.random(4000)) ** -shape - 1.0) / shape)
    assert fitted_shape(excess) == pytest.approx(shape, abs=0.08)


@pytest.mark.parametrize("shape", [0.3, 0.5, 0.9])
def test_the_tail_of_weights_shows_its_shape_whatever_their_scale(shape):
    weight = np.random.default_rng(4).pareto(1.0 / shape, size=40_000) + 1.0
    assert pareto_k(weight) == pytest.approx(shape, abs=0.1)
    assert pareto_k(1000.0 * weight) == pytest.approx(pareto_k(weight))


@pytest.mark.parametrize(
    "weight",
    [
        np.ones(500),
        np.zeros(500),
        np.array([1.0, 2.0]),
        np.tile([0.0, 4.0], 500),
        np.random.default_rng(0).choice([0.5, 1.0, 2.0], size=900),
    ],
)
def test_weights_with_a_common_largest_value_have_no_tail(weight):
    assert pareto_k(weight) == -np.inf


def test_a_gap_between_two_weights_of_exponential_ratio_is_no_fault():
    """Excesses for which a grid point of the fit lies exactly at 0."""
    excess = np.sort(np.repeat([1.0, 3.0], [200, 200]))
    assert np.isfinite(fitted_shape(excess))


@settings(max_examples=60, deadline=None)
@given(weights)
def test_the_histogram_holds_every_unit_and_all_the_weight(weight):
    bins = weight_histogram(weight)
    assert sum(row["units"] for row in bins) == len(weight)
    assert len(bins) <= 17
    for row in bins:
        inside = (weight >= row["from"]) & (weight < row["to"])
        assert row["units"] == (inside.sum() if row["to"] else (weight == 0.0).sum())
    if weight.sum() > 0.0:
        assert sum(row["weight_share"] for row in bins) == pytest.approx(1.0)
    edges = [(row["from"], row["to"]) for row in bins if row["to"] > 0.0]
    assert all(low[1] == high[0] for low, high in pairwise(edges))


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, st.integers(1, 40), elements=st.integers(-(2**40), 2**40)))
def test_clusters_are_numbered_without_gaps(cluster):
    found = clusters_of(cluster)
    names, code, size = np.unique(cluster, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(found.code, code)
    np.testing.assert_array_equal(found.size, size)
    values = np.arange(len(cluster), dtype=float)
    np.testing.assert_allclose(found.sums(values), np.bincount(code, values, len(names)))


def test_clusters_widen_the_error_of_a_mean_by_the_design_effect():
    values = np.repeat(np.random.default_rng(0).normal(size=500), 4)
    single = clusters_of(np.arange(2000)).error_of_mean(values)
    whole = clusters_of(np.repeat(np.arange(500), 4)).error_of_mean(values)
    assert single == pytest.approx(values.std(ddof=1) / np.sqrt(2000))
    assert whole == pytest.approx(2.0 * single, rel=0.01)


def make_world(count=6000, seed=0, evidence="logged"):
    """A log over three actions in two contexts, a policy, and the true expected rewards."""
    rng = np.random.default_rng(seed)
    context = rng.integers(2, size=count)
    logging = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])[context]
    policy = np.array([[0.2, 0.2, 0.6], [0.1, 0.7, 0.2]])[context]
    truth = np.array([[0.1, 0.2, 0.3], [0.3, 0.5, 0.2]])[context]
    action = (rng.random(count)[:, None] > logging.cumsum(axis=1)).sum(axis=1)
    at = np.arange(count), action
    reward = (rng.random(count) < truth[at]).astype(float)
    log = BanditLog(action, reward, logging[at], np.arange(count), evidence, ("a", "b", "c"))
    return log, policy, truth


def test_a_right_model_is_calibrated_and_a_wrong_one_is_not():
    log, policy, truth = make_world()
    weight = policy[np.arange(6000), log.action] / log.propensity
    predicted = truth[np.arange(6000), log.action]
    single = clusters_of(log.cluster)
    right = reward_calibration(predicted, log.reward, weight, single, 0.95)
    wrong = reward_calibration(np.sqrt(predicted), log.reward, weight, single, 0.95)
    assert sum(row["units"] for row in right.bins) == 6000
    assert all(row["low"] <= row["observed"] <= row["high"] for row in right.bins)
    assert right.misses <= 1
    assert right.chance > 0.01
    assert wrong.misses == len(wrong.bins)
    assert wrong.chance < 1e-9


def test_reward_calibration_is_about_what_the_policy_does():
    """A model wrong only where the policy never acts is right for it."""
    predicted, observed = np.repeat([0.0, 1.0], 50), np.zeros(100)
    weight = np.repeat([2.0, 0.0], 50)
    single = clusters_of(np.arange(100))
    [only] = reward_calibration(predicted, observed, weight, single, 0.95).bins
    assert only == {"predicted": 0.0, "observed": 0.0, "low": 0.0, "high": 0.0, "units": 50}


def test_actions_come_as_often_as_the_policy_takes_them_if_probabilities_are_right():
    log, policy, _ = make_world()
    choices = Choices(log.actions, log.action, policy.mean(axis=0))
    weight = policy[np.arange(6000), log.action] / log.propensity
    right = propensity_calibration(choices, weight, clusters_of(log.cluster), 0.95)
    assert right.chance > 0.01
    for row in right.actions:
        assert row["observed"] == pytest.approx(row["predicted"], abs=0.04)
    wrong = propensity_calibration(
        choices, np.where(log.action == 1, 1.5, 1.0) * weight, clusters_of(log.cluster), 0.95
    )
    assert wrong.worst == "b"
    assert wrong.gap == pytest.approx(0.5 * policy[:, 1].mean(), abs=0.03)
    assert wrong.chance < 1e-6


def test_whole_clusters_carry_the_error_of_the_tables():
    """Four rows that always do the same tell no more than one of them."""
    log, policy, _ = make_world(1500)
    weight = policy[np.arange(1500), log.action] / log.propensity
    choices = Choices(log.actions, log.action, policy.mean(axis=0))
    single = propensity_calibration(choices, weight, clusters_of(np.arange(1500)), 0.95)
    fourfold = propensity_calibration(
        replace(choices, taken=np.repeat(log.action, 4)),
        np.repeat(weight, 4),
        clusters_of(np.repeat(np.arange(1500), 4)),
        0.95,
    )
    for one, four in zip(single.actions, fourfold.actions, strict=True):
        assert four["units"] == 4 * one["units"]
        assert four["low"] == pytest.approx(one["low"])
        assert four["high"] == pytest.approx(one["high"])
    predicted = np.random.default_rng(0).random(1500)
    one = reward_calibration(predicted, log.reward, weight, clusters_of(np.arange(1500)), 0.95)
    four = reward_calibration(
        *(np.repeat(part, 4) for part in (predicted, log.reward, weight)),
        clusters_of(np.repeat(np.arange(1500), 4)),
        0.95,
    )
    assert four.chance == pytest.approx(one.chance)
    assert [row["high"] for row in four.bins] == pytest.approx([row["high"] for row in one.bins])


@pytest.mark.parametrize("clusters", [1, 4])
def test_right_probabilities_are_seldom_called_wrong(clusters):
    alarms = 0
    for seed in range(300):
        log, policy, _ = make_world(600, seed)
        weight = policy[np.arange(600), log.action] / log.propensity
        choices = Choices(log.actions, log.action, policy.mean(axis=0))
        units = clusters_of(np.arange(600) // clusters)
        alarms += propensity_calibration(choices, weight, units, 0.95).chance < 0.01
    assert alarms <= 9


def evaluated(log, policy, q, **changes):
    made = replace(bandit_case(log, policy, q), **changes)
    return evaluate(made, parse_requests([], made.kind), OpeSettings(replicates=200), 0)


def test_what_ope_json_says_of_a_log():
    log, policy, truth = make_world()
    found = evaluated(log, policy, truth)["diagnostics"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == {
        *("units", "ess", "ess_share", "max_weight", "max_weight_share", "tail_mass", "pareto_k"),
        *("told_ess",),
        *("pareto_sample", "mean_weight", "mean_weight_z"),
        *("unsupported_share", "unsupported_actions", "weight_histogram", "reward_calibration"),
        *("propensity_calibration", "agreement", "clip_sensitivity"),
        *("reward_model", "propensities", "notes"),
    }
    assert set(found["weight_histogram"][0]) == {"from", "to", "units", "weight_share"}
    assert set(found["reward_calibration"][0]) == {"predicted", "observed", "low", "high", "units"}
    assert {"action", "predicted", "observed", "units"} <= set(found["propensity_calibration"][0])
    assert set(found["agreement"]) == {"first", "second", "difference", "error", "z"}


def test_two_estimates_are_compared_on_the_same_rows():
    log, policy, truth = make_world()
    result = evaluated(log, policy, truth)
    value = {row["estimator"]: row["estimate"] for row in result["estimates"]}
    found = result["diagnostics"]["agreement"]
    assert (found["first"], found["second"]) == ("dr", "snipw")
    assert found["difference"] == pytest.approx(value["dr"] - value["snipw"], abs=1e-12)
    assert found["z"] == pytest.approx(found["difference"] / found["error"])
    assert abs(found["z"]) < 3.0


def test_agreement_is_missing_where_an_estimate_is():
    log, _, truth = make_world()
    padded = replace(log, actions=(*log.actions, "d"))
    never = np.zeros((6000, 4))
    never[:, 3] = 1.0
    found = evaluated(padded, never, np.column_stack([truth, truth[:, 0]]))["diagnostics"]
    assert found["agreement"]["z"] is None
    assert found["reward_calibration"] == []
    assert [row["action"] for row in found["propensity_calibration"]] == ["d"]


def test_clipping_goes_from_a_strong_cut_to_the_estimate_itself():
    log, policy, truth = make_world()
    result = evaluated(log, policy, np.zeros_like(truth))
    table = result["diagnostics"]["clip_sensitivity"]
    row = next(row for row in result["estimates"] if row["estimator"] == "dr")
    assert table[-1]["estimate"] == pytest.approx(row["estimate"], abs=1e-12)
    assert [table[-1]["low"], table[-1]["high"]] == row["ci95"]
    assert table[-1]["clip_share"] == 0.0
    caps, shares = ([row[key] for row in table] for key in ("cap", "clip_share"))
    assert caps == sorted(set(caps))
    assert shares == sorted(shares, reverse=True)
    weight = policy[np.arange(6000), log.action] / log.propensity
    for row in table:  # without a reward model only the weighted rewards remain
        assert row["estimate"] == pytest.approx(
            (np.minimum(weight, row["cap"]) * log.reward).mean(), abs=1e-12
        )


def test_what_a_kind_of_log_does_not_know_is_left_out():
    log, policy, truth = make_world(500)
    found = evaluated(log, policy, truth, predicted=None, choices=None, clip=None)["diagnostics"]
    assert not {"reward_calibration", "propensity_calibration", "clip_sensitivity"} & set(found)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(40)))
def test_the_order_of_rows_changes_no_diagnostic(order):
    log, policy, truth = make_world(40)
    there = list(order)
    moved = BanditLog(
        log.action[there],
        log.reward[there],
        log.propensity[there],
        log.cluster[there],
        log.evidence,
        log.actions,
    )
    one = diagnose(bandit_case(log, policy, truth))
    other = diagnose(bandit_case(moved, policy[there], truth[there]))
    for name, value in vars(one).items():
        if isinstance(value, float):
            assert getattr(other, name) == pytest.approx(value, rel=1e-12)


def test_plain_values_are_what_json_can_hold():
    given = {"a": np.float64(1.5), "b": (np.nan, np.inf), "c": np.arange(2), 3: {"d": np.True_}}
    assert plain(given) == {"a": 1.5, "b": [None, None], "c": [0, 1], "3": {"d": True}}
