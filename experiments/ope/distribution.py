"""Tables of probabilities, one distribution a row."""

from collections.abc import Callable

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray


def normalised(table: FloatArray) -> FloatArray:
    """Probabilities [n, A] of which each row sums to 1 up to the rounding of what was written.

    That rounding is divided out: rewards far from 0 would make a gain of it.
    """
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def check_sums(table: FloatArray, tolerance: float, where: Callable[[int], str]) -> None:
    """Refuses probabilities [n, A] of which a row does not sum to 1.

    Args:
        table: the probabilities.
        tolerance: how far a sum may be off.
        where: says where a row stands.

    Raises:
        LogError: naming the first row at fault and its sum.
    """
    totals = table.sum(axis=1)
    if (wrong := np.abs(totals - 1.0) > tolerance).any():
        row = int(np.argmax(wrong))
        raise LogError(
            f"{where(row)}: probabilities sum to {totals[row]:.12g}; they must sum to 1."
        )
