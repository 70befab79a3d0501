r"""Weights told by a classifier, without propensities, and the estimator that uses them.

A classifier learns to tell decisions as the policy would take them from decisions as logged. If
c(x, a) is the probability that it is the policy's, the weight is the odds

    v(x, a) = c(x, a) / (1 - c(x, a)),

which is pi(a|x) / p(a|x) for the best classifier: both sides have the same contexts. Sondhi, Arbour
and Dimmery (2020), "Balanced off-policy evaluation in general action spaces"; Arbour, Dimmery and
Sondhi (2021), "Permutation weighting".
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.pair_classifier import PairClassifier, pairs
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.estimator import Estimator, Ratio, Terms
from promopilot.experiments.ope.nuisance.cross_fit import FoldModels, fit_folds

# Tried for the classifier, scikit-learn's `C`: from nearly alike for all contexts to its default.
_INVERSE_PENALTIES = (0.001, 0.01, 0.1, 1.0)


@dataclass(frozen=True)
class BalancedInverseProbabilityWeighting(Estimator[BanditRows]):
    r"""`snipw` with weights told by a classifier: \sum_i v_i r_i / \sum_i v_i.

    Needs no propensities, but a classifier that is right: its error is bias, and no weight shows
    actions that were never logged. Its interval counts the noise of rewards, not the classifier's.
    Sondhi, Arbour and Dimmery (2020).
    """

    name = "balanced_ipw"

    def used_weight(self, rows: BanditRows) -> FloatArray:
        """[n] v_i."""
        if rows.balanced is None:
            raise LogError("balanced_ipw: no weights were fitted; ask for it by its name.")
        return rows.balanced

    def terms(self, rows: BanditRows) -> Terms:
        """Rewards by the classifier's weights, over these weights."""
        weight = self.used_weight(rows)
        return Terms(None, (Ratio(weight * rows.reward, weight),))


@dataclass(frozen=True)
class Pairs:
    """Decisions as logged, and beside each an action drawn from the policy in the same context."""

    features: FloatArray  # [n, d] what was known; not finite where missing, d may be 0
    fold: IntArray  # [n] as by `nuisance.folds`
    action: IntArray  # [n] logged
    probability: FloatArray  # [n] of that action under the policy
    drawn: IntArray  # [n] from the policy
    drawn_probability: FloatArray  # [n]


def draw_pairs(
    features: FloatArray, fold: IntArray, action: IntArray, policy: FloatArray, uniform: FloatArray
) -> Pairs:
    """Draws one action per decision from the policy.

    Args:
        features: [n, d].
        fold: [n].
        action: [n] logged.
        policy: [n, A] probability of each action.
        uniform: [n] numbers in [0, 1), evenly spread, that choose the action.
    """
    passed = np.cumsum(policy, axis=1)
    drawn = (passed <= uniform[:, None] * passed[:, -1:]).sum(axis=1)
    row = np.arange(len(action))
    return Pairs(features, fold, action, policy[row, action], drawn, policy[row, drawn])


@dataclass(frozen=True)
class FittedBalance:
    """Classifiers of one log, one per fold, and the calibration of their scores."""

    models: FoldModels[PairClassifier]
    slope: float  # of the log-odds on the score
    level: float

    def weight(
        self, features: FloatArray, fold: IntArray, action: IntArray, probability: FloatArray
    ) -> FloatArray:
        """Weights [m] of logged decisions, each by the classifier that did not see its fold.

        Args:
            features: [m, d] columns as in the fit.
            fold: [m] folds as in the fit.
            action: [m] logged.
            probability: [m] of that action under the policy; where it is 0 so is the weight.
        """
        score = _scores(self.models, pairs(features, action, probability), fold)
        return np.where(probability > 0.0, np.exp(self.slope * score + self.level), 0.0)


def fit_balance(log: Pairs, actions: int) -> FittedBalance:
    """Fits a classifier per fold on the other folds, and the scale on which scores are log-odds.

    How smooth it is, and that scale (Platt 1999), are three numbers for the whole log, found on
    decisions that the scoring classifier did not see. Rewards enter nowhere.

    Args:
        log: the decisions, or a sample where they are many.
        actions: number of actions.
    """
    # What the policy never does has weight 0 and needs no classifier; the odds stay as they are.
    seen = log.probability > 0.0
    logged = pairs(log.features[seen], log.action[seen], log.probability[seen])
    chosen = pairs(log.features, log.drawn, log.drawn_probability)
    both = np.concatenate([logged, chosen])
    is_policy = np.repeat([0.0, 1.0], [len(logged), len(chosen)])
    fold = np.concatenate([log.fold[seen], log.fold])
    inside = fold == fold[-1]
    if inside.all() or not seen.any():
        return FittedBalance(FoldModels({}), 0.0, 0.0)

    def loss(inverse_penalty: float) -> float:
        model = PairClassifier(actions, inverse_penalty).fit(both[~inside], is_policy[~inside])
        score = model.decision_function(both[inside])
        return float(np.logaddexp(0.0, np.where(is_policy[inside] > 0.0, -score, score)).mean())

    best = min(_INVERSE_PENALTIES, key=loss)
    models = fit_folds(lambda: PairClassifier(actions, best), both, is_policy, fold)
    score = _scores(models, both, fold)
    scale = LogisticRegression(C=np.inf).fit(score[:, None], is_policy)
    return FittedBalance(models, float(scale.coef_[0, 0]), float(scale.intercept_[0]))


def _scores(models: FoldModels[PairClassifier], given: FloatArray, fold: IntArray) -> FloatArray:
    score = np.zeros(len(given))
    for model, rows in models.by_fold(fold):
        score[rows] = model.decision_function(given[rows])
    return score
