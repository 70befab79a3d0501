"""What the look-ahead says on flights that every trial of a search begins with, asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from promopilot.agents.spread import here
from promopilot.agents.training.teacher import Asked, Teaching

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")


class KnownLessons:
    """A `Spread` that works here, and remembers what a teacher said on flights led by itself.

    That depends on the world and on the flights alone, which all trials of a search have in common;
    what it says on a student's flights does not. A process that runs one trial after the other so
    asks once.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], object] = {}

    def __call__(
        self, work: Callable[[_Piece], _Result], pieces: Sequence[_Piece]
    ) -> Iterator[_Result]:
        """What `work` makes of each piece, in their order."""
        for piece in pieces:
            if isinstance(work, Teaching) and isinstance(piece, Asked) and piece.done is None:
                key = piece.seed, piece.flights.tobytes()
                if key not in self._known:
                    [self._known[key]] = here(work, [piece])
                yield self._known[key]  # type: ignore[misc]  # what this work made of it
            else:
                yield from here(work, [piece])


@lru_cache(maxsize=1)
def known_lessons(search: str) -> KnownLessons:
    """Those of this process; another search's are forgotten.

    Args:
        search: Its key.
    """
    return KnownLessons()
