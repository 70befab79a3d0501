"""Choosing a hyper-parameter from the log itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.estimator import Estimator, R, Tuning
from promopilot.experiments.ope.inference.influence import standard_error
from promopilot.experiments.ope.inference.sums import sum_by_group

# Standard errors from which SLOPE takes a deviation to be more than noise.
_WIDTH = 1.96
# Tucker and Lee's factor on the deviation of the less biased of two candidates.
_BEFORE = np.sqrt(6.0) - 1.0
# Candidates whose terms are held at once: what they share is summed once for all of them.
_AT_ONCE = 4
# Relative difference below which two numbers count as equal, so that rounding does not choose.
_EQUAL = 1e-9


@dataclass(frozen=True)
class Choice(Generic[R]):
    """The candidate taken, and out of how many."""

    estimator: Estimator[R]
    method: str
    candidates: int


def choose(
    method: Tuning, candidates: Sequence[Estimator[R]], rows: R, group: IntArray
) -> Choice[R]:
    """The candidate that a method takes.

    Args:
        method: "mse" for `least_error`, "slope" for `slope`.
        candidates: the least biased first.
        rows: the log's units.
        group: [n] groups of independent units, for standard errors.
    """
    return (least_error if method == "mse" else slope)(candidates, rows, group)


def least_error(candidates: Sequence[Estimator[R]], rows: R, group: IntArray) -> Choice[R]:
    r"""The candidate of the least estimated mean squared error.

    error_j^2 = (V_j - V_0)^2 + se_j^2, with V_0 the first candidate, which is unbiased or nearly so

    The bias is measured on the same units, so what the two have in common cancels: (V_j - V_0) is
    the mean of (u_j(w) - w)(r - q) for shrunk weights u_j. Su, Dimakopoulou, Krishnamurthy and
    Dudik (2020), "Doubly robust off-policy evaluation with shrinkage", after Wang, Agarwal and
    Dudik (2017); without their allowance for the noise of that mean, which in simulated logs keeps
    too near to V_0. There it comes nearer to the best candidate than `slope`, whose intervals
    ignore that candidates err together; `tests/test_ope_tuning.py` holds both to it.

    Args:
        candidates: the least biased first.
        rows: the log's units.
        group: [n] groups of independent units, for standard errors.
    """
    chosen, least, first = candidates[0], np.inf, None
    for candidate, value, influence in _measured(candidates, rows, group):
        first = value if first is None else first
        squared = (value - first) ** 2 + standard_error(influence) ** 2
        if squared < least * (1.0 - _EQUAL):
            chosen, least = candidate, squared
    return Choice(chosen, "estimated mean squared error", len(candidates))


def slope(candidates: Sequence[Estimator[R]], rows: R, group: IntArray) -> Choice[R]:
    r"""The last candidate whose bias is not yet seen (SLOPE).

    Candidates come with bias rising and deviation falling. One is taken as long as, for all before
    it, |V_j - V_i| <= c_j + (sqrt(6) - 1) c_i: what two unbiased estimates with deviations c could
    differ by. Su, Srinath and Krishnamurthy (2020), "Adaptive estimator selection for off-policy
    evaluation", with the constants of Tucker and Lee (2021), "Improved estimator selection for
    off-policy evaluation". Nothing is asked of the first candidate's bias but to be the least.

    Args:
        candidates: the least biased first.
        rows: the log's units.
        group: [n] groups of independent units, for standard errors.
    """
    chosen, low, high, narrowest = candidates[0], -np.inf, np.inf, np.inf
    for candidate, value, influence in _measured(candidates, rows, group):
        # Deviations are to fall; where one does not, noise says so and the one before it stands.
        narrowest = min(narrowest, _WIDTH * standard_error(influence))
        slack = narrowest + _EQUAL * abs(value)
        if value - slack > high or value + slack < low:
            break
        low, high = max(low, value - _BEFORE * narrowest), min(high, value + _BEFORE * narrowest)
        chosen = candidate
    return Choice(chosen, "SLOPE", len(candidates))


def _measured(
    candidates: Sequence[Estimator[R]], rows: R, group: IntArray
) -> Iterator[tuple[Estimator[R], float, FloatArray]]:
    """Candidates that are defined, each with its value and influence by group."""
    for start in range(0, len(candidates), _AT_ONCE):
        some = candidates[start : start + _AT_ONCE]
        sums = sum_by_group(group, rows.logged, [one.terms(rows) for one in some])
        for at, candidate in enumerate(some):
            value, influence = float(sums.values(at, sums.totals())), sums.influence(at)
            if np.isfinite(value) and np.isfinite(standard_error(influence)):
                yield candidate, value, influence
