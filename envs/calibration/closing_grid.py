"""Posterior of one or two numbers, on a grid that closes in on where it is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats

_WIDTH = 4.0  # sds that the grid reaches out
_ZOOMS = 8
_FINE = 1.2  # steps of the grid per sd that are too coarse


@dataclass(frozen=True)
class Weighted:
    """Points with weights that add up to one."""

    points: Floats  # [G, A]
    weights: Floats  # [G]
    log_evidence: float  # log of the integral

    @property
    def mean(self) -> Floats:
        """[A]."""
        return np.asarray(self.weights @ self.points)

    @property
    def covariance(self) -> Floats:
        """[A, A]."""
        apart = self.points - self.mean
        return np.asarray((self.weights[:, None] * apart).T @ apart)

    @property
    def sd(self) -> Floats:
        """[A]."""
        return np.sqrt(np.diag(self.covariance))


def close_in(
    log_density: Callable[[Floats], float], centre: Floats, half: Floats, count: int
) -> Weighted:
    """Weigh a grid by a density; where its steps are coarse, again on a closer grid.

    Args:
        log_density: Of a point [A].
        centre: [A] middle of the first grid.
        half: [A] how far that reaches out.
        count: Points of each axis.
    """
    for _ in range(_ZOOMS):
        axes = [c + h * np.linspace(-1, 1, count) for c, h in zip(centre, half, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        log = np.array([log_density(point) for point in points])
        weights = np.exp(log - log.max())
        step = 2 * half / (count - 1)
        evidence = float(log.max() + np.log(weights.sum()) + np.log(step).sum())
        found = Weighted(points, weights / weights.sum(), evidence)
        if (step < _FINE * found.sd).all():
            break
        centre, half = found.mean, np.minimum(_WIDTH * np.maximum(found.sd, step / 2), half)
    return found
