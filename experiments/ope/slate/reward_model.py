"""Reward estimates for slates: what a policy earns from each position on, fitted backwards.

At the last position the target is the reward there; at each one before, the reward there plus what
the policy is expected to earn from the next position on. Each slate is scored by models that did
not see its fold. Kiyohara et al. (2022), section 4; fitted Q evaluation, Le, Voloshin and Yue
(2019), with the position as the step.
"""

import numpy as np

from promopilot.experiments.ope.arrays import BoolArray, FloatArray, IntArray
from promopilot.experiments.ope.nuisance.reward_model import reward_model
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.slate.log import SlateLog


def cross_fitted(
    log: SlateLog,
    probability: FloatArray,
    features: FloatArray,
    fold: IntArray,
    settings: OpeSettings,
    seed: int,
) -> FloatArray:
    """Expected reward from each row's position on, for every item there, [m, A].

    The model of the settings at each position, as for bandit logs, on the features and on how well
    the items shown before do: the mean of their mean rewards in the training folds. Estimates stay
    within the targets of training.

    Args:
        log: the slates.
        probability: [m, A] of each item under the policy, after the logged items before it.
        features: [m, d] what was known; not finite where missing, d may be 0.
        fold: [n] fold of each slate, as by `folds.folds_of_units`.
        settings: which model, and its rounds, rate and leaf size.
        seed: seed of the models.

    Returns:
        Estimates [m, A]; 0 in a fold that leaves nothing to fit on.
    """
    found = np.zeros(probability.shape)
    for held_out in np.unique(fold):
        train = fold != held_out
        if train.any():
            fitted = _fitted(log, probability, features, train, settings, seed)
            found[~train[log.slate]] = fitted[~train[log.slate]]
    return found


def _fitted(
    log: SlateLog,
    probability: FloatArray,
    features: FloatArray,
    train: BoolArray,
    settings: OpeSettings,
    seed: int,
) -> FloatArray:
    """Estimates [m, A] for all rows by models of the slates marked in `train` [n]."""
    q = np.zeros(probability.shape)
    expected = np.zeros(log.count)  # from the next position on, under the policy
    means = _item_means(log, train[log.slate], settings.model_leaf_rows)
    known = np.column_stack([features, _mean_before(log, means[log.action])])
    for k in reversed(range(int(log.position.max()) + 1)):
        rows = np.flatnonzero(log.position == k)
        seen = rows[train[log.slate[rows]]]
        if len(seen) == 0:  # so long a slate is among those held out only
            continue
        model = reward_model(len(log.actions), settings, seed)
        target = log.reward[seen] + expected[log.slate[seen]]
        model.fit(np.column_stack([known[seen], log.action[seen]]), target)
        q[rows] = model.predict_actions(known[rows])
        expected[log.slate[rows]] = np.einsum("ma,ma->m", probability[rows], q[rows])
    return q


def _item_means(log: SlateLog, rows: BoolArray, prior_rows: int) -> FloatArray:
    """Mean reward of each item [A] in the rows marked, drawn towards the overall mean."""
    item, value = log.action[rows], log.reward[rows]
    count = np.bincount(item, minlength=len(log.actions))
    total = np.bincount(item, weights=value, minlength=len(log.actions))
    return np.asarray((total + prior_rows * value.mean()) / (count + prior_rows))


def _mean_before(log: SlateLog, value: FloatArray) -> FloatArray:
    """Mean of values [m] over the positions before each row's; NaN at the first."""
    table = log.by_position(value, 0.0)
    before = np.cumsum(table, axis=1) - table
    total = before[log.slate, log.position]
    first = log.position == 0
    return np.where(first, np.nan, total / np.where(first, 1, log.position))
