"""How far the answer hangs on the heaviest weights."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import Estimator, R
from promopilot.experiments.ope.inference.influence import standard_error
from promopilot.experiments.ope.inference.sums import sum_by_group

# Shares of units whose weight is cut, one row of the table each.
_SHARES = (0.2, 0.1, 0.05, 0.01, 0.001)


@dataclass(frozen=True)
class Clipped:
    """An estimate with weights cut at a cap."""

    cap: float
    estimate: float
    low: float  # ends of its interval
    high: float
    clip_share: float  # share of units whose weight is cut
    gain: float  # over what was logged


def clip_sensitivity(
    case: Case[R],
    estimator: Estimator[R],
    clip: Callable[[R, float], R],
    group: IntArray,
    confidence: float,
    uncut: tuple[float, float],
) -> tuple[Clipped, ...]:
    """Estimates with the heaviest weights cut, from a strong cut to none.

    The row without a cut has the estimate's own interval. Those of the others are normal, from
    influence functions: a cut that leaves no heavy weight leaves little that a bootstrap would see
    and they do not, and one for each of them would cost as much again as the whole evaluation.

    A cut trades variance for bias (Ionides 2008). An answer that a cut of few weights overturns
    hangs on those few units.

    Args:
        case: the log's units under the policy.
        estimator: the estimator that the verdict rests on.
        clip: cuts the weights of rows.
        group: [n] independent groups of units.
        confidence: of the normal intervals.
        uncut: interval of the estimate where no weight is cut.
    """
    weight, logged = case.rows.weight, case.rows.logged
    caps = np.unique([*np.quantile(weight, 1.0 - np.array(_SHARES)), weight.max()])
    reach = float(norm.ppf(0.5 + confidence / 2.0))
    found = []
    for cap in caps[caps > 0.0]:
        sums = sum_by_group(group, logged, [estimator.terms(clip(case.rows, float(cap)))])
        value = float(sums.values(0, sums.totals()))
        error = standard_error(sums.influence(0))
        low, high = value - reach * error, value + reach * error
        if cap == weight.max():
            low, high = uncut
        found.append(
            Clipped(
                cap=float(cap),
                estimate=value,
                low=low,
                high=high,
                clip_share=float((weight > cap).mean()),
                gain=value - float(logged.mean()),
            )
        )
    return tuple(found)
