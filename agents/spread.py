"""Where pieces of work are done: here, one after the other, or in processes somewhere else.

A flight is the same alone and in any batch, so that pieces of flights can be played anywhere. How
flights are cut into pieces never depends on where these are played, and everywhere a piece has one
thread, since how sums are shared by threads decides their last bits: results are equal bit by bit
on processors of one kind.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from promopilot.envs.arrays import Ints

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")


class Spread(Protocol):
    """Does work on pieces, maybe in other processes."""

    def __call__(
        self, work: Callable[[_Piece], _Result], pieces: Sequence[_Piece]
    ) -> Iterator[_Result]:
        """What `work` makes of each piece, in their order.

        Args:
            work: It may be sent away, and then must be one that can be pickled. It may change
                itself, but not so that its results depend on what it did before.
            pieces: What it is called with.
        """
        ...


def here(work: Callable[[_Piece], _Result], pieces: Sequence[_Piece]) -> Iterator[_Result]:
    """Does each piece in this process when its result is asked for."""
    libraries = ThreadpoolController()
    for piece in pieces:
        with libraries.limit(limits=1):
            result = work(piece)
        yield result


def in_parts(flights: Ints, size: int) -> list[Ints]:
    """Numbers of flights `[F]`, cut into parts of at most `size`."""
    return np.split(flights, range(size, len(flights), size)) if len(flights) else []
