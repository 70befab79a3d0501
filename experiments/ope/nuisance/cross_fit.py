"""Cross-fitting with any scikit-learn estimator: each row scored by a model that did not see it.

Rows are split into folds, and the predictions in a fold come from a model fitted on the others.
A score that errors of its models move only in second order, as the doubly robust one, then has the
influence function that it would have if the models were known: the spread of the score over units
is its standard error, model error included. It holds as long as the product of the errors of the
reward and the propensity model vanishes faster than 1/sqrt(n); where propensities are logged theirs
is zero, and any reward model will do. Chernozhukov et al. (2018), "Double/debiased machine
learning", theorems 3.1, 3.2 and 5.1. Folds keep the rows of a cluster together, as in Chiang et al.
(2022), "Multiway cluster robust double/debiased machine learning".
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray


class Model(Protocol):
    """The part of a scikit-learn estimator that fitting needs."""

    def fit(self, X: FloatArray, y: FloatArray, /) -> Any:  # noqa: N803 (scikit-learn's names)
        """Fits on features [m, d] and targets [m]."""


class Regressor(Model, Protocol):
    """A scikit-learn regressor."""

    def predict(self, X: FloatArray, /) -> FloatArray:  # noqa: N803
        """Predictions [m] for features [m, d]."""


M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class FoldModels(Generic[M]):
    """One fitted model per fold, each fitted without that fold; none where there is one fold."""

    models: Mapping[int, M]

    def by_fold(self, fold: IntArray) -> Iterator[tuple[M, IntArray]]:
        """Each fold's model with the places where `fold` [m] is that fold.

        A fold that the fit did not meet was seen by no model, and any may score it. Without models
        nothing is given.
        """
        for held_out in np.unique(fold) if self.models else ():
            model = self.models.get(int(held_out), next(iter(self.models.values())))
            yield model, np.flatnonzero(fold == held_out)


def fit_folds(
    make: Callable[[], M],
    features: FloatArray,
    target: FloatArray,
    fold: IntArray,
    most: int | None = None,
    seed: int = 0,
) -> FoldModels[M]:
    """Fits one model per fold on the rows of all others.

    Args:
        make: gives a new unfitted model.
        features: [n, d].
        target: [n].
        fold: [n] as by `folds.fold_of`.
        most: rows that one model is fitted on, at most; of more a random sample is taken.
        seed: of the sample.
    """
    models: dict[int, M] = {}
    for held_out in np.unique(fold):
        train = np.flatnonzero(fold != held_out)
        if most is not None and len(train) > most:
            rng = np.random.default_rng([seed, int(held_out)])
            train = np.sort(rng.choice(train, most, replace=False))
        if len(train):
            models[int(held_out)] = make()
            models[int(held_out)].fit(features[train], target[train])
    return FoldModels(models)
