"""Propensities estimated from the log: calibrated, bounded below, good enough to weight by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.nuisance.action_classifier import ActionProbabilities, floored
from promopilot.experiments.ope.nuisance.propensity_model import (
    estimated_propensity,
    fit_propensities,
)
from promopilot.experiments.ope.nuisance.reward_model import cross_fitted
from promopilot.experiments.ope.settings import OpeSettings

COUNT, ACTIONS = 6000, 4
FOLD = np.arange(COUNT) % 3


def log_of(action, reward, propensity, actions=ACTIONS):
    names = tuple(f"a{i}" for i in range(actions))
    return BanditLog(action, reward, propensity, np.arange(len(action)), "logged", names)


def drawn(probability, rng):
    return (probability.cumsum(axis=1) > rng.random(len(probability))[:, None]).argmax(axis=1)


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def world():
    """A logistic policy on two features, rewards that depend on what it depends on."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(COUNT, 2))
    logits = features @ rng.normal(size=(2, ACTIONS)) + [0.0, 0.5, -0.5, 0.2]
    probability = softmax(logits)
    action = drawn(probability, rng)
    mean = 1.0 + features @ rng.normal(size=(2, ACTIONS)) * 0.5 + [0.0, 0.3, 0.6, 0.9]
    reward = mean[np.arange(COUNT), action] + rng.normal(size=COUNT)
    log = log_of(action, reward, probability[np.arange(COUNT), action])
    return log, features, probability, mean


@pytest.fixture(scope="module")
def fitted(world):
    log, features, _, _ = world
    return fit_propensities(log, features, FOLD, OpeSettings(), 0)


def test_a_logistic_policy_is_found_again(world, fitted):
    _, features, probability, _ = world
    found = fitted.predict(features, FOLD)
    assert found.shape == (COUNT, ACTIONS)
    assert found.sum(axis=1) == pytest.approx(np.ones(COUNT), abs=1e-12)
    assert np.sqrt(np.mean((found - probability) ** 2)) < 0.025


def test_estimates_are_calibrated(world, fitted):
    log, features, _, _ = world
    found = fitted.predict(features, FOLD)
    odds = np.log(found / (1.0 - found)).reshape(-1, 1)
    happened = (log.action[:, None] == np.arange(ACTIONS)).ravel()
    slope = LogisticRegression(C=1e6).fit(odds, happened)
    assert slope.coef_[0, 0] == pytest.approx(1.0, abs=0.05)
    assert slope.intercept_[0] == pytest.approx(0.0, abs=0.05)


def test_doubly_robust_with_estimated_propensities_is_close_to_that_with_true_ones(world, fitted):
    log, features, _, mean = world
    policy = softmax(2.0 * mean)
    rows = np.arange(COUNT)
    truth = (policy * mean).sum(axis=1).mean()
    qhat = cross_fitted(log, features, FOLD, OpeSettings(), 0)
    left = log.reward - qhat[rows, log.action]
    expected = (policy * qhat).sum(axis=1)
    taken = policy[rows, log.action]
    estimated = fitted.predict(features, FOLD)[rows, log.action]
    known, guessed = (expected + taken / p * left for p in (log.propensity, estimated))
    error = known.std() / np.sqrt(COUNT)
    assert abs(guessed.mean() - known.mean()) < error
    assert abs(guessed.mean() - truth) < 3.0 * error
    assert guessed.std() < 1.1 * known.std()


def test_a_policy_by_rules_is_found_as_well_as_a_smooth_one():
    """Which of eight mixes applies depends on three features being above a limit."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(8000, 4))
    case = (features[:, :3] > [0.0, 0.5, -0.5]) @ [4, 2, 1]
    probability = 0.05 + 0.8 * rng.dirichlet(np.full(ACTIONS, 0.7), size=8)[case]
    action = drawn(probability, rng)
    log, fold = log_of(action, np.zeros(8000), np.ones(8000)), np.arange(8000) % 2
    found = fit_propensities(log, features, fold, OpeSettings(), 0).predict(features, fold)
    assert np.sqrt(np.mean((found - probability) ** 2)) < 0.07


def test_what_was_done_does_not_reach_its_own_estimate(world, fitted):
    log, features, _, _ = world
    before = fitted.predict(features, FOLD)
    action = np.where(FOLD == 2, 0, log.action)
    moved = log_of(action, log.reward, log.propensity)
    after = fit_propensities(moved, features, FOLD, OpeSettings(), 0).predict(features, FOLD)
    assert (after[FOLD == 2] == before[FOLD == 2]).all()
    assert (after[FOLD != 2] != before[FOLD != 2]).any()


def test_logged_propensities_and_rewards_are_not_used(world, fitted):
    log, features, _, _ = world
    blank = log_of(log.action, np.full(COUNT, np.nan), np.full(COUNT, np.nan))
    found = estimated_propensity(blank, features, FOLD, OpeSettings(), 0)
    assert (found == fitted.predict(features, FOLD)[np.arange(COUNT), log.action]).all()


def test_a_block_is_scored_as_within_the_whole(world, fitted):
    _, features, _, _ = world
    part = slice(100, 700)
    whole = fitted.predict(features, FOLD)[part]
    assert fitted.predict(features[part], FOLD[part]) == pytest.approx(whole, abs=1e-12)


def test_without_features_each_action_gets_its_share():
    rng = np.random.default_rng(0)
    action = rng.choice(3, 3000, p=[0.7, 0.2, 0.1])
    log = log_of(action, np.zeros(3000), np.ones(3000), actions=3)
    fold = np.arange(3000) % 3
    found = fit_propensities(log, np.empty((3000, 0)), fold, OpeSettings(), 0)
    assert found.predict(np.empty((3000, 0)), fold).mean(axis=0) == pytest.approx(
        [0.7, 0.2, 0.1], abs=0.03
    )


def test_rare_and_unseen_actions_and_gaps_are_taken():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(500, 3))
    features[rng.random((500, 3)) < 0.2] = np.nan
    features[:, 2] = np.nan
    action = (features[:, 0] > 0).astype(int)
    action[:2] = 2  # seen twice; action 3 never
    log = log_of(action, np.zeros(500), np.ones(500))
    fold = np.arange(500) % 5
    found = fit_propensities(log, features, fold, OpeSettings(), 0).predict(features, fold)
    assert found.sum(axis=1) == pytest.approx(np.ones(500), abs=1e-12)
    assert found.min() >= 0.01 / 4
    assert found[:, 2:].max() < 0.05


@pytest.mark.parametrize("fold", [np.zeros(40, dtype=int), np.arange(40) % 10])
def test_tiny_logs_are_taken(fold):
    action = np.arange(40) % 2
    log = log_of(action, np.zeros(40), np.ones(40))
    features = np.arange(40.0)[:, None]
    found = fit_propensities(log, features, fold, OpeSettings(), 0).predict(features, fold)
    assert found.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-12)
    assert (found > 0.0).all()


def test_with_one_fold_all_actions_are_as_likely():
    log = log_of(np.arange(40) % 2, np.zeros(40), np.ones(40))
    features, fold = np.arange(40.0)[:, None], np.zeros(40, dtype=int)
    found = fit_propensities(log, features, fold, OpeSettings(), 0).predict(features, fold)
    assert (found == 0.25).all()


@given(logits=st.lists(st.floats(-800, 800), min_size=2, max_size=9), share=st.floats(1e-6, 0.99))
@settings(max_examples=100, deadline=None)
def test_the_floor_holds_and_probabilities_sum_to_one(logits, share):
    least = share / len(logits)
    found = floored(softmax(np.array([logits])), least)
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.min() >= least * (1.0 - 1e-12)


def test_the_model_is_a_scikit_learn_classifier(world):
    log, features, probability, _ = world
    model = clone(ActionProbabilities(ACTIONS, floor=0.02)).fit(features, log.action)
    assert model.get_params() == {"actions": ACTIONS, "floor": 0.02, "seed": 0}
    assert model.score(features, log.action) > 1.2 * (1 / ACTIONS)
    agree = model.predict(features) == probability.argmax(axis=1)
    assert agree.mean() > 0.9
