import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.sequential.case import sequential_case
from promopilot.experiments.ope.sequential.kind import SEQUENTIAL
from promopilot.experiments.ope.sequential.log import SequentialLog
from promopilot.experiments.ope.sequential.marginal import marginal_weights
from promopilot.experiments.ope.sequential.rows import (
    LARGEST_WEIGHT,
    SequentialRows,
    cumulative_weights,
)
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import diagnose
from tests.ope_sequential_world import Chain

SEQUENTIAL_A = Path(__file__).parent / "data" / "ope" / "sequential_A"
BY_NAME = {name: SEQUENTIAL.families[name].make() for name in SEQUENTIAL.families}
FIXTURES = {
    "dm_seq": "dm", "tis": "tis", "pdis": "pdis", "dr_seq": "dr",
    "sntis": "sntis", "snpdis": "snpdis", "sndr_seq": "sndr",
}  # fmt: skip
SELF_NORMALISED = ("sntis", "snpdis", "mis")


@pytest.fixture(scope="module")
def reference():
    log = pd.read_csv(SEQUENTIAL_A / "log.csv")
    policy = pd.read_csv(SEQUENTIAL_A / "policy.csv")
    arrays = SequentialLog(
        action=log.action.to_numpy(),
        reward=log.reward.to_numpy(float),
        propensity=log.propensity.to_numpy(),
        state=log[["s_0", "s_1"]].to_numpy(),
        length=np.full(200, 7),
        cluster=np.arange(200),
        evidence="logged",
        actions=tuple("0123"),
    )
    tables = (policy[name].to_numpy().reshape(-1, 4) for name in ("probability", "q"))
    return arrays, *tables, json.loads((SEQUENTIAL_A / "expected.json").read_text())


def random_rows(seed, episodes=50, steps=4):
    rng = np.random.default_rng(seed)
    shape = (episodes, steps)
    return SequentialRows(
        reward=rng.normal(size=shape),
        weights=cumulative_weights(rng.exponential(size=shape)),
        q_logged=rng.normal(size=shape),
        q_policy=rng.normal(size=shape),
        marginal=rng.exponential(size=shape),
        fitted_start=rng.normal(size=episodes),
    )


def mapped(rows, change):
    """Rows with every array that is in units of reward changed."""
    reward = {name: change(getattr(rows, name)) for name in ("reward", "q_logged", "q_policy")}
    return replace(rows, **reward, fitted_start=change(rows.fitted_start))


@pytest.mark.parametrize("name", FIXTURES)
def test_values_are_those_of_the_reference(reference, name):
    log, policy, qhat, expected = reference
    value = BY_NAME[name].estimate(sequential_case(log, policy, qhat).rows)
    want = expected["estimators"][FIXTURES[name]]
    assert value == pytest.approx(want["value"], rel=0, abs=1e-9)
    # Where the library adds 1e-10 to a denominator, the formula without it is met more closely.
    exact = want.get("value_without_epsilon", want["value"])
    assert value == pytest.approx(exact, rel=0, abs=1e-12)


def test_diagnostics_are_those_of_the_reference(reference):
    log, policy, qhat, expected = reference
    case, want = sequential_case(log, policy, qhat), expected["diagnostics"]
    seen = diagnose(case)
    assert seen.ess == pytest.approx(want["ess"], abs=1e-9)
    assert seen.max_weight == pytest.approx(want["max_weight"], abs=1e-9)
    assert seen.mean_weight == pytest.approx(want["mean_weight"], abs=1e-9)
    assert case.extra["ess_by_step"] == pytest.approx(want["ess_by_step"], abs=1e-9)
    assert case.extra["max_weight_by_step"] == pytest.approx(want["max_weight_by_step"], abs=1e-9)
    assert case.rows.logged.mean() == pytest.approx(expected["on_policy_return_behavior"])


@pytest.mark.parametrize("name", BY_NAME)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100.0))
@settings(max_examples=20)
def test_scaling_rewards_scales_every_estimate(name, seed, scale):
    rows = random_rows(seed)
    want = scale * BY_NAME[name].estimate(rows)
    scaled = mapped(rows, lambda values: values * scale)
    assert BY_NAME[name].estimate(scaled) == pytest.approx(want, rel=1e-9, abs=1e-11 * scale)


@pytest.mark.parametrize("name", BY_NAME)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_the_order_of_episodes_does_not_matter(name, seed):
    rows = random_rows(seed)
    order = np.random.default_rng(seed).permutation(50)
    shuffled = SequentialRows(**{key: value[order] for key, value in vars(rows).items()})
    want = BY_NAME[name].estimate(rows)
    assert BY_NAME[name].estimate(shuffled) == pytest.approx(want, rel=0, abs=1e-12)


@pytest.mark.parametrize("name", SELF_NORMALISED)
@given(seed=st.integers(0, 10_000), shift=st.floats(-50.0, 50.0))
@settings(max_examples=20)
def test_a_constant_on_all_rewards_moves_the_self_normalised_by_it(name, seed, shift):
    rows = random_rows(seed)
    moved = replace(rows, reward=rows.reward + shift)
    want = BY_NAME[name].estimate(rows) + 4 * shift  # four steps, each of them
    assert BY_NAME[name].estimate(moved) == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("name", ["tis", "pdis", "sntis", "snpdis", "dr_seq", "sndr_seq", "mis"])
def test_the_logged_policy_is_worth_its_mean(name):
    log, _ = Chain(end=0.2).log(150, seed=1)
    case = sequential_case(log, "logged", settings=OpeSettings(discount=0.9))
    value = BY_NAME[name].estimate(case.rows)
    assert value == pytest.approx(case.rows.logged.mean(), abs=1e-10)
    discounted = log.reward * 0.9**log.step
    assert case.rows.logged.mean() == pytest.approx(discounted.sum() / 150)


def test_always_one_action_on_a_uniform_log_of_one_step_is_its_mean():
    world = Chain(steps=1, uniform=True)
    log, _ = world.log(300, seed=2)
    policy = np.zeros((300, world.actions))
    policy[:, 1] = 1.0
    level = np.tile([0.5, -1.0], (300, 1))  # estimates that do not vary with the state
    rows = sequential_case(log, policy, level).rows
    for name in ("sntis", "snpdis", "sndr_seq", "mis"):
        want = log.reward[log.action == 1].mean()
        assert BY_NAME[name].estimate(rows) == pytest.approx(want, abs=1e-12), name


def test_one_step_makes_per_decision_and_whole_weights_the_same():
    rows = random_rows(3, steps=1)
    assert BY_NAME["tis"].estimate(rows) == pytest.approx(BY_NAME["pdis"].estimate(rows))
    assert BY_NAME["sntis"].estimate(rows) == pytest.approx(BY_NAME["snpdis"].estimate(rows))


def test_exact_estimates_of_certain_rewards_leave_nothing_to_correct():
    rows = random_rows(4)
    # A world without chance: what follows an action is what was expected of it.
    following = np.pad(rows.q_policy[:, 1:], ((0, 0), (0, 1)))
    exact = replace(rows, q_logged=rows.reward + following)
    for name in ("dr_seq", "sndr_seq"):
        want = BY_NAME["dm_seq"].estimate(rows)
        assert BY_NAME[name].estimate(exact) == pytest.approx(want, abs=1e-12)


def test_estimates_of_zero_make_the_doubly_robust_the_weighted_ones():
    rows = random_rows(5)
    none = replace(rows, q_logged=np.zeros((50, 4)), q_policy=np.zeros((50, 4)))
    assert BY_NAME["dr_seq"].estimate(none) == pytest.approx(BY_NAME["pdis"].estimate(rows))
    assert BY_NAME["sndr_seq"].estimate(none) == pytest.approx(BY_NAME["snpdis"].estimate(rows))


def test_no_overlap_leaves_the_self_normalised_undefined_and_the_others_defined():
    zero = np.zeros((50, 4))
    rows = replace(random_rows(6), weights=zero, marginal=zero)
    for name in ("sntis", "snpdis", "sndr_seq", "mis"):
        assert np.isnan(BY_NAME[name].estimate(rows))
    assert BY_NAME["tis"].estimate(rows) == BY_NAME["pdis"].estimate(rows) == 0.0
    assert BY_NAME["dr_seq"].estimate(rows) == pytest.approx(rows.q_policy[:, 0].mean())


def test_an_episode_that_ended_keeps_its_weight_and_brings_nothing():
    # Two episodes, the first of one step; the policy would do its action half as often.
    log = SequentialLog(
        action=np.array([0, 1, 0]),
        reward=np.array([4.0, 1.0, 8.0]),
        propensity=np.array([1.0, 0.5, 0.5]),
        state=np.empty((3, 0)),
        length=np.array([1, 2]),
        cluster=np.arange(2),
        evidence="logged",
        actions=("a", "b"),
    )
    policy = np.full((3, 2), 0.5)
    rows = sequential_case(log, policy, np.zeros((3, 2))).rows
    np.testing.assert_allclose(rows.weights, [[0.5, 0.5], [1.0, 1.0]])
    np.testing.assert_allclose(rows.reward, [[4.0, 0.0], [1.0, 8.0]])
    assert BY_NAME["pdis"].estimate(rows) == pytest.approx((2.0 + 9.0) / 2)
    # Of the weights at step 1, a third has ended and earns nothing there.
    assert BY_NAME["snpdis"].estimate(rows) == pytest.approx(3.0 / 1.5 + 8.0 / 1.5)


def test_products_of_weights_neither_overflow_nor_come_back_from_zero():
    weights = cumulative_weights(np.array([[1e90, 1e90, 1e90, 0.0], [0.0, 1e99, 1.0, 1.0]]))
    np.testing.assert_allclose(weights[0], [1e90, LARGEST_WEIGHT, LARGEST_WEIGHT, 0.0])
    np.testing.assert_array_equal(weights[1], 0.0)
    tiny = cumulative_weights(np.full((1, 500), 1e-3))
    assert tiny[0, -1] == 0.0


def test_weights_of_states_are_those_of_a_table_of_states():
    """On a state of few values the regression is the table of Xie, Ma and Wang (2019)."""
    world = Chain(steps=4)
    log, policy = world.log(4000, seed=7)
    taken = np.take_along_axis(policy, log.action[:, None], axis=1)[:, 0]
    ratio = log.padded(taken / log.propensity)
    found = marginal_weights(log, ratio, np.arange(4000) % 5)
    state = log.padded(log.state[:, 0]).astype(int)
    np.testing.assert_allclose(found[:, 0], ratio[:, 0])
    true = world.state_weights()
    for step in range(1, 4):
        of_state = found[:, step] / ratio[:, step]
        for one in range(world.states):
            got = of_state[state[:, step] == one].mean()
            assert got == pytest.approx(true[step, one], rel=0.1)


def broken(**changes):
    log, _ = Chain(steps=3).log(4, seed=0)
    return replace(log, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward": [0.0] * 5 + [np.nan] + [0.0] * 6}, "episode 1, step 2: reward is nan; it must"),
        ({"propensity": [0.5] * 3 + [0.0] + [0.5] * 8}, "episode 1, step 0: propensity is 0; the"),
        ({"propensity": [0.5] * 11 + [1.2]}, "episode 3, step 2: propensity is 1.2; the prob"),
        ({"action": [7] * 12}, "episode 0, step 0: action is 7; no such action is named"),
        ({"action": [1] * 12}, "shows one action only, 'b', in all 12 decisions"),
        ({"length": [3, 3, 3, 4]}, "12 decisions, but its episodes' lengths sum to 13"),
        ({"length": [6, 6, 0]}, "each must be at least 1"),
        ({"cluster": [0, 1]}, "4 episodes but 2 clusters"),
        ({"reward": [1.0]}, "12 rows but 1 values of reward"),
        ({"evidence": "guessed"}, "evidence is 'guessed'; it must be logged or simulated"),
        ({"action": [], "length": []}, "is empty: it needs at least one episode"),
    ],
)
def test_a_log_that_cannot_be_is_refused(changes, message):
    changes = {key: np.array(v) if isinstance(v, list) else v for key, v in changes.items()}
    with pytest.raises(LogError, match=message):
        sequential_case(broken(**changes), np.full((12, 2), 0.5))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (np.full((12, 3), 1 / 3), r"has shape \(12, 3\); the log needs \(12, 2\)"),
        (np.full((12, 2), 0.4), "the policy, episode 0, step 0: probabilities sum to 0.8; they"),
        (np.tile([1.5, -0.5], (12, 1)), "episode 0, step 0, action 'a': it is 1.5; it must be fr"),
        (np.full((12, 2), np.nan), "episode 0, step 0, action 'a': it is nan; it must be a finite"),
        ("always:a", "policy is 'always:a'; give probabilities, or the name logged"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(policy, message):
    with pytest.raises(LogError, match=message):
        sequential_case(broken(), policy)


def test_fitted_estimates_scale_with_rewards_and_do_not_know_the_order_of_episodes():
    log, policy = Chain(steps=4).log(300, seed=9)
    found = sequential_case(log, policy).rows
    larger = sequential_case(replace(log, reward=1000.0 * log.reward), policy).rows
    np.testing.assert_allclose(larger.fitted_start, 1000.0 * found.fitted_start, rtol=1e-9)
    np.testing.assert_allclose(larger.marginal, found.marginal, rtol=1e-9)
    order = np.random.default_rng(9).permutation(300)
    rows = (4 * order[:, None] + np.arange(4)).ravel()
    moved = replace(
        log,
        action=log.action[rows],
        reward=log.reward[rows],
        propensity=log.propensity[rows],
        state=log.state[rows],
        cluster=log.cluster[order],
    )
    again = sequential_case(moved, policy[rows]).rows
    np.testing.assert_allclose(again.fitted_start, found.fitted_start[order], atol=1e-12)
    np.testing.assert_allclose(again.marginal, found.marginal[order], atol=1e-12)
