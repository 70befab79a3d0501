"""Propensities where none are logged, each by a model that did not see the decision.

They take it that what the logging policy went by stands in the log's columns: what it knew and the
log does not tell makes all that rests on them wrong, and nothing in the log shows it. Therefore
they are marked, and a verdict is no better than `test_first`.

The doubly robust estimate stays right if either model is, and its interval counts the error of both
(`cross_fit`). Intervals of weighting alone take the estimates for the true propensities, which on
average makes them too wide, not too narrow (Lunceford and Davidian 2004).
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.nuisance.action_classifier import ActionProbabilities
from promopilot.experiments.ope.nuisance.cross_fit import FoldModels, fit_folds
from promopilot.experiments.ope.settings import OpeSettings


@dataclass(frozen=True)
class FittedPropensities:
    """Propensity models of one log, one per fold."""

    models: FoldModels[ActionProbabilities]
    actions: int

    def predict(self, features: FloatArray, fold: IntArray) -> FloatArray:
        """Probability of every action [m, A], each row by the model that did not see its fold.

        Args:
            features: [m, d] of these rows, columns as in the fit.
            fold: [m] folds as in the fit.

        Returns:
            Probabilities [m, A] that sum to 1, each at least `propensity_floor` / A; 1 / A where
            the fit had one fold only and so nothing to fit on.
        """
        predicted = np.full((len(features), self.actions), 1.0 / self.actions)
        for model, rows in self.models.by_fold(fold):
            predicted[rows] = model.predict_proba(features[rows])
        return predicted


def fit_propensities(
    log: BanditLog, features: FloatArray, fold: IntArray, settings: OpeSettings, seed: int
) -> FittedPropensities:
    """Fits a model of what the logging policy did per fold, on at most `model_rows` other rows.

    Args:
        log: n decisions over A actions; propensities and rewards are not used.
        features: [n, d] what was known at each decision; not finite where missing, d may be 0.
        fold: [n] fold of each decision, as by `folds.folds_of_units`.
        settings: floor and rows.
        seed: seed of the model and of the sample.
    """
    actions = len(log.actions)
    models = fit_folds(
        lambda: ActionProbabilities(actions, settings.propensity_floor, seed),
        features,
        log.action.astype(np.float64),
        fold,
        settings.model_rows,
        seed,
    )
    return FittedPropensities(models, actions)


def estimated_propensity(
    log: BanditLog, features: FloatArray, fold: IntArray, settings: OpeSettings, seed: int
) -> FloatArray:
    """Estimated probability [n] with which each logged action was chosen.

    Arguments as `fit_propensities`.
    """
    fitted = fit_propensities(log, features, fold, settings, seed)
    everything = fitted.predict(features, fold)
    return np.asarray(np.take_along_axis(everything, log.action[:, None], axis=1)[:, 0])
