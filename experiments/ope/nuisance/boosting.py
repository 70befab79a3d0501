"""Gradient-boosted trees as they are used throughout."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin  # type: ignore[import-untyped]
from sklearn.ensemble import HistGradientBoostingRegressor  # type: ignore[import-untyped]

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.settings import OpeSettings


class Gaps(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns that have a value somewhere, NaN where it is not finite: what trees can read."""

    def fit(self, X: FloatArray, y: Any = None) -> Self:  # noqa: N803 (scikit-learn's names)
        """Notes which columns of features [n, d] have a value."""
        self.used_ = np.flatnonzero(np.isfinite(X).any(axis=0))
        return self

    def transform(self, X: FloatArray) -> FloatArray:  # noqa: N803
        """These columns [m, used]."""
        used = X[:, self.used_]
        return np.where(np.isfinite(used), used, np.nan)


def trees(rounds: int, rate: float, leaf_rows: int, seed: int) -> HistGradientBoostingRegressor:
    """A new regressor; NaN in a feature is a gap, but no column may be all gaps (`Gaps`).

    Args:
        rounds: of boosting.
        rate: step of each.
        leaf_rows: fewest rows in a leaf.
        seed: of the bins, where there are very many rows.
    """
    return HistGradientBoostingRegressor(
        max_iter=rounds,
        learning_rate=rate,
        min_samples_leaf=leaf_rows,
        early_stopping=False,  # scikit-learn's keeps the rounds after the best one
        random_state=seed,
    )


def boosted_trees(settings: OpeSettings, seed: int) -> HistGradientBoostingRegressor:
    """`trees` with the rounds, rate and leaf size of the settings."""
    return trees(settings.model_rounds, settings.model_rate, settings.model_leaf_rows, seed)
