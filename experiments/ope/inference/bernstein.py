r"""The empirical Bernstein bound: an interval that holds for any log size, given a range.

Of G independent values within a range of width R, with mean m and sample variance V, the true mean
lies with probability 1 - d within

    m -+ ( sqrt(2 V ln(4/d) / G) + 7 R ln(4/d) / (3 (G - 1)) )

Maurer and Pontil (2009), theorem 4, with d/2 for either side.
"""

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray


def bernstein_interval(
    estimate: float, influence: FloatArray, confidence: float
) -> tuple[float, float]:
    """The bound for the values that each of G independent groups adds to an estimate.

    A group's value is the estimate plus G times its influence; for a mean over groups of one size
    these are the groups' own means. R is the range of the values seen: the true one is unknown, so
    the bound holds only if the log shows the extremes. For ratios it holds to first order.

    Args:
        estimate: of the whole log.
        influence: [G] how far each group moves it.
        confidence: 1 - d.

    Returns:
        Both ends; (NaN, NaN) for one group.
    """
    groups = len(influence)
    if groups < 2:
        return float("nan"), float("nan")
    values = groups * influence
    log = np.log(4.0 / (1.0 - confidence))
    reach = np.sqrt(2.0 * values.var(ddof=1) * log / groups)
    reach += 7.0 * np.ptp(values) * log / (3.0 * (groups - 1))
    return float(estimate - reach), float(estimate + reach)
