"""Which training flights a batch plays: a function of the seed and of the batch's number."""

import numpy as np

from promopilot.envs.arrays import Ints


def batches_of(flights: int, size: int) -> int:
    """Batches of `size` that a set of flights makes; it is rounded up to fill the last one."""
    return -(-flights // size)


def batch_of_flights(
    seed: int, number: int, sets: int, batches: int, size: int
) -> tuple[int, Ints]:
    """The set and the flights `[size]` of a batch, when every pass plays each flight once.

    Every pass has its own order of batches, and every set its own order of flights in it.

    Args:
        seed: Of the order.
        number: Of the batch, from 0.
        sets: How many sets of flights there are.
        batches: Of each set.
        size: Flights in a batch.
    """
    turn, at = divmod(number, sets * batches)
    order = np.random.default_rng([seed, turn]).permutation(sets * batches)
    chosen, batch = divmod(int(order[at]), batches)
    shuffled = np.random.default_rng([seed, turn, chosen]).permutation(batches * size)
    return chosen, shuffled[batch * size : (batch + 1) * size].astype(np.int64)
