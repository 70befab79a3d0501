"""Actions that are whole numbers: one of A, for each flight."""

from typing import Any

import numpy as np

from promopilot.envs.arrays import Ints
from promopilot.envs.errors import MarketError


def whole_actions(action: Any, shape: tuple[int, ...], num_actions: int) -> Ints:
    """Actions as whole numbers of a shape.

    Raises:
        MarketError: They are not, or lie outside the action space.
    """
    given = np.asarray(action)
    rule = f"must be {'whole numbers' if shape else 'a whole number'} from 0 to {num_actions - 1}"
    if given.shape != shape:
        raise MarketError(f"The action has shape {given.shape}; it must be {shape} and {rule}.")
    if given.dtype.kind not in "iu":
        raise MarketError(f"The action is {action!r} of type {given.dtype}; it {rule}.")
    outside = (given < 0) | (given >= num_actions)
    if outside.any():
        raise MarketError(f"The action is {given[outside].flat[0]}; it {rule}.")
    return given.astype(np.int64)
