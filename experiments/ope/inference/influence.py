"""Intervals from influence functions: an estimate plus or minus quantiles of Student's t."""

import numpy as np
from scipy.stats import t as student_t

from promopilot.experiments.ope.arrays import FloatArray


def standard_error(influence: FloatArray) -> float:
    """Standard error from what each of G independent groups adds [G]; NaN for one group.

    Cluster-robust, with the usual factor G / (G - 1): Cameron and Miller (2015).
    """
    groups = len(influence)
    if groups < 2:
        return float("nan")
    return float(np.sqrt(np.square(influence).sum() * groups / (groups - 1)))


def t_interval(estimate: float, influence: FloatArray, confidence: float) -> tuple[float, float]:
    """Estimate plus or minus the t quantile (G - 1 degrees of freedom) times the standard error."""
    groups = len(influence)
    if groups < 2:
        return float("nan"), float("nan")
    reach = float(student_t.ppf(0.5 + confidence / 2.0, groups - 1)) * standard_error(influence)
    return estimate - reach, estimate + reach
