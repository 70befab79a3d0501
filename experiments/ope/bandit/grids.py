"""Candidates for the lambda of each shrinking estimator, made from the weights themselves.

The least biased first, as `tuning` wants them: from the weights as they are to what shrinks
them most. The order of rows does not change a grid.
"""

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.bandit.shrinkage import (
    ClippedInverseProbabilityWeighting,
    DoublyRobustWithShrinkage,
    SubGaussianDoublyRobust,
    SubGaussianInverseProbabilityWeighting,
    SwitchDoublyRobust,
)

# Quantiles of the positive weights at which they may be cut: dense in the tail that makes variance.
_CUTS = (1.0, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
# Candidates of the smooth estimators; a factor of two to five between neighbours in most logs.
_STEPS = 14


def clip_grid(rows: BanditRows) -> list[ClippedInverseProbabilityWeighting]:
    """Caps from the largest weight, which clips nothing, down to 1: what is done as often as now.

    A cap below 1 would lower all that the policy does, whether evidence is thin or not.
    """
    caps = [cut for cut in _cuts(rows.weight) if cut > 1.0]
    return [ClippedInverseProbabilityWeighting(cap) for cap in (*caps, 1.0)]


def switch_grid(rows: BanditRows) -> list[SwitchDoublyRobust]:
    """The same cuts, from `dr` down, and last 0, which is `dm`."""
    return [SwitchDoublyRobust(cut) for cut in (*_cuts(rows.weight), 0.0)]


def shrinkage_grid(rows: BanditRows) -> list[DoublyRobustWithShrinkage]:
    """From 100 times the largest squared weight (all but `dr`) to a 100th of a small one's square.

    Su et al. (2020) search between these multiples of squared quantiles of the weights.
    """
    positive = rows.weight[rows.weight > 0.0]
    if not len(positive):
        return [DoublyRobustWithShrinkage(0.0)]
    most, small = positive.max() ** 2, np.quantile(positive, 0.05) ** 2
    return [
        DoublyRobustWithShrinkage(float(x)) for x in np.geomspace(1e2 * most, 1e-2 * small, _STEPS)
    ]


def sub_gaussian_grid(rows: BanditRows) -> list[SubGaussianInverseProbabilityWeighting]:
    """From 0, which is `ipw`, to 1, by what it does to the largest weight."""
    return [SubGaussianInverseProbabilityWeighting(share) for share in _shares(rows.weight)]


def sub_gaussian_dr_grid(rows: BanditRows) -> list[SubGaussianDoublyRobust]:
    """From 0, which is `dr`, to 1, by what it does to the largest weight."""
    return [SubGaussianDoublyRobust(share) for share in _shares(rows.weight)]


def _cuts(weight: FloatArray) -> list[float]:
    """Descending, each once; none where there is no weight."""
    positive = weight[weight > 0.0]
    if not len(positive):
        return []
    found = np.quantile(positive, _CUTS, method="higher")  # weights that are there
    return [float(cut) for cut in np.unique(found)[::-1]]


def _shares(weight: FloatArray) -> list[float]:
    """Ascending from 0 to 1; the first above 0 takes a tenth off the largest weight, no more."""
    first = 0.1 / max(float(weight.max(initial=0.0)), 1.0)
    return [0.0, *(float(x) for x in np.geomspace(first, 1.0, _STEPS - 1))]
