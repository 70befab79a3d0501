"""Models of what the rest of an episode brings, as scikit-learn regressors.

They take [state columns, NaN where missing | one column per action, 1 for the action taken].
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin  # type: ignore[import-untyped]
from sklearn.dummy import DummyRegressor  # type: ignore[import-untyped]
from sklearn.linear_model import RidgeCV  # type: ignore[import-untyped]

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.nuisance.boosting import boosted_trees
from promopilot.experiments.ope.nuisance.cross_fit import Regressor
from promopilot.experiments.ope.sequential.state_basis import state_basis
from promopilot.experiments.ope.settings import OpeSettings

# Columns, at most, for the actions' own lines; where they would be more, actions differ in level.
_OWN = 200
# Rows to choose a penalty from; the mean stands in where there are fewer.
_FEWEST = 10
# Name of the model that others are held against.
LINEAR = "linear"
# Penalties tried, in rows' worth of a column of variance 1; the last leaves little but the mean.
_PENALTIES = np.logspace(0, 5, 6)


class LinearModel(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Lines and squares in the state, and each action's own lines, by ridge regression.

    The penalty is chosen by leaving out one row at a time, which has a closed form (Golub, Heath
    and Wahba 1979): nothing is iterated, so nothing can be stopped too early.

    Args:
        actions: number of action columns, which stand last; 0 for a model of the state alone.
    """

    def __init__(self, actions: int = 0) -> None:
        self.actions = actions

    def fit(self, X: FloatArray, y: FloatArray) -> "LinearModel":  # noqa: N803 (scikit-learn's)
        """Fits on [k, d + A] and targets [k]."""
        self.basis_ = state_basis(X[:, : X.shape[1] - self.actions])
        model = RidgeCV(alphas=_PENALTIES) if len(y) >= _FEWEST else DummyRegressor()
        self.model_ = model.fit(self._design(X), y)
        return self

    def predict(self, X: FloatArray) -> FloatArray:  # noqa: N803
        """Predicts [k] for [k, d + A]."""
        return np.asarray(self.model_.predict(self._design(X)))

    def _design(self, table: FloatArray) -> FloatArray:
        width = table.shape[1] - self.actions
        state, taken = table[:, :width], table[:, width:]
        lines = self.basis_.lines(state)
        own = lines[:, :0]
        if self.actions * lines.shape[1] <= _OWN:
            own = np.einsum("ka,kp->kap", taken, lines).reshape(len(table), -1)
        # A column of zeros keeps the fit defined where there is neither state nor action.
        none = np.zeros((len(table), 1))
        return np.hstack([lines, self.basis_.curves(state), taken, own, none])


@dataclass(frozen=True)
class QModel:
    """How to make a model of A actions, and one trained for longer where training is by rounds."""

    name: str
    make: Callable[[], Regressor]
    longer: Callable[[], Regressor] | None = None  # twice the rounds; None: there are none


def q_model(settings: OpeSettings, actions: int, seed: int) -> QModel:
    """The model that the settings name, for `actions` action columns.

    `linear` is the default: boosted trees took 20 times as long and, on made-up worlds of two
    curved states, explained less of what followed below some 10,000 episodes and no more above.
    """
    if settings.q_model == LINEAR:
        return QModel(LINEAR, lambda: LinearModel(actions))

    def trees(rounds: int) -> Any:
        return boosted_trees(settings.model_copy(update={"model_rounds": rounds}), seed)

    rounds = settings.model_rounds
    return QModel("boosting", lambda: trees(rounds), lambda: trees(2 * rounds))
