r"""Estimators that weight what was earned; symbols as in `rows`."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.estimator import Estimator, Ratio, Terms
from promopilot.experiments.ope.sequential.rows import SequentialRows
from promopilot.experiments.ope.trust.diagnostics import effective_sample_size


@dataclass(frozen=True)
class TrajectoryImportanceSampling(Estimator[SequentialRows]):
    r"""Counts each episode as often as the policy would have lived it.

    (1/n) \sum_i w_i,T-1 \sum_t g^t r_it

    Unbiased if propensities are right and the log can show every action that the policy takes;
    variance grows exponentially with the episode's length. Precup, Sutton and Singh (2000).
    """

    name = "tis"
    interval_from = "sntis"

    def terms(self, rows: SequentialRows) -> Terms:
        """Weighted returns."""
        return Terms(rows.weight * rows.logged)


@dataclass(frozen=True)
class PerDecisionImportanceSampling(Estimator[SequentialRows]):
    r"""Counts each reward by what was done up to it, as later actions cannot have changed it.

    (1/n) \sum_i \sum_t g^t w_it r_it

    Assumptions of `tis`, unbiased like it, and usually of less variance. Precup, Sutton and Singh
    (2000).
    """

    name = "pdis"
    interval_from = "snpdis"

    def terms(self, rows: SequentialRows) -> Terms:
        """Sums of weighted rewards."""
        return Terms(np.einsum("nt,nt->n", rows.weights, rows.reward))


@dataclass(frozen=True)
class SelfNormalizedTrajectoryImportanceSampling(Estimator[SequentialRows]):
    r"""A weighted average of returns: \sum_i w_i,T-1 \sum_t g^t r_it / \sum_i w_i,T-1.

    Assumptions of `tis`; biased in small logs, consistent, never outside the returns seen.
    Precup, Sutton and Singh (2000).
    """

    name = "sntis"

    def terms(self, rows: SequentialRows) -> Terms:
        """Weighted returns over weights."""
        return Terms(None, (Ratio(rows.weight * rows.logged, rows.weight),))


@dataclass(frozen=True)
class SelfNormalizedPerDecisionImportanceSampling(Estimator[SequentialRows]):
    r"""At each step a weighted average of rewards, summed over steps.

    \sum_t g^t \sum_i w_it r_it / \sum_i w_it

    Assumptions of `tis`; biased in small logs, consistent, and steadier than `sntis` because early
    rewards are not weighted by what came after. Episodes that ended count in the denominator, with
    rewards of 0. Thomas (2015), "Safe reinforcement learning".
    """

    name = "snpdis"

    def terms(self, rows: SequentialRows) -> Terms:
        """Weighted rewards over weights, one ratio a step."""
        return Terms(None, _step_ratios(rows.weights, rows.reward))


@dataclass(frozen=True)
class MarginalizedImportanceSampling(Estimator[SequentialRows]):
    r"""Weights each reward by how often the policy would be in that state, however it got there.

    \sum_t g^t \sum_i u_it r_it / \sum_i u_it,   u_it = rho_it E[w_i,t-1 | s_it]

    The conditional expectation is fitted step by step, see `marginal`. It averages over all the
    ways into a state, so variance need not grow exponentially with the episode's length. Assumes
    in addition to `tis` that the state columns hold all of the past that matters for what follows,
    and is biased by what the fitted expectation misses. Each step is a weighted average, as in
    `snpdis`. Xie, Ma and Wang (2019), "Towards optimal off-policy evaluation for reinforcement
    learning with marginalized importance sampling"; Rowland et al. (2020), "Conditional importance
    sampling for off-policy learning".
    """

    name = "mis"
    # Its weights are fitted, and how rewards differ does not tell how wrong they are.
    interval_from = "dr_seq"

    def terms(self, rows: SequentialRows) -> Terms:
        """Weighted rewards over weights, one ratio a step."""
        return Terms(None, _step_ratios(_marginal(rows), rows.reward))

    def used_weight(self, rows: SequentialRows) -> FloatArray:
        """[n] the weights of the step at which they are worth least."""
        weights = _marginal(rows)
        worth = [effective_sample_size(step) for step in weights.T]
        return np.asarray(weights[:, int(np.argmin(worth))])


def _step_ratios(weights: FloatArray, reward: FloatArray) -> tuple[Ratio, ...]:
    return tuple(Ratio(w * r, w) for w, r in zip(weights.T, reward.T, strict=True))


def _marginal(rows: SequentialRows) -> FloatArray:
    if rows.marginal is None:
        raise ValueError("these rows hold no marginal weights; make the case with mis asked for")
    return rows.marginal
