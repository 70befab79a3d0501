import numpy as np
import pytest

from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.nuisance.reward_model import cross_fitted, fold_of
from promopilot.experiments.ope.settings import OpeSettings

COUNT = 1200


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(0)
    feature = rng.normal(size=(COUNT, 1))
    action = rng.integers(3, size=COUNT)
    truth = 0.3 * feature + np.array([0.0, 1.0, -1.0])  # [n, A]
    log = BanditLog(
        action=action,
        reward=truth[np.arange(COUNT), action] + 0.3 * rng.normal(size=COUNT),
        propensity=np.full(COUNT, 1 / 3),
        cluster=np.arange(COUNT),
        evidence="logged",
        actions=("a", "b", "c", "never"),
    )
    keys = np.array([f"d{i}" for i in range(COUNT)], dtype=object)
    return log, feature, keys, truth


def test_estimates_follow_feature_and_action(given):
    log, feature, keys, truth = given
    qhat = cross_fitted(log, feature, fold_of(keys, 5), OpeSettings(), 0)
    assert qhat.shape == (COUNT, 4)
    assert np.isfinite(qhat).all()
    error = np.mean((qhat[:, :3] - truth) ** 2)
    assert error < 0.1 * truth.var()
    assert qhat.min() >= log.reward.min()
    assert qhat.max() <= log.reward.max()


def test_a_decisions_own_reward_does_not_reach_its_estimate(given):
    log, feature, keys, _ = given
    fold = fold_of(keys, 5)
    before = cross_fitted(log, feature, fold, OpeSettings(), 0)
    reward = log.reward.copy()
    reward[fold == 2] += 100.0
    moved = BanditLog(log.action, reward, log.propensity, log.cluster, log.evidence, log.actions)
    after = cross_fitted(moved, feature, fold, OpeSettings(), 0)
    assert (after[fold == 2] == before[fold == 2]).all()
    assert (after[fold != 2] != before[fold != 2]).any()


def test_works_without_features_and_with_missing_ones(given):
    log, feature, keys, _ = given
    fold = fold_of(keys, 3)
    means = [log.reward[log.action == a].mean() for a in range(3)]
    bare = cross_fitted(log, np.empty((COUNT, 0)), fold, OpeSettings(), 0)
    assert bare[:, :3].mean(axis=0) == pytest.approx(means, abs=0.1)
    holes = np.where(np.arange(COUNT)[:, None] % 3 == 0, np.nan, feature)
    holes = np.column_stack([holes, np.full(COUNT, np.nan), np.full(COUNT, np.inf)])
    assert np.isfinite(cross_fitted(log, holes, fold, OpeSettings(), 0)).all()


def test_folds_depend_on_the_key_alone(given):
    _, _, keys, _ = given
    fold = fold_of(keys, 5)
    assert (fold_of(keys[::-1], 5) == fold[::-1]).all()
    assert (fold_of(keys[:100], 5) == fold[:100]).all()
    assert np.bincount(fold, minlength=5).min() > COUNT / 5 * 0.75


def test_a_single_fold_leaves_nothing_to_fit_on(given):
    log, feature, _, _ = given
    qhat = cross_fitted(log, feature, np.zeros(COUNT, dtype=int), OpeSettings(), 0)
    assert (qhat == 0.0).all()
