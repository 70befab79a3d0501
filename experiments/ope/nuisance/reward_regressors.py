"""Models of the reward of each action, as scikit-learn estimators.

Each is fitted on features with the action's index as one more column, the last, and predicts for
such rows or, with `predict_actions`, for all actions at once, which is faster. Loss is squared
error for rewards of 0 and 1 too: it is what the variance of the doubly robust estimate grows with.
"""

from typing import Any, Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin  # type: ignore[import-untyped]

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.nuisance.action_scores import ActionScores
from promopilot.experiments.ope.nuisance.basis import basis_of
from promopilot.experiments.ope.nuisance.boosting import Gaps, trees
from promopilot.experiments.ope.nuisance.cross_fit import Regressor
from promopilot.experiments.ope.nuisance.shrinkage import fit_shrunken

# Rows scored at once: a design of 100 columns is 26 MB.
_BLOCK = 32_768
# Every fourth row chooses how many rounds of boosting are kept.
_HELD_OUT = 4


class RewardModel(Regressor, Protocol):
    """A regressor that scores all actions of a decision at once."""

    def predict_actions(self, features: FloatArray, /) -> FloatArray:
        """Expected reward of every action [m, A] for features [m, d]."""


class LinearRewards(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A linear model with coefficients per action, drawn towards the common ones.

    Lines of each feature may bend at its quartiles, features of few values enter as levels, and
    products of two features are among the columns (`basis`). How far coefficients are drawn in is
    chosen by cross-validation (`shrinkage`). Predictions stay within the rewards of the fit.

    Args:
        actions: number of actions; those not seen in the fit get the common coefficients.
        scores: what else is known of the actions; features then end in the context's number.
    """

    def __init__(self, actions: int = 1, scores: ActionScores | None = None) -> None:
        self.actions = actions
        self.scores = scores

    def fit(self, X: FloatArray, y: FloatArray) -> Self:  # noqa: N803 (scikit-learn's names)
        """Fits on features and, last, the action's index [n, d + 1], and rewards [n]."""
        features, action = X[:, :-1], X[:, -1].astype(np.int64)
        self.range_ = float(y.min()), float(y.max())
        known, self.table_ = features, None
        if self.scores is not None:
            known, context = self.scores.split(features)
            self.table_ = self.scores.scaled(context, action)
        self.basis_ = basis_of(known, self.actions)
        design = self._design(features, action)
        self.coef_ = fit_shrunken(design, action, y, self.actions)  # [A, k + S]
        self._fit_rest(known, y, design, action)
        return self

    def predict_actions(self, features: FloatArray) -> FloatArray:
        """Expected reward of every action [m, A] for features [m, d]."""
        predicted = np.empty((len(features), self.actions))
        for start in range(0, len(features), _BLOCK):
            block = slice(start, start + _BLOCK)
            known, context = self._parts(features[block])
            design = self.basis_.design(known)
            width = design.shape[1]
            linear = design @ self.coef_[:, :width].T
            if self.table_ is not None:
                by_context = np.einsum("cas,as->ca", self.table_, self.coef_[:, width:])
                linear += by_context[context]
            predicted[block] = linear + self._rest(known)[:, None]
        return np.clip(predicted, *self.range_, out=predicted)

    def predict(self, X: FloatArray) -> FloatArray:  # noqa: N803
        """Expected rewards [m] for features and, last, the action's index [m, d + 1]."""
        chosen = X[:, -1:].astype(np.int64)
        return np.asarray(np.take_along_axis(self.predict_actions(X[:, :-1]), chosen, 1)[:, 0])

    def _parts(self, features: FloatArray) -> tuple[FloatArray, IntArray]:
        if self.scores is None:
            return features, np.empty(0, dtype=np.int64)
        return self.scores.split(features)

    def _design(self, features: FloatArray, action: IntArray) -> FloatArray:
        """[n, k + S] for the actions taken."""
        known, context = self._parts(features)
        design = self.basis_.design(known)
        return design if self.table_ is None else np.hstack([design, self.table_[context, action]])

    def _fit_rest(
        self, known: FloatArray, reward: FloatArray, design: FloatArray, action: IntArray
    ) -> None:
        """Fits what a subclass adds to the linear model."""

    def _rest(self, known: FloatArray) -> FloatArray:
        """What a subclass adds to the linear model for every action, [m]."""
        return np.zeros(len(known))


class BoostedRewards(LinearRewards):
    """`LinearRewards`, and boosted trees on what it leaves, the same for every action.

    The trees are scored once per decision, not once per action. How many rounds are kept is chosen
    on every fourth row, and none unless they help by more than chance. The default: on made-up logs
    its error is half the linear model's where rewards bend and no larger where they do not; nor is
    the standard error of the doubly robust estimate (`tests/test_ope_reward_model.py`).

    Args:
        actions: number of actions.
        scores: what else is known of the actions; features then end in the context's number.
        rounds: of boosting, at most.
        rate: step of each round.
        leaf_rows: fewest rows in a leaf.
        seed: of the trees.
    """

    def __init__(
        self,
        actions: int = 1,
        scores: ActionScores | None = None,
        rounds: int = 60,
        rate: float = 0.1,
        leaf_rows: int = 20,
        seed: int = 0,
    ) -> None:
        super().__init__(actions, scores)
        self.rounds = rounds
        self.rate = rate
        self.leaf_rows = leaf_rows
        self.seed = seed

    def _fit_rest(
        self, known: FloatArray, reward: FloatArray, design: FloatArray, action: IntArray
    ) -> None:
        self.gaps_, self.trees_ = Gaps().fit(known), None
        held = np.arange(len(reward)) % _HELD_OUT == 0
        if len(self.gaps_.used_) == 0 or len(reward) < 2 * _HELD_OUT:
            return
        left = reward - np.einsum("nk,nk->n", design, self.coef_[action])
        gapped = self.gaps_.transform(known)
        trial = self._trees(self.rounds).fit(gapped[~held], left[~held])
        without = np.square(left[held])
        saved = [
            without - np.square(left[held] - one) for one in trial.staged_predict(gapped[held])
        ]
        rounds = int(np.argmax([one.sum() for one in saved]))
        # Only what is more than one standard error, else it is chance that trees help.
        if saved[rounds].sum() > np.sqrt(np.square(saved[rounds]).sum()):
            self.trees_ = self._trees(rounds + 1).fit(gapped, left)

    def _rest(self, known: FloatArray) -> FloatArray:
        if self.trees_ is None:
            return super()._rest(known)
        return np.asarray(self.trees_.predict(self.gaps_.transform(known)))

    def _trees(self, rounds: int) -> Any:
        return trees(rounds, self.rate, self.leaf_rows, self.seed)
