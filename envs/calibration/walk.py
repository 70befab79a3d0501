"""A path that all units share: a random walk and noise of single days, both of unknown size.

The path D [T] is a walk of sd `walk` a day, held at 0 on the last day (levels are those of that
day), plus independent noise of sd `noise` a day. Each has a log-normal prior and is integrated on a
grid, so that the path's uncertainty covers that of both sizes. In the eigenvectors of the walk's
covariance both are diagonal, so that a pair of sizes costs one Cholesky factor.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import solve_triangular

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.closing_grid import Weighted, close_in
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.priors import Prior

_POINTS = {1: 21, 2: 9}  # of the grid, by its axes
_WIDE = 3.0  # sds of the prior that it reaches out
_STILL = 1e-9  # sd of a walk that is none
_SLIGHT = 1e-3  # points of less than this share of the best one's weight are left out


@dataclass(frozen=True)
class Path:
    """Posterior of a shared path."""

    mean: Floats  # [T]
    covariance: Floats  # [T, T]
    log_walk: tuple[float, float]  # mean and sd of the log of the walk's sd
    log_noise: tuple[float, float]  # likewise of the noise's
    log_evidence: float


def fit_path(
    information: Floats,
    vector: Floats,
    walk: Prior | None,
    noise: Prior,
    at: tuple[float, float] | None = None,
) -> Path:
    """Posterior of the path, given a Gaussian likelihood of it.

    Args:
        information: [T, T] G of the likelihood exp(-D'GD / 2 + g'D).
        vector: [T] g.
        walk: Prior of the walk's sd a day; None for a path of noise alone.
        noise: Prior of the noise's sd.
        at: Logs of the two sds where they are held, else they are integrated.
    """
    sizes, turned = _eigen(len(vector))
    likelihood = _Likelihood(turned.T @ information @ turned, turned.T @ vector, sizes)
    priors = [noise] if walk is None else [walk, noise]
    middle, spread = (
        np.array([centre(prior) for prior in priors]),
        np.array([prior.sd for prior in priors]),
    )

    def both(point: Floats) -> tuple[float, float]:
        walk_sd, noise_sd = (_STILL, np.exp(point[0])) if walk is None else np.exp(point)
        return float(walk_sd), float(noise_sd)

    def log_density(point: Floats) -> float:
        apart = (point - middle) / spread
        return likelihood.log(*both(point)) - 0.5 * float(apart @ apart)

    if at is None:
        grid = close_in(log_density, middle, _WIDE * spread, _POINTS[len(priors)])
        normal = np.log(spread).sum() + 0.5 * len(priors) * np.log(2 * np.pi)
        evidence = grid.log_evidence - float(normal)
    else:
        point = np.array(at)
        grid, evidence = Weighted(point[None], np.ones(1), 0.0), log_density(point)
    mean, second = np.zeros(len(vector)), np.zeros(information.shape)
    kept = grid.weights > _SLIGHT * grid.weights.max()
    shares = grid.weights[kept] / grid.weights[kept].sum()
    for share, point in zip(shares, grid.points[kept], strict=True):
        centred, covariance = likelihood.posterior(*both(point))
        mean += share * centred
        second += share * (covariance + np.outer(centred, centred))
    covariance = turned @ (second - np.outer(mean, mean)) @ turned.T
    logs = [(float(m), float(s)) for m, s in zip(grid.mean, grid.sd, strict=True)]
    log_walk = (float(np.log(_STILL)), 0.0) if walk is None else logs[0]
    return Path(turned @ mean, covariance, log_walk, logs[-1], evidence)


def walk_likelihood(information: Floats, vector: Floats, walk: Floats) -> Floats:
    """Log marginal likelihood of walks of some sds, without noise, over that of none at all."""
    sizes, turned = _eigen(len(vector))
    likelihood = _Likelihood(turned.T @ information @ turned, turned.T @ vector, sizes)
    return np.array([likelihood.log(float(sd), _STILL) for sd in walk])


def smoothed(weight: Floats, vectors: Floats, walk: float) -> Floats:
    """(diag(weight) + C^-1)^-1 vectors [T, V], C the covariance of a walk of this sd a day."""
    sizes, turned = _eigen(len(weight))
    likelihood = _Likelihood((turned.T * weight) @ turned, np.zeros(len(weight)), sizes)
    covariance = likelihood.posterior(walk, _STILL)[1]
    return np.asarray(turned @ (covariance @ (turned.T @ vectors)))


@lru_cache(maxsize=4)
def _eigen(days: int) -> tuple[Floats, Floats]:
    """Eigenvalues and vectors of a unit walk's covariance, 0 on the last day."""
    left = np.arange(days)[::-1].astype(np.float64)
    values, vectors = np.linalg.eigh(np.minimum(left[:, None], left))
    return np.maximum(values, 0.0), vectors


@dataclass(frozen=True)
class _Likelihood:
    """The likelihood in eigenvectors of the walk."""

    information: Floats
    vector: Floats
    sizes: Floats

    def log(self, walk: float, noise: float) -> float:
        """Log of it with the path integrated out."""
        root, inner = self._factor(walk, noise)
        half = solve_triangular(inner, root * self.vector, lower=True, check_finite=False)
        return float(0.5 * half @ half - np.log(np.diag(inner)).sum())

    def posterior(self, walk: float, noise: float) -> tuple[Floats, Floats]:
        """Mean and covariance of the path."""
        root, inner = self._factor(walk, noise)
        factor = solve_triangular(inner, np.diag(root), lower=True, check_finite=False)
        return factor.T @ (factor @ self.vector), factor.T @ factor

    def _factor(self, walk: float, noise: float) -> tuple[Floats, Floats]:
        """Root of the prior's variances, and of I + that G that."""
        root = np.sqrt(walk**2 * self.sizes + noise**2)
        inner = root[:, None] * self.information * root
        inner[np.diag_indices_from(inner)] += 1.0
        return root, np.asarray(np.linalg.cholesky(inner), dtype=np.float64)
