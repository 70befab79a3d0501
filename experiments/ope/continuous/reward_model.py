"""Reward estimates for numeric actions, each made by a model that did not see the decision."""

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.nuisance.cross_fit import fit_folds
from promopilot.experiments.ope.nuisance.reward_model import FittedRewards, reward_model
from promopilot.experiments.ope.settings import OpeSettings


def cross_fitted(
    features: FloatArray,
    action: FloatArray,
    reward: FloatArray,
    wanted: FloatArray,
    fold: IntArray,
    settings: OpeSettings,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    """Expected reward of the policy's action and of the logged one, both [n].

    The model of the settings, as for named actions, on the features and the action. Estimates stay
    within the rewards seen in training, also where the policy goes beyond the logged actions.

    Args:
        features: [n, d] what was known at each decision; not finite where missing, d may be 0.
        action: [n] the logged action.
        reward: [n] what it brought.
        wanted: [n] the policy's action.
        fold: [n] fold of each decision, as by `folds.folds_of_units`.
        settings: which model, and its rounds, rate, leaf size and rows.
        seed: seed of the models.

    Returns:
        Estimates; 0 where there is one fold only, which leaves nothing to fit on.
    """
    known = np.column_stack([features, action])
    # To the model the number is one more feature, and all decisions take the one action 0.
    taken = np.column_stack([known, np.zeros(len(action))])
    models = fit_folds(
        lambda: reward_model(1, settings, seed), taken, reward, fold, settings.model_rows, seed
    )
    fitted = FittedRewards(models, actions=1)
    of_policy = fitted.predict(np.column_stack([features, wanted]), fold)
    return of_policy[:, 0], fitted.predict(known, fold)[:, 0]
