"""Reward estimates: cross-fitted, of any log, as good as the log allows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.nuisance.reward_model import (
    cross_fitted,
    fit_rewards,
    reward_model,
)
from promopilot.experiments.ope.nuisance.reward_regressors import BoostedRewards, LinearRewards
from promopilot.experiments.ope.settings import OpeSettings

COUNT = 1200
FOLD = np.arange(COUNT) * 7 % 5
MODELS = [OpeSettings(reward_model=name) for name in ("boosting", "linear")]
ALL = pytest.mark.parametrize("settings", MODELS, ids=lambda one: one.reward_model)


def log_of(action, reward, actions=("a", "b", "c", "never")):
    count = len(action)
    return BanditLog(action, reward, np.full(count, 0.5), np.arange(count), "logged", actions)


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(0)
    feature = rng.normal(size=(COUNT, 1))
    action = rng.integers(3, size=COUNT)
    truth = 0.3 * feature + np.array([0.0, 1.0, -1.0])  # [n, A]
    reward = truth[np.arange(COUNT), action] + 0.3 * rng.normal(size=COUNT)
    return log_of(action, reward), feature, truth


@ALL
def test_estimates_follow_feature_and_action(given, settings):
    log, feature, truth = given
    qhat = cross_fitted(log, feature, FOLD, settings, 0)
    assert qhat.shape == (COUNT, 4)
    assert np.isfinite(qhat).all()
    assert np.mean((qhat[:, :3] - truth) ** 2) < 0.02 * truth.var()
    assert qhat.min() >= log.reward.min()
    assert qhat.max() <= log.reward.max()


@ALL
def test_a_decisions_own_reward_does_not_reach_its_estimate(given, settings):
    log, feature, _ = given
    before = cross_fitted(log, feature, FOLD, settings, 0)
    moved = replace(log, reward=log.reward + 100.0 * (FOLD == 2))
    after = cross_fitted(moved, feature, FOLD, settings, 0)
    assert (after[FOLD == 2] == before[FOLD == 2]).all()
    assert (after[FOLD != 2] != before[FOLD != 2]).any()


@ALL
def test_a_block_is_scored_as_within_the_whole(given, settings):
    log, feature, _ = given
    fitted = fit_rewards(log, feature, FOLD, settings, 0)
    whole = cross_fitted(log, feature, FOLD, settings, 0)
    for part in (slice(0, 1), slice(10, 500), slice(900, COUNT)):
        found = fitted.predict(feature[part], FOLD[part])
        assert found == pytest.approx(whole[part], abs=1e-12)


@ALL
def test_estimates_scale_with_the_reward_and_move_with_a_constant(given, settings):
    log, feature, _ = given
    plain = cross_fitted(log, feature, FOLD, settings, 0)
    changed = replace(log, reward=1000.0 * log.reward + 7.0)
    found = cross_fitted(changed, feature, FOLD, settings, 0)
    assert found == pytest.approx(1000.0 * plain + 7.0, abs=1e-3)


def test_the_order_of_rows_changes_nothing_for_the_linear_model(given):
    log, feature, _ = given
    order = np.random.default_rng(1).permutation(COUNT)
    turned = log_of(log.action[order], log.reward[order])
    plain = cross_fitted(log, feature, FOLD, MODELS[1], 0)
    found = cross_fitted(turned, feature[order], FOLD[order], MODELS[1], 0)
    assert found == pytest.approx(plain[order], abs=1e-9)


@ALL
def test_works_without_features_and_with_missing_ones(given, settings):
    log, feature, _ = given
    means = [log.reward[log.action == a].mean() for a in range(3)]
    bare = cross_fitted(log, np.empty((COUNT, 0)), FOLD, settings, 0)
    assert bare[:, :3].mean(axis=0) == pytest.approx(means, abs=0.02)
    holes = np.where(np.arange(COUNT)[:, None] % 3 == 0, np.nan, feature)
    holes = np.column_stack([holes, np.full(COUNT, np.nan), np.full(COUNT, np.inf)])
    assert np.isfinite(cross_fitted(log, holes, FOLD, settings, 0)).all()


@ALL
def test_a_gap_tells_something(given, settings):
    """Rewards are 1 higher where the feature is missing."""
    log, feature, _ = given
    gap = np.arange(COUNT) % 4 == 0
    shifted = replace(log, reward=log.reward + gap)
    holes = np.where(gap[:, None], np.nan, feature)
    qhat = cross_fitted(shifted, holes, FOLD, settings, 0)[:, :3].mean(axis=1)
    assert qhat[gap].mean() - qhat[~gap].mean() == pytest.approx(1.0, abs=0.1)


@ALL
def test_an_action_never_logged_is_taken_for_an_average_one(given, settings):
    log, feature, _ = given
    qhat = cross_fitted(log, feature, FOLD, settings, 0)
    others = qhat[:, :3]
    assert qhat[:, 3].mean() == pytest.approx(others.mean(), abs=0.2)
    assert np.corrcoef(qhat[:, 3], feature[:, 0])[0, 1] > 0.9


@ALL
def test_a_constant_reward_is_estimated_as_it_is(given, settings):
    log, feature, _ = given
    qhat = cross_fitted(replace(log, reward=np.full(COUNT, 2.5)), feature, FOLD, settings, 0)
    assert qhat == pytest.approx(np.full((COUNT, 4), 2.5), abs=1e-12)


@ALL
def test_rewards_of_0_and_1_give_probabilities(settings):
    rng = np.random.default_rng(2)
    feature, action = rng.normal(size=(COUNT, 2)), rng.integers(2, size=COUNT)
    rate = 1.0 / (1.0 + np.exp(-feature[:, 0] - np.where(action == 1, 1.0, -1.0)))
    log = log_of(action, (rng.random(COUNT) < rate).astype(float), ("a", "b"))
    qhat = cross_fitted(log, feature, FOLD, settings, 0)
    assert qhat.min() >= 0.0
    assert qhat.max() <= 1.0
    taken = qhat[np.arange(COUNT), action]
    assert np.mean((taken - rate) ** 2) < 0.15 * rate.var()
    likely = taken > 0.5
    assert log.reward[likely].mean() == pytest.approx(taken[likely].mean(), abs=0.05)


@ALL
def test_levels_without_order_are_taken_as_such(settings):
    """Ranks of text: only the third of five shops sells, and only by the first action."""
    rng = np.random.default_rng(3)
    shop, action = rng.integers(5, size=COUNT), rng.integers(2, size=COUNT)
    reward = ((shop == 2) & (action == 0)) + 0.1 * rng.normal(size=COUNT)
    log = log_of(action, reward, ("a", "b"))
    qhat = cross_fitted(log, shop[:, None].astype(float), FOLD, settings, 0)
    assert qhat[shop == 2].mean(axis=0) == pytest.approx([1.0, 0.0], abs=0.05)
    assert qhat[shop != 2].mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.05)


@ALL
def test_a_large_log_is_fitted_on_a_sample(given, settings):
    log, feature, truth = given
    few = settings.model_copy(update={"model_rows": 400})
    qhat = cross_fitted(log, feature, FOLD, few, 0)
    assert (qhat != cross_fitted(log, feature, FOLD, settings, 0)).any()
    assert (qhat == cross_fitted(log, feature, FOLD, few, 0)).all()
    assert (qhat != cross_fitted(log, feature, FOLD, few, 1)).any()
    assert np.mean((qhat[:, :3] - truth) ** 2) < 0.05 * truth.var()


@ALL
@pytest.mark.parametrize("count", [2, 3, 9, 30])
def test_tiny_logs_are_taken(settings, count):
    action = np.arange(count) % 2
    log = log_of(action, np.arange(count) * 1.0)
    feature, fold = np.arange(count)[:, None] ** 2.0, np.arange(count) % 2
    qhat = cross_fitted(log, feature, fold, settings, 0)
    assert np.isfinite(qhat).all()
    assert qhat.max() <= count - 1


@ALL
def test_a_single_fold_leaves_nothing_to_fit_on(given, settings):
    log, feature, _ = given
    qhat = cross_fitted(log, feature, np.zeros(COUNT, dtype=int), settings, 0)
    assert (qhat == 0.0).all()


@ALL
def test_a_fold_that_the_fit_did_not_meet_is_scored_by_a_model(given, settings):
    log, feature, _ = given
    fitted = fit_rewards(log, feature, FOLD, settings, 0)
    found = fitted.predict(feature[:3], np.full(3, 99))
    assert found == pytest.approx(fitted.predict(feature[:3], np.zeros(3, dtype=int)))


def test_a_predictor_scores_no_arrays(given):
    log, feature, _ = given
    with pytest.raises(LogError, match=r"for other logs name boosting or linear"):
        cross_fitted(log, feature, FOLD, OpeSettings(reward_model="predictor"), 0)


@ALL
def test_models_are_scikit_learn_regressors(given, settings):
    log, feature, _ = given
    table = np.column_stack([feature, log.action])
    model = clone(reward_model(4, settings, 3)).fit(table, log.reward)
    assert model.get_params()["actions"] == 4
    assert model.score(table, log.reward) > 0.8
    everything = model.predict_actions(feature)
    assert (model.predict(table) == everything[np.arange(COUNT), log.action]).all()


def test_many_actions_and_features_fit_into_memory():
    rng = np.random.default_rng(0)
    feature, action = rng.normal(size=(3000, 12)), rng.integers(200, size=3000)
    model = LinearRewards(200).fit(np.column_stack([feature, action]), feature[:, 0])
    assert model.coef_.nbytes < 1e6
    assert np.corrcoef(model.predict_actions(feature)[:, 0], feature[:, 0])[0, 1] > 0.99


# Made-up logs with 8 actions: rewards that are lines per action, and ones that bend and interact.


def lines(feature, rng):
    return feature @ rng.normal(size=(4, 8)) * 0.3 + rng.normal(size=8)


def bends(feature, rng):
    steps = (feature[:, [0]] > 0) ^ (feature[:, [1]] > 0.5)
    return steps + np.sin(2.0 * feature[:, [2]]) * feature[:, [3]] + 0.3 * rng.normal(size=8)


def held_out(model, truth_of, seed):
    """Error of the estimates, over the truth's variance; standard error of the doubly robust ones.

    The log is uniformly randomised; the policy favours what is truly better.
    """
    rng = np.random.default_rng(seed)
    feature, action = rng.normal(size=(8000, 4)), rng.integers(8, size=8000)
    truth = truth_of(feature, rng)
    reward = truth[np.arange(8000), action] + rng.normal(size=8000)
    fitted = clone(model).fit(np.column_stack([feature, action])[:4000], reward[:4000])
    found, rest = fitted.predict_actions(feature[4000:]), slice(4000, 8000)
    policy = np.exp(2.0 * truth[rest])
    policy /= policy.sum(axis=1, keepdims=True)
    taken = (np.arange(4000), action[rest])
    terms = (policy * found).sum(axis=1) + 8 * policy[taken] * (reward[rest] - found[taken])
    return np.mean((found - truth[rest]) ** 2) / truth.var(), terms.std()


@pytest.mark.parametrize("seed", [0, 1])
def test_boosting_is_the_better_where_rewards_bend_and_no_worse_where_they_do_not(seed):
    boosted, linear = BoostedRewards(8), LinearRewards(8)
    error, spread = held_out(linear, lines, seed)
    assert error < 0.1
    found = held_out(boosted, lines, seed)
    assert found[0] < 1.05 * error
    assert found[1] < 1.01 * spread
    error, spread = held_out(linear, bends, seed)
    found = held_out(boosted, bends, seed)
    assert found[0] < 0.55 * error
    assert found[1] < spread
