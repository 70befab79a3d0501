r"""Estimators that start from a reward model and correct it; symbols as in `rows`."""

from dataclasses import dataclass

from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.estimator import Estimator, Ratio, Terms


@dataclass(frozen=True)
class DirectMethod(Estimator[BanditRows]):
    r"""Believes the reward model: (1/n) \sum_i qbar_i.

    Unbiased only if q is right wherever the policy acts; smallest variance. How decisions differ
    does not tell how wrong q is, so its interval is that of `dr`, stretched to hold the estimate.
    Beygelzimer and Langford (2009), "The offset tree for learning with partial labels".
    """

    name = "dm"
    interval_from = "dr"

    def terms(self, rows: BanditRows) -> Terms:
        """The reward expected of the policy."""
        return Terms(rows.q_policy)


@dataclass(frozen=True)
class DoublyRobust(Estimator[BanditRows]):
    r"""The reward model, corrected by what it got wrong.

    (1/n) \sum_i [qbar_i + w_i (r_i - q(x_i, a_i))]

    Unbiased if propensities are right, whatever q is, as long as q was not fitted on the same
    decision; less variance than `ipw` the better q is. Dudik, Langford and Li (2011).
    """

    name = "dr"

    def terms(self, rows: BanditRows) -> Terms:
        """Reward expected of the policy plus weighted error of the model."""
        return Terms(rows.q_policy + rows.weight * (rows.reward - rows.q_logged))


@dataclass(frozen=True)
class SelfNormalizedDoublyRobust(Estimator[BanditRows]):
    r"""`dr`, its correction a weighted average.

    (1/n) \sum_i qbar_i + \sum_i w_i (r_i - q(x_i, a_i)) / \sum_i w_i

    Assumptions of `dr`; slightly biased in small logs, consistent, steadier where weights are
    large. Only the correction is normalised. Thomas and Brunskill (2016), for one step.
    """

    name = "sndr"

    def terms(self, rows: BanditRows) -> Terms:
        """Reward expected of the policy; weighted error of the model over weights."""
        return Terms(
            rows.q_policy,
            (Ratio(rows.weight * (rows.reward - rows.q_logged), rows.weight),),
        )
