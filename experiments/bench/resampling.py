"""Intervals over training seeds and flights together."""

from __future__ import annotations

import numpy as np

from promopilot.envs.arrays import Floats

_REPLICATES = 2_000


def means(trained: Floats, *others: Floats) -> Floats:
    """Means `[1 + replicates, 1 + others]`: of the sample itself, then of resampled ones.

    Seeds are resampled among seeds and flights among flights, the same flights for all policies
    (the pigeonhole bootstrap; Owen 2007): each is a source of chance of its own.

    Args:
        trained: Values of each seed and flight `[S, F]`.
        others: Values of policies that are not trained `[F]`.
    """
    rng = np.random.default_rng(0)
    seeds, flights = trained.shape
    by_seed, by_flight = (_weights(rng, size) for size in (seeds, flights))
    mine = np.einsum("rs,sf,rf->r", by_seed, trained, by_flight, optimize=True)
    return np.stack([mine, *(by_flight @ value for value in others)], axis=1)


def _weights(rng: np.random.Generator, size: int) -> Floats:
    """[1 + replicates, size] weights of a mean: equal ones, then those of resampling."""
    even = np.full(size, 1 / size)
    drawn = rng.multinomial(size, even, size=_REPLICATES) / size
    return np.concatenate([even[None], drawn])


def bounds(draws: Floats) -> tuple[float, float, float]:
    """The sample's own figure, and its 95 % percentile interval."""
    low, high = np.percentile(draws[1:], [2.5, 97.5])
    return float(draws[0]), float(low), float(high)
