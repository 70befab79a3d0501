"""How large a randomised test must be."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.trust.clusters import Clusters


@dataclass(frozen=True)
class Precision:
    """What a two-sided test of two equal groups is to promise."""

    confidence: float  # 1 minus the probability of a difference where there is none
    power: float  # probability of finding the difference that it is made for

    def reach(self, per_arm: float) -> float:
        """Standard errors that a difference must lie from 0, `per_arm` (or endless) units each."""
        free = 2.0 * per_arm - 2.0
        return float(student_t.ppf(0.5 + self.confidence / 2.0, free)) + float(
            student_t.ppf(self.power, free)
        )


def units_per_arm(spread: float, effect: float, precision: Precision) -> int:
    r"""Units in each of two groups so that a difference of means is found.

    n = 2 (z_{1 - \alpha/2} + z_{power})^2 spread^2 / effect^2 (Cohen 1988; Lachin 1981), with
    quantiles of Student's t in place of the normal's, which matters where groups are small.

    Args:
        spread: standard deviation of a unit's part of the mean, above 0.
        effect: difference to be found, in the same unit as `spread`; its sign does not matter.
        precision: of the test.
    """
    scale = 2.0 * (spread / effect) ** 2
    size = max(2, int(np.ceil(scale * precision.reach(np.inf) ** 2)))
    while size < scale * precision.reach(size) ** 2:  # a few steps: the quantiles come together
        size += 1
    return size


def detectable(spread: float, per_arm: int, precision: Precision) -> float:
    """The smallest difference that groups of `per_arm` units, at least 2, promise to find."""
    return spread * float(np.sqrt(2.0 / per_arm)) * precision.reach(per_arm)


def spread_of(reward: FloatArray, clusters: Clusters) -> float:
    r"""Standard deviation of a cluster's part of the mean reward per row.

    Clusters are dealt to the groups, while the test compares means per row, so a cluster's part is
    e_c / m with e_c = \sum_{i in c} (r_i - mean) and m rows a cluster on average: the linear form
    of a ratio of sums (Deng, Knoblich and Lu 2018, "Applying the delta method in metric
    analytics").
    Over the variance of single rows this holds the design effect (Kish 1965).

    Args:
        reward: [n] what each row brought.
        clusters: what is dealt as a whole.

    Returns:
        The spread, in reward per row; NaN for one cluster.
    """
    count = len(clusters.size)
    if count < 2:
        return float("nan")
    off = clusters.sums(reward - reward.mean())
    return float(np.sqrt(np.square(off).sum() / (count - 1)) / clusters.size.mean())
