"""What else is known of each action in each context, as columns of a reward model."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class ActionScores:
    """S scores of A actions in C contexts, such as predicted rates.

    Features of a decision then have its context's number, 0 to C - 1, as their last column.
    """

    values: FloatArray  # [C, A, S], NaN where an action has none

    def split(self, features: FloatArray) -> tuple[FloatArray, IntArray]:
        """The features proper [m, d - 1], and the contexts [m]."""
        return features[:, :-1], features[:, -1].astype(np.int64)

    def scaled(self, context: IntArray, action: IntArray) -> FloatArray:
        """The table [C, A, S] with mean 0 and variance 1 over given rows [n]; 0 where NaN.

        A score that does not vary over them is 0 everywhere.
        """
        seen = self.values[context, action]
        known = np.isfinite(seen)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, seen, 0.0).sum(axis=0) / count
        off = np.where(known, seen - mean, 0.0)
        spread = np.sqrt(np.square(off).sum(axis=0) / count)
        varies = spread > 1e-9 * np.maximum(np.abs(mean), 1e-300)
        scaled = (self.values - mean) / np.where(varies, spread, 1.0)
        return np.where(np.isfinite(self.values) & varies, scaled, 0.0)
