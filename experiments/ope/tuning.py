"""Choosing a hyper-parameter from the log itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.estimator import Estimator, R
from promopilot.experiments.ope.inference.influence import standard_error
from promopilot.experiments.ope.inference.sums import sum_by_group

# Width of a candidate's interval in standard errors; two of them, as SLOPE adds both sides'.
_WIDTH = 1.96


@dataclass(frozen=True)
class Choice(Generic[R]):
    """The candidate taken, and out of how many."""

    estimator: Estimator[R]
    method: str
    candidates: int


def slope(candidates: Sequence[Estimator[R]], rows: R, group: IntArray) -> Choice[R]:
    """The most shrunk candidate whose bias is not yet seen (SLOPE).

    Candidates come with bias rising and variance falling. Each has an interval of two widths; the
    last one whose interval meets all those before it is taken: once bias exceeds what noise
    explains, intervals part. Su, Srinath and Krishnamurthy (2020), "Adaptive estimator selection
    for off-policy evaluation", with Lepski's principle.

    Args:
        candidates: the least biased first.
        rows: the log's units.
        group: [n] groups of independent units, for standard errors.
    """
    low, high, chosen = -np.inf, np.inf, candidates[0]
    narrowest = np.inf
    for candidate in candidates:
        sums = sum_by_group(group, rows.logged, [candidate.terms(rows)])
        value = float(sums.values(0, sums.totals()))
        error = standard_error(sums.influence(0))
        if not np.isfinite(value) or not np.isfinite(error):
            continue
        # Widths are to fall; where one does not, noise says so and the width before it stands.
        narrowest = min(narrowest, error)
        reach = 2.0 * _WIDTH * narrowest
        if value - reach > high or value + reach < low:
            break
        low, high, chosen = max(low, value - reach), min(high, value + reach), candidate
    return Choice(chosen, "SLOPE", len(candidates))
