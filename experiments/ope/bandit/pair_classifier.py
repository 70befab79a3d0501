"""Tells pairs of context and action of two sources apart."""

from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.nuisance.basis import basis_of

# Probabilities of the policy below this count as it: their logarithm would dwarf the others.
_LEAST = 1e-6
# Standard deviation of that logarithm in the design, where other columns have 1, so that the
# penalty touches its coefficient less.
_OPEN = 3.0
# Precision of the fit: log-loss is then within 0.1 % of the optimum's.
_TOLERANCE = 1e-3
_ITERATIONS = 300
# Rows scored at once: a design of 100 columns is 26 MB.
_BLOCK = 32_768


def pairs(features: FloatArray, action: IntArray, probability: FloatArray) -> FloatArray:
    """[m, d + 2] what the classifier takes: features, action, its probability under the policy."""
    return np.column_stack([features, action, probability])


class PairClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Logistic regression with coefficients per action, on a basis of the features.

    The policy's own probability of the action is a feature: the log-odds sought are its logarithm
    less that of the logging policy's, and only the second must be learnt.

    Args:
        actions: number of actions, which are 0 to `actions` - 1.
        inverse_penalty: scikit-learn's `C`: smaller is smoother.
    """

    def __init__(self, actions: int = 1, inverse_penalty: float = 1.0) -> None:
        self.actions = actions
        self.inverse_penalty = inverse_penalty

    def fit(self, X: FloatArray, y: FloatArray) -> Self:  # noqa: N803 (scikit-learn's names)
        """Fits on pairs [m, d + 2] and their source [m], 0 or 1."""
        self.basis_ = basis_of(X[:, :-2], self.actions)
        chance = _logarithm(X)
        self.mean_, self.scale_ = float(chance.mean()), float(chance.std()) or 1.0
        self.classes_ = np.array([0.0, 1.0])
        self.model_: Any = None
        if len(np.unique(y)) > 1:
            self.model_ = LogisticRegression(
                C=self.inverse_penalty, tol=_TOLERANCE, max_iter=_ITERATIONS
            )
            self.model_.fit(self._design(X), y)
        return self

    def decision_function(self, X: FloatArray) -> FloatArray:  # noqa: N803
        """Log-odds [m] of source 1; 0 where the fit saw one source only."""
        score = np.zeros(len(X))
        for start in range(0, len(X) if self.model_ is not None else 0, _BLOCK):
            part = slice(start, start + _BLOCK)
            score[part] = self.model_.decision_function(self._design(X[part]))
        return score

    def predict(self, X: FloatArray) -> FloatArray:  # noqa: N803
        """The likelier source [m]."""
        return np.asarray(self.decision_function(X) > 0.0, dtype=np.float64)

    def _design(self, X: FloatArray) -> Any:  # noqa: N803
        """Sparse: the basis once for all actions, once more in the columns of the pair's action."""
        basis = self.basis_.design(X[:, :-2])
        rows, width = basis.shape
        action = X[:, -2].astype(np.int64)
        place = (action * width)[:, None] + np.arange(width)
        start = np.arange(0, rows * width + 1, width)
        own = sparse.csr_array(
            (basis.ravel(), place.ravel(), start), shape=(rows, self.actions * width)
        )
        chance = _OPEN / self.scale_ * (_logarithm(X) - self.mean_)
        shared = np.column_stack([basis[:, 1:], chance])
        return sparse.hstack([own, sparse.csr_array(shared)], format="csr")


def _logarithm(given: FloatArray) -> FloatArray:
    """[m] of the policy's probability, the last column of pairs [m, d + 2]."""
    return np.asarray(np.log(np.maximum(given[:, -1], _LEAST)))
