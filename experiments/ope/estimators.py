r"""The estimators: how logged rewards tell the value of a policy that did not choose them.

Throughout, i runs over the n decisions of the log, x_i is what was known, a_i the action taken, r_i
what it brought, p_i the probability with which it was taken, pi(a|x) the policy to be judged,
q(x, a) an estimate of the expected reward and

    w_i = pi(a_i|x_i) / p_i             the weight: how much more often the policy would do this
    qbar_i = sum_a pi(a|x_i) q(x_i, a)  the reward expected of the policy in decision i

Every estimator is a formula over sums of per-decision terms. The same formula is applied to the
sums over the log and to the sums over each bootstrap replicate, so an interval resamples the whole
estimator, normalisation included.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from promopilot.experiments.ope.log import BanditLog, FloatArray


@dataclass(frozen=True)
class Rows:
    """What the estimators need of each decision, all [n]."""

    reward: FloatArray  # r_i
    weight: FloatArray  # w_i, at least 0
    q_logged: FloatArray  # q(x_i, a_i)
    q_policy: FloatArray  # qbar_i


def rows_for(log: BanditLog, probability: FloatArray, qhat: FloatArray) -> Rows:
    """Rows for a policy given as probabilities [n, A], with reward estimates [n, A]."""
    taken = log.action[:, None]
    return Rows(
        reward=log.reward,
        weight=np.take_along_axis(probability, taken, axis=1)[:, 0] / log.propensity,
        q_logged=np.take_along_axis(qhat, taken, axis=1)[:, 0],
        q_policy=np.einsum("na,na->n", probability, qhat),
    )


def rows_for_logged(log: BanditLog, qhat: FloatArray) -> Rows:
    """Rows for the policy that wrote the log: every weight is 1.

    Its probabilities of the actions not taken are unknown, so the action taken stands for its
    choice in qbar, which is unbiased for it.
    """
    q_logged = np.take_along_axis(qhat, log.action[:, None], axis=1)[:, 0]
    return Rows(log.reward, np.ones_like(log.reward), q_logged, q_logged)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Quotient, NaN where there is no weight at all: the policy was never followed."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0.0)


@dataclass(frozen=True)
class Estimator(ABC):
    """One formula over sums of per-decision terms."""

    name: ClassVar[str]

    @abstractmethod
    def terms(self, rows: Rows) -> tuple[FloatArray, ...]:
        """The k per-decision terms, each [n]."""

    @abstractmethod
    def value(self, count: FloatArray, sums: FloatArray) -> FloatArray:
        """The estimate from the number of decisions [...] and the terms' sums [k, ...]."""

    def estimate(self, rows: Rows) -> float:
        """The estimate for a log; NaN where it is not defined."""
        sums = np.array([term.sum() for term in self.terms(rows)])[:, None]
        return float(self.value(np.array([float(len(rows.reward))]), sums)[0])


@dataclass(frozen=True)
class DirectMethod(Estimator):
    r"""Believes the reward model: (1/n) \sum_i qbar_i.

    Unbiased only if q is right wherever the policy acts; smallest variance. Its interval shows how
    decisions differ and not how wrong q may be, so it is too narrow and no verdict rests on it.
    Beygelzimer and Langford (2009), "The offset tree for learning with partial labels".
    """

    name = "dm"

    def terms(self, rows: Rows) -> tuple[FloatArray, ...]:
        """The reward expected of the policy."""
        return (rows.q_policy,)

    def value(self, count: FloatArray, sums: FloatArray) -> FloatArray:
        """Mean."""
        return np.asarray(sums[0] / count)


@dataclass(frozen=True)
class InverseProbabilityWeighting(Estimator):
    r"""Counts each reward as often as the policy would have earned it: (1/n) \sum_i w_i r_i.

    Unbiased if propensities are right and the log can show every action that the policy takes;
    variance grows with the weights. Horvitz and Thompson (1952).
    """

    name = "ipw"

    def terms(self, rows: Rows) -> tuple[FloatArray, ...]:
        """Weighted rewards."""
        return (rows.weight * rows.reward,)

    def value(self, count: FloatArray, sums: FloatArray) -> FloatArray:
        """Mean."""
        return np.asarray(sums[0] / count)


@dataclass(frozen=True)
class SelfNormalizedInverseProbabilityWeighting(Estimator):
    r"""A weighted average of rewards: \sum_i w_i r_i / \sum_i w_i.

    Assumptions of `ipw`. Slightly biased in small logs, consistent; never outside the rewards seen,
    and a constant added to all rewards is added to the estimate. Swaminathan and Joachims (2015).
    """

    name = "snipw"

    def terms(self, rows: Rows) -> tuple[FloatArray, ...]:
        """Weighted rewards, weights."""
        return rows.weight * rows.reward, rows.weight

    def value(self, count: FloatArray, sums: FloatArray) -> FloatArray:
        """Ratio of sums."""
        return _ratio(sums[0], sums[1])


@dataclass(frozen=True)
class DoublyRobust(Estimator):
    r"""The reward model, corrected by what it got wrong.

    (1/n) \sum_i [qbar_i + w_i (r_i - q(x_i, a_i))]

    Unbiased if propensities are right, whatever q is, as long as q was not fitted on the same
    decision; less variance than `ipw` the better q is. Dudik, Langford and Li (2011).
    """

    name = "dr"

    def terms(self, rows: Rows) -> tuple[FloatArray, ...]:
        """Reward expected of the policy plus weighted error of the model."""
        return (rows.q_policy + rows.weight * (rows.reward - rows.q_logged),)

    def value(self, count: FloatArray, sums: FloatArray) -> FloatArray:
        """Mean."""
        return np.asarray(sums[0] / count)


@dataclass(frozen=True)
class SelfNormalizedDoublyRobust(Estimator):
    r"""`dr`, its correction a weighted average.

    (1/n) \sum_i qbar_i + \sum_i w_i (r_i - q(x_i, a_i)) / \sum_i w_i

    Assumptions of `dr`; slightly biased in small logs, consistent, steadier where weights are
    large. Only the correction is normalised. Thomas and Brunskill (2016), for one step.
    """

    name = "sndr"

    def terms(self, rows: Rows) -> tuple[FloatArray, ...]:
        """Reward expected of the policy, weighted error of the model, weights."""
        return rows.q_policy, rows.weight * (rows.reward - rows.q_logged), rows.weight

    def value(self, count: FloatArray, sums: FloatArray) -> FloatArray:
        """Mean plus ratio of sums."""
        return np.asarray(sums[0] / count + _ratio(sums[1], sums[2]))


ESTIMATORS: tuple[Estimator, ...] = (
    DirectMethod(),
    InverseProbabilityWeighting(),
    SelfNormalizedInverseProbabilityWeighting(),
    DoublyRobust(),
    SelfNormalizedDoublyRobust(),
)
