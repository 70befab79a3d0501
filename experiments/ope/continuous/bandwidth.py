"""How near an action must be to stand for another: bandwidths, and which to use.

The candidates go by the spread of the logged actions. SLOPE (`tuning`) takes the widest one whose
bias does not yet show, which may be as large as two intervals; an estimate at that one is right to
within its bias, but its interval is not. So the interval's bandwidth is a quarter of it: bias goes
with the square of the bandwidth, so that of about four standard errors a quarter of one is left.
That the same log chooses still costs its 95 % intervals 2 to 3 points of coverage in our
simulations, where SLOPE's own choice covers one time in ten (`tests/test_ope_continuous.py`).
Narrowing the bandwidth of least error until bias is small beside the interval is known as
undersmoothing: Hall (1992), "Effect of bias estimation on coverage accuracy of bootstrap confidence
intervals for a probability density".
"""

from collections.abc import Callable, Sequence

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.continuous.estimators import DEFAULT_KERNEL
from promopilot.experiments.ope.continuous.rows import ContinuousRows
from promopilot.experiments.ope.estimator import Estimator
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import effective_sample_size
from promopilot.experiments.ope.tuning import slope

# In spreads of the logged actions, each sqrt(2) times the one before: from narrower than any log
# needs to all of it. Su et al. (2020) take a geometric grid too.
_FACTORS = 2.0 ** (np.arange(-14, 1) / 2.0)
# Candidates from SLOPE's choice back to a quarter of it.
_BACK = 4
# Usable evidence below which a candidate's standard error says too little to compare it by; as the
# default of `min_ess`, so that no bandwidth is taken that the verdict would refuse for its width.
_LEAST_EVIDENCE = OpeSettings().min_ess


def spread(action: FloatArray) -> float:
    """The spread of actions [n], of which outliers make no more: above 0 where two differ.

    The smaller of the standard deviation and the range of the middle half over 1.349, its value for
    a normal distribution (Silverman 1986, section 3.4.2).
    """
    deviation = float(action.std())
    low, high = np.quantile(action, [0.25, 0.75])
    middle = float(high - low) / 1.349
    return min(deviation, middle) if middle > 0.0 else deviation


def bandwidths(rows: ContinuousRows) -> FloatArray:
    """Bandwidths in the action's unit, the narrowest first.

    Those at which the log says too little are left out; the widest stays. For the policy that wrote
    the log, whose weights are 1 at any, only that one.
    """
    widths = np.asarray(_FACTORS * spread(rows.action))
    if rows.wanted is None:
        return widths[-1:]
    evidence = [effective_sample_size(rows.kernel_weight(DEFAULT_KERNEL, h)) for h in widths]
    enough = np.asarray(evidence) >= _LEAST_EVIDENCE
    enough[-1] = True
    return np.asarray(widths[np.argmax(enough) :])


def candidates(
    make: Callable[[str, float], Estimator[ContinuousRows]], rows: ContinuousRows, group: IntArray
) -> Sequence[Estimator[ContinuousRows]]:
    """An estimator's candidates up to the one to use, the least biased first.

    SLOPE keeps the last of them, as none before it showed a bias.

    Args:
        make: the estimator from a kernel and a bandwidth.
        rows: the log.
        group: [n] groups of independent decisions, for standard errors.
    """
    all_of_them = [make(DEFAULT_KERNEL, float(h)) for h in bandwidths(rows)]
    widest = all_of_them.index(slope(all_of_them, rows, group).estimator)
    return all_of_them[: max(widest - _BACK, 0) + 1]
