r"""Estimators that lean on a model of what the rest of an episode brings; symbols as in `rows`."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.estimator import Estimator, Ratio, Terms
from promopilot.experiments.ope.sequential.rows import SequentialRows


@dataclass(frozen=True)
class SequentialDirectMethod(Estimator[SequentialRows]):
    r"""Believes the estimates q at the start of each episode: (1/n) \sum_i v_i0.

    Unbiased only if q_0 is right wherever the policy acts; smallest variance. How episodes differ
    does not tell how wrong q is, so its interval is that of `dr_seq`, stretched to hold the
    estimate. Jiang and Li (2016).
    """

    name = "dm_seq"
    interval_from = "dr_seq"

    def terms(self, rows: SequentialRows) -> Terms:
        """What the policy is expected to earn from the start."""
        return Terms(rows.q_policy[:, 0])


@dataclass(frozen=True)
class FittedQEvaluation(Estimator[SequentialRows]):
    r"""The value at the start by fitted Q evaluation: (1/n) \sum_i v_i0, see `fqe`.

    `dm_seq` with estimates fitted on the log itself, each episode's by models that did not see it.
    Assumes that the state columns hold all of the past that matters and that the model can follow
    the truth. Le, Voloshin and Yue (2019), "Batch policy learning under constraints".
    """

    name = "fqe"
    interval_from = "dr_seq"

    def terms(self, rows: SequentialRows) -> Terms:
        """What the fitted models expect from the start."""
        if rows.fitted_start is None:
            raise ValueError("these rows hold no fitted values; make the case with fqe asked for")
        return Terms(rows.fitted_start)


@dataclass(frozen=True)
class SequentialDoublyRobust(Estimator[SequentialRows]):
    r"""The estimates q, corrected at every step by what they got wrong.

    (1/n) \sum_i \sum_t g^t [w_i,t-1 v_it + w_it (r_it - q_t(s_it, a_it))]

    Unbiased if propensities are right, whatever q is, as long as q was not fitted on the same
    episode; less variance than `pdis` the better q is. Jiang and Li (2016), "Doubly robust
    off-policy value evaluation for reinforcement learning".
    """

    name = "dr_seq"

    def terms(self, rows: SequentialRows) -> Terms:
        """Value expected at the start plus weighted errors of all steps."""
        return Terms(doubly_robust_returns(rows))


@dataclass(frozen=True)
class SelfNormalizedSequentialDoublyRobust(Estimator[SequentialRows]):
    r"""`dr_seq`, its weights averaging to 1 at every step.

    \sum_t g^t [\sum_i w_i,t-1 v_it / \sum_i w_i,t-1 + \sum_i w_it (r_it - q_it) / \sum_i w_it]

    Assumptions of `dr_seq`; slightly biased in small logs, consistent, steadier where weights are
    large. Thomas and Brunskill (2016), "Data-efficient off-policy policy evaluation for
    reinforcement learning", where it is called weighted doubly robust.
    """

    name = "sndr_seq"

    def terms(self, rows: SequentialRows) -> Terms:
        """Value expected at the start; errors over weights, one ratio a step."""
        steps = zip(rows.weights.T, _corrections(rows).T, strict=True)
        return Terms(rows.q_policy[:, 0], tuple(Ratio(w * error, w) for w, error in steps))


def doubly_robust_returns(rows: SequentialRows) -> FloatArray:
    """[n] the terms of `dr_seq`: their mean is the estimate."""
    return np.asarray(rows.q_policy[:, 0] + (rows.weights * _corrections(rows)).sum(axis=1))


def _corrections(rows: SequentialRows) -> FloatArray:
    """[n, T] what w_it multiplies: r_it - q_it, and the value g v_i,t+1 of where it led."""
    following = np.zeros_like(rows.q_policy)
    following[:, :-1] = rows.q_policy[:, 1:]
    return np.asarray(rows.reward - rows.q_logged + following)
