r"""What the sequential estimators need of each episode.

Throughout, i runs over the n episodes of the log, t over their steps 0 to T - 1, s_it is what was
known, a_it the action taken, r_it what it brought, p_it the probability with which it was taken,
pi(a|s) the policy to be judged, g the discount factor, q_t(s, a) an estimate of what the rest of
the episode brings from step t on, discounted to t, and

    rho_it = pi(a_it|s_it) / p_it       how much more often the policy would do this
    w_it   = rho_i0 * ... * rho_it      the same for all that was done up to step t; w_i,-1 = 1
    v_it   = sum_a pi(a|s_it) q_t(s_it, a)   what the rest brings under the policy

An episode that ended before step t stays where it is and earns nothing: r, q and v are 0 there and
its weight is carried on, so that the weights of every step average to 1 in expectation.
"""

from dataclasses import dataclass, replace

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.sequential.log import SequentialLog

# A product of weights is held at this: its square, summed, is still a number, and an episode that
# stands for so many has long drowned all others.
LARGEST_WEIGHT = 1e100


@dataclass(frozen=True)
class SequentialRows:
    """n episodes of at most T steps; rewards and estimates are discounted to the start."""

    reward: FloatArray  # [n, T] g^t r_it
    weights: FloatArray  # [n, T] w_it, at least 0
    q_logged: FloatArray  # [n, T] g^t q_t(s_it, a_it)
    q_policy: FloatArray  # [n, T] g^t v_it
    # [n, T] rho_it times the estimated E[w_i,t-1 | s_it]; None where `mis` is not asked for.
    marginal: FloatArray | None = None
    # [n] v_i0 of fitted Q evaluation; None where `fqe` is not asked for.
    fitted_start: FloatArray | None = None

    @property
    def logged(self) -> FloatArray:
        """[n] what each episode brought, discounted to its start."""
        return np.asarray(self.reward.sum(axis=1))

    @property
    def weight(self) -> FloatArray:
        """[n] the weight of the whole episode."""
        return self.weights[:, -1]


def ratios(log: SequentialLog, probability: FloatArray | None) -> FloatArray:
    """How much more often the policy would do each thing that was done, rho [n, T].

    1 after an episode's end, and throughout for the policy that wrote the log (None), whose
    probabilities [m, A] are not needed.
    """
    if probability is None:
        return np.ones((len(log.length), int(log.length.max())))
    taken = np.take_along_axis(probability, log.action[:, None], axis=1)[:, 0]
    return log.padded(taken / log.propensity, after=1.0)


def cumulative_weights(ratio: FloatArray) -> FloatArray:
    """Products of the ratios [n, T] up to each step, held at `LARGEST_WEIGHT`."""
    weights = np.empty_like(ratio)
    weight = np.ones(len(ratio))
    for step in range(ratio.shape[1]):
        weight = np.minimum(weight * ratio[:, step], LARGEST_WEIGHT)
        weights[:, step] = weight
    return weights


def rows_for(
    log: SequentialLog,
    ratio: FloatArray,
    choice: FloatArray,
    qhat: FloatArray,
    discount: float,
    marginal: FloatArray | None = None,
    fitted_start: FloatArray | None = None,
) -> SequentialRows:
    """Rows from a log's decisions.

    Args:
        log: n episodes, m decisions, A actions.
        ratio: [n, T] as from `ratios`.
        choice: [m, A] the policy's probabilities; for the policy that wrote the log, 1 on the
            action taken, which stands for its choice without bias.
        qhat: [m, A] estimates q.
        discount: factor per step.
        marginal: [n, T] as in `SequentialRows`.
        fitted_start: [n] as in `SequentialRows`.
    """
    worth = discount ** np.arange(ratio.shape[1])
    q_logged = np.take_along_axis(qhat, log.action[:, None], axis=1)[:, 0]
    return SequentialRows(
        reward=log.padded(log.reward) * worth,
        weights=cumulative_weights(ratio),
        q_logged=log.padded(q_logged) * worth,
        q_policy=log.padded(np.einsum("ma,ma->m", choice, qhat)) * worth,
        marginal=marginal,
        fitted_start=fitted_start,
    )


def clipped(rows: SequentialRows, cap: float) -> SequentialRows:
    """The same episodes with the weights of every step cut at `cap`."""
    marginal = None if rows.marginal is None else np.minimum(rows.marginal, cap)
    return replace(rows, weights=np.minimum(rows.weights, cap), marginal=marginal)
