"""Reward estimates where none are given, each made by a model that did not see the decision.

Cross-fitting: decisions are split into folds, and the estimates in a fold come from a model fitted
on the others (Chernozhukov et al. 2018). Otherwise the model would have seen the very rewards that
the doubly robust estimators use to correct it.
"""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor  # type: ignore[import-untyped]

from promopilot.experiments.ope.arrays import BoolArray, FloatArray, IntArray, TextArray
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.settings import OpeSettings


def fold_of(keys: TextArray, folds: int) -> IntArray:
    """Folds 0 to `folds` - 1 of string keys [n], by a hash of each key alone.

    A key stays in its fold whatever other rows come or go, and equal keys share one.
    """
    return (pd.util.hash_array(keys, categorize=False) % np.uint64(folds)).astype(np.int64)


def cross_fitted(
    log: BanditLog, features: FloatArray, fold: IntArray, settings: OpeSettings, seed: int
) -> FloatArray:
    """Expected reward of every action in every decision, [n, A].

    Gradient-boosted trees on the features and the action. An action enters as its mean reward in
    the training folds, mixed with `model_leaf_rows` rows of the overall mean, so that any number of
    actions, and ones not seen in training, can be scored. Estimates stay within the rewards seen
    in training.

    Args:
        log: the decisions.
        features: [n, d] what was known at each decision; not finite where missing, d may be 0.
        fold: [n] fold of each decision, as by `fold_of`.
        settings: rounds, rate and leaf size of the model.
        seed: seed of the model.

    Returns:
        Estimates [n, A]; 0 in a fold that leaves nothing to fit on.
    """
    count, actions = len(log.action), len(log.actions)
    qhat = np.zeros((count, actions))
    for held_out in np.unique(fold):
        inside = fold == held_out
        if inside.all():
            continue
        train = ~inside
        # The trees take gaps, but not a column of nothing else.
        columns = np.isfinite(features[train]).any(axis=0)
        known = np.where(np.isfinite(features[:, columns]), features[:, columns], np.nan)
        means = _action_means(log, train, settings.model_leaf_rows)
        reward = log.reward[train]
        model = HistGradientBoostingRegressor(
            max_iter=settings.model_rounds,
            learning_rate=settings.model_rate,
            min_samples_leaf=settings.model_leaf_rows,
            early_stopping=False,  # it would depend on the order of the rows
            random_state=seed,
        )
        model.fit(np.column_stack([known[train], means[log.action[train]]]), reward)
        scored = np.column_stack([known[inside], np.zeros(int(inside.sum()))])
        for action in range(actions):
            scored[:, -1] = means[action]
            qhat[inside, action] = model.predict(scored)
        qhat[inside] = np.clip(qhat[inside], reward.min(), reward.max())
    return qhat


def _action_means(log: BanditLog, train: BoolArray, prior_rows: int) -> FloatArray:
    """Mean reward of each action [A] in the training rows, drawn towards the overall mean."""
    action, reward = log.action[train], log.reward[train]
    rows = np.bincount(action, minlength=len(log.actions))
    total = np.bincount(action, weights=reward, minlength=len(log.actions))
    return np.asarray((total + prior_rows * reward.mean()) / (rows + prior_rows))
