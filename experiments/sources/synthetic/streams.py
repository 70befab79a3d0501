"""Random numbers of a made-up shop: a stream for each purpose, so that none moves the others."""

from __future__ import annotations

import numpy as np

_PURPOSES = (
    *("copy", "calendar", "economics", "effects", "supply", "habits", "stock", "week", "spend"),
    *("market", "readings", "tests", "log"),
)


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The random numbers of one purpose."""
    return np.random.default_rng([seed, _PURPOSES.index(purpose)])


def seed_of(seed: int, purpose: str) -> int:
    """A seed of the market's own streams for one purpose."""
    return int(stream(seed, purpose).integers(2**32))
