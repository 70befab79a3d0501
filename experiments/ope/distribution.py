"""Tables of probabilities, one distribution a row."""

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray


def normalised(table: FloatArray) -> FloatArray:
    """Probabilities [n, A] of which each row sums to 1 up to the rounding of what was written.

    That rounding is divided out: rewards far from 0 would make a gain of it.
    """
    return np.asarray(table / table.sum(axis=1, keepdims=True))
