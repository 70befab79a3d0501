r"""Estimators that weigh the logged rewards and trust no reward model; symbols as in `rows`."""

from dataclasses import dataclass

from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.estimator import Estimator, Ratio, Terms


@dataclass(frozen=True)
class InverseProbabilityWeighting(Estimator[BanditRows]):
    r"""Counts each reward as often as the policy would have earned it: (1/n) \sum_i w_i r_i.

    Unbiased if propensities are right and the log can show every action that the policy takes;
    variance grows with the weights. Its own spread misses the heaviest weights as often as the log
    does, so its interval is that of `snipw`, stretched. Horvitz and Thompson (1952).
    """

    name = "ipw"
    interval_from = "snipw"

    def terms(self, rows: BanditRows) -> Terms:
        """Weighted rewards."""
        return Terms(rows.weight * rows.reward)


@dataclass(frozen=True)
class SelfNormalizedInverseProbabilityWeighting(Estimator[BanditRows]):
    r"""A weighted average of rewards: \sum_i w_i r_i / \sum_i w_i.

    Assumptions of `ipw`. Slightly biased in small logs, consistent; never outside the rewards seen,
    and a constant added to all rewards is added to the estimate. Swaminathan and Joachims (2015).
    """

    name = "snipw"

    def terms(self, rows: BanditRows) -> Terms:
        """Weighted rewards over weights."""
        return Terms(None, (Ratio(rows.weight * rows.reward, rows.weight),))
