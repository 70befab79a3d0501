"""Kernels: how much an action counts as evidence for another, by their distance."""

from collections.abc import Callable

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray


def gaussian(distance: FloatArray) -> FloatArray:
    """exp(-u^2 / 2) / sqrt(2 pi): every action counts, far ones hardly."""
    return np.asarray(np.exp(-0.5 * np.square(distance)) / np.sqrt(2.0 * np.pi))


def epanechnikov(distance: FloatArray) -> FloatArray:
    """3/4 (1 - u^2) within 1: the smallest squared error of all (Epanechnikov 1969)."""
    return np.asarray(0.75 * np.maximum(1.0 - np.square(distance), 0.0))


def triangular(distance: FloatArray) -> FloatArray:
    """1 - |u| within 1."""
    return np.asarray(np.maximum(1.0 - np.abs(distance), 0.0))


def uniform(distance: FloatArray) -> FloatArray:
    """1/2 within 1: all actions within the bandwidth count alike."""
    return np.where(np.abs(distance) <= 1.0, 0.5, 0.0)


# By name; each maps distances in bandwidths [n] to densities [n] that integrate to 1.
KERNELS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "gaussian": gaussian,
    "epanechnikov": epanechnikov,
    "triangular": triangular,
    "uniform": uniform,
}
