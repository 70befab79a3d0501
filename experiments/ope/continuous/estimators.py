r"""The estimators for numeric actions, one class each; symbols as in `rows`.

All are biased by the bandwidth h, as they take the rewards of nearby actions for those of the
policy's: by about (h^2 / 2) (\int u^2 K) times the curvature of the reward in the action, and more
where the policy acts at the edge of what was logged. Their variance grows as 1 / (n h). Kallus and
Zhou (2018), "Policy evaluation and optimization with continuous treatments".
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.continuous.kernels import KERNELS
from promopilot.experiments.ope.continuous.rows import ContinuousRows
from promopilot.experiments.ope.estimator import Estimator, Ratio, Terms

# The kernel of smallest squared error (Epanechnikov 1969), and one that gives actions beyond the
# bandwidth no weight at all: where the log shows nothing near, that is seen.
DEFAULT_KERNEL = "epanechnikov"


@dataclass(frozen=True)
class KernelEstimator(Estimator[ContinuousRows]):
    """What they share: a kernel, its bandwidth, and the weights that both make."""

    kernel: str = DEFAULT_KERNEL
    bandwidth: float = np.nan  # in the action's unit, above 0; there is none for every unit

    def __post_init__(self) -> None:
        """Refuses a kernel that is not known and a bandwidth out of range with a ValueError."""
        _check(self.kernel, self.bandwidth)

    def used_weight(self, rows: ContinuousRows) -> FloatArray:
        """[n] weights at this bandwidth."""
        return rows.kernel_weight(self.kernel, self.bandwidth)


@dataclass(frozen=True)
class KernelInverseProbabilityWeighting(KernelEstimator):
    r"""Counts each reward as often as the policy would have earned it: (1/n) \sum_i w_i r_i.

    Consistent as h falls and n h grows, if densities are right and the log shows actions around
    the policy's. Kallus and Zhou (2018).
    """

    name = "kernel_ipw"

    def terms(self, rows: ContinuousRows) -> Terms:
        """Weighted rewards."""
        return Terms(self.used_weight(rows) * rows.reward)


@dataclass(frozen=True)
class KernelSelfNormalizedInverseProbabilityWeighting(KernelEstimator):
    r"""A weighted average of rewards: \sum_i w_i r_i / \sum_i w_i.

    Assumptions of `kernel_ipw`; never outside the rewards seen, steadier, and less biased at the
    edge of what was logged, where weights average to less than 1. Kallus and Zhou (2018).
    """

    name = "kernel_snipw"

    def terms(self, rows: ContinuousRows) -> Terms:
        """Weighted rewards over weights."""
        weight = self.used_weight(rows)
        return Terms(None, (Ratio(weight * rows.reward, weight),))


@dataclass(frozen=True)
class KernelDoublyRobust(KernelEstimator):
    r"""The reward model, corrected by what it got wrong: (1/n) \sum_i [q_i + w_i (r_i - q_i)].

    q_i is that of the policy's action in both places. Assumptions of `kernel_ipw`; less variance
    the better q is. Kallus and Zhou (2018); Colangelo and Lee (2020), "Double debiased machine
    learning nonparametric inference with continuous treatments".
    """

    name = "kernel_dr"

    def terms(self, rows: ContinuousRows) -> Terms:
        """Reward expected of the policy plus weighted error of the model."""
        return Terms(rows.q_policy + self.used_weight(rows) * (rows.reward - rows.q_policy))


def _check(kernel: str, bandwidth: float) -> None:
    if kernel not in KERNELS:
        raise ValueError(f"there is no kernel {kernel!r}; known are {', '.join(KERNELS)}.")
    if np.isnan(bandwidth):
        raise ValueError(
            "it needs a bandwidth with its kernel, in the action's unit, such as "
            f"kernel={kernel},bandwidth=0.5; with neither, one is chosen from the log."
        )
    if not 0.0 < bandwidth < np.inf:
        raise ValueError(f"bandwidth is {bandwidth:.12g}; it must be above 0, and finite.")
