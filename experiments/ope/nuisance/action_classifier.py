"""What the logging policy did, learnt from what was known, as a scikit-learn classifier."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin  # type: ignore[import-untyped]
from sklearn.calibration import CalibratedClassifierCV  # type: ignore[import-untyped]
from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.metrics import log_loss  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.nuisance.basis import basis_of
from promopilot.experiments.ope.nuisance.boosting import Gaps

# Rows scored at once: a design of 100 columns is 26 MB.
_BLOCK = 32_768
# Rows below which an action gets a rate and no model: calibration needs some in each part.
_FEW = 5
# Parts of the inner cross-validation, and the inverse penalties tried.
_PARTS, _INVERSE_PENALTIES = 3, (0.001, 0.01, 0.1)
# Rows that choose the model, at most; a penalty stands for how far coefficients differ, not for how
# many rows there are.
_CHOOSING = 20_000
# Precision of the logits' fit: log-loss is then within 0.1 % of the optimum's, in a third of the
# time.
_TOLERANCE, _ITERATIONS = 1e-3, 300
# Leaves of a tree and rounds without progress after which boosting stops: a tree per action and
# round, each from few rows.
_LEAVES, _PATIENCE = 15, 3


class ActionProbabilities(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Multinomial logits on a basis of the features, or boosted trees; calibrated, bounded below.

    Of both, and of several penalties of the logits, the one with the least log-loss on rows held
    out is taken: logits are the better for policies that are smooth, trees for rules such as "the
    best one, mostly". Its scores are divided by a temperature fitted on predictions for rows held
    out (Guo et al. 2017), so that a probability of 0.1 means one in ten. An action logged less than
    five times gets its share of all rows, half a row added, in each.

    Args:
        actions: number of actions, which are 0 to `actions` - 1.
        floor: no probability is below this share of 1 / `actions`; above 0 and below 1.
        seed: of the trees.
    """

    def __init__(self, actions: int = 1, floor: float = 0.01, seed: int = 0) -> None:
        self.actions = actions
        self.floor = floor
        self.seed = seed

    def fit(self, X: FloatArray, y: FloatArray) -> Self:  # noqa: N803 (scikit-learn's names)
        """Fits on features [n, d] and the actions taken [n]."""
        action = np.asarray(y, dtype=np.int64)
        counts = np.bincount(action, minlength=self.actions)
        self.classes_ = np.arange(self.actions)
        self.share_ = (counts + 0.5) / (len(action) + 0.5 * self.actions)  # Krichevsky, Trofimov
        self.common_ = np.flatnonzero(counts >= _FEW)
        self.model_ = None
        if len(self.common_) > 1 and basis_of(X, self.actions).width > 1:
            rows = np.isin(action, self.common_)
            model = self._best(X[rows], action[rows])
            calibrated = CalibratedClassifierCV(
                model, method="temperature", cv=_PARTS, ensemble=False
            )
            self.model_ = calibrated.fit(X[rows], action[rows])
        return self

    def predict_proba(self, X: FloatArray) -> FloatArray:  # noqa: N803
        """Probabilities of all actions [m, A] for features [m, d]; they sum to 1."""
        found = np.tile(self.share_, (len(X), 1))
        if self.model_ is not None:
            whole = self.share_[self.common_].sum()
            for start in range(0, len(X), _BLOCK):
                given = self.model_.predict_proba(X[start : start + _BLOCK])
                found[start : start + _BLOCK, self.common_] = whole * given
        return floored(found, self.floor / self.actions)

    def predict(self, X: FloatArray) -> FloatArray:  # noqa: N803
        """The likeliest action [m]."""
        return np.asarray(self.predict_proba(X).argmax(axis=1), dtype=np.float64)

    def _best(self, features: FloatArray, action: IntArray) -> Any:
        """An unfitted model, the one with the least log-loss on every third row."""
        step = -(-len(action) // _CHOOSING)
        features, action = features[::step], action[::step]
        held = np.arange(len(action)) % _PARTS == 0
        scored = held & np.isin(action, action[~held])

        def loss(model: Any) -> float:
            model.fit(features[~held], action[~held])
            found = model.predict_proba(features[scored])
            return float(log_loss(action[scored], found, labels=model.classes_))

        logits = [
            make_pipeline(
                _Design(self.actions),
                LogisticRegression(C=inverse, tol=_TOLERANCE, max_iter=_ITERATIONS),
            )
            for inverse in _INVERSE_PENALTIES
        ]
        trees = HistGradientBoostingClassifier(
            max_leaf_nodes=_LEAVES,
            early_stopping=True,
            n_iter_no_change=_PATIENCE,
            validation_fraction=0.2,
            random_state=self.seed,
        )
        return min([*logits, make_pipeline(Gaps(), trees)], key=loss)


class _Design(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The basis of features as a step of a pipeline, without its column of ones."""

    def __init__(self, actions: int = 1) -> None:
        self.actions = actions

    def fit(self, X: FloatArray, y: Any = None) -> Self:  # noqa: N803
        self.basis_ = basis_of(X, self.actions)
        return self

    def transform(self, X: FloatArray) -> FloatArray:  # noqa: N803
        return self.basis_.design(X)[:, 1:]


def floored(probability: FloatArray, least: float) -> FloatArray:
    """Probabilities [m, A] raised to `least` at least, and made to sum to 1 again.

    Dividing by the new sum, at most 1 + A times what they are raised to, lowers them a little: they
    are raised to so much that `least` remains.
    """
    raised = np.maximum(probability, least / (1.0 - probability.shape[1] * least))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
