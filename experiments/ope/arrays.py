"""Array types of offline evaluation."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
TextArray = NDArray[np.object_]  # of str

# Rewards beyond this leave no room for their squares.
LARGEST_REWARD = 1e100
USABLE_SQL = f"abs({{value}}) <= {LARGEST_REWARD:g}"  # the same of a cell; NaN exceeds all
USABLE_REWARD = "it must be a finite number, of a size up to 1e100"  # the rule in words


def unusable(reward: FloatArray) -> BoolArray:
    """Where rewards or estimates of them are no numbers, or too large to be squared."""
    return np.asarray(~(np.abs(reward) <= LARGEST_REWARD))
