"""Do two ways of estimating agree, as far as chance allows?"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import Estimator, R
from promopilot.experiments.ope.inference.influence import standard_error
from promopilot.experiments.ope.inference.sums import sum_by_group


@dataclass(frozen=True)
class Agreement:
    """The difference of two estimates, paired on the same units; NaN where not defined."""

    first: str  # estimators' names
    second: str
    difference: float  # first minus second
    error: float  # its standard error
    z: float  # the difference in standard errors; 0 where both are the same


def agreement(
    case: Case[R], first: Estimator[R], second: Estimator[R], group: IntArray
) -> Agreement:
    """Compares two estimates that should differ by chance alone.

    Both are unbiased, or nearly so, under true propensities and full support, one of them without a
    reward model: a difference beyond chance (a Hausman test, 1978) says that a premise fails.

    Args:
        case: the log's units under the policy.
        first: the estimator that the verdict rests on.
        second: the one that it is held against.
        group: [n] independent groups of units.
    """
    sums = sum_by_group(group, case.rows.logged, [one.terms(case.rows) for one in (first, second)])
    totals = sums.totals()
    difference = float(sums.values(0, totals) - sums.values(1, totals))
    error = standard_error(sums.influence(0) - sums.influence(1))
    rounding = 1e-12 * float(np.abs(case.rows.logged).max())
    if abs(difference) <= rounding:
        return Agreement(first.name, second.name, 0.0, error, 0.0)
    z = difference / error if error > 0.0 else np.nan
    return Agreement(first.name, second.name, difference, error, float(z))
