"""Reward estimates where none are given, each made by a model that did not see the decision.

Otherwise the model would have seen the very rewards that the doubly robust estimators use to
correct it (`cross_fit` says what cross-fitting buys).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.nuisance.action_scores import ActionScores
from promopilot.experiments.ope.nuisance.cross_fit import FoldModels, fit_folds
from promopilot.experiments.ope.nuisance.reward_regressors import (
    BoostedRewards,
    LinearRewards,
    RewardModel,
)
from promopilot.experiments.ope.settings import OpeSettings


@dataclass(frozen=True)
class FittedRewards:
    """Reward models of one log, one per fold."""

    models: FoldModels[RewardModel]
    actions: int

    def predict(self, features: FloatArray, fold: IntArray) -> FloatArray:
        """Expected reward of every action [m, A], each row by the model that did not see its fold.

        Args:
            features: [m, d] of these rows, columns as in the fit.
            fold: [m] folds as in the fit.

        Returns:
            Estimates [m, A]; 0 where the fit had one fold only and so nothing to fit on.
        """
        predicted = np.zeros((len(features), self.actions))
        for model, rows in self.models.by_fold(fold):
            predicted[rows] = model.predict_actions(features[rows])
        return predicted


def fit_rewards(
    log: BanditLog,
    features: FloatArray,
    fold: IntArray,
    settings: OpeSettings,
    seed: int,
    make: Callable[[], RewardModel] | None = None,
) -> FittedRewards:
    """Fits a reward model per fold, on at most `model_rows` rows of the others.

    Args:
        log: n decisions over A actions; propensities are not used.
        features: [n, d] what was known at each decision; not finite where missing, d may be 0.
        fold: [n] fold of each decision, as by `folds.folds_of_units`.
        settings: which model, and its rounds, rate, leaf size and rows.
        seed: seed of the model and of the sample.
        make: gives an unfitted model instead of the one of the settings.
    """
    actions = len(log.actions)
    known = np.column_stack([features, log.action])
    models = fit_folds(
        make or (lambda: reward_model(actions, settings, seed)),
        known,
        log.reward,
        fold,
        settings.model_rows,
        seed,
    )
    return FittedRewards(models, actions)


def cross_fitted(
    log: BanditLog, features: FloatArray, fold: IntArray, settings: OpeSettings, seed: int
) -> FloatArray:
    """Expected reward of every action in every decision [n, A]; arguments as `fit_rewards`.

    Returns:
        Estimates [n, A], within the rewards seen in training; 0 where all decisions share a fold.
    """
    return fit_rewards(log, features, fold, settings, seed).predict(features, fold)


def reward_model(
    actions: int, settings: OpeSettings, seed: int, scores: ActionScores | None = None
) -> RewardModel:
    """A new unfitted model of the rewards of actions, as the settings say.

    Args:
        actions: A.
        settings: which model, and its rounds, rate and leaf size.
        seed: of the model.
        scores: what else is known of the actions, such as predicted rates.

    Raises:
        LogError: a predictor is asked for and there are no scores of it.
    """
    if settings.reward_model == "predictor" and scores is None:
        raise LogError(
            "ope.reward_model is predictor, which scores the promotions of a log with one action "
            "per decision, read from a file; for other logs name boosting or linear."
        )
    if settings.reward_model == "linear":
        return LinearRewards(actions, scores)
    return BoostedRewards(
        actions, scores, settings.model_rounds, settings.model_rate, settings.model_leaf_rows, seed
    )
