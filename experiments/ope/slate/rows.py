r"""What the slate estimators need of each slate.

Throughout, i runs over the n slates of the log, k over positions, x_i is what was known, a_ik the
item shown at position k, r_ik what the position brought, pi the policy to be judged, pi_0 the one
that wrote the log, and

    w_i     = pi(a_i|x_i) / pi_0(a_i|x_i)             weight of the whole slate
    w_ik    = pi(a_ik|x_i) / pi_0(a_ik|x_i)           of the item at its position, whatever else
    w_i,1:k = pi(a_i,1:k|x_i) / pi_0(a_i,1:k|x_i)     of the items at the positions up to k
    q_k(a)                                            estimated reward from position k on, item a
                                                      shown there after the logged items before it
    qbar_ik = sum_a pi(a|x_i, a_i,1:k-1) q_k(a)       its mean under the policy

A slate that is shorter than others has nothing at the positions beyond its end: reward and q are 0
there and the weights are 1, as its length is part of what was known.
"""

from dataclasses import dataclass, replace

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.slate.log import SlateLog
from promopilot.experiments.ope.slate.probabilities import SlateProbabilities


@dataclass(frozen=True)
class ItemValues:
    """What may stand at each row's position, after the logged items before it: both [m, A]."""

    probability: FloatArray  # under the policy; sums to 1 in each row
    q: FloatArray  # estimated reward from this position on; counts where probability is above 0


@dataclass(frozen=True)
class SlateRows:
    """n slates of at most L positions; what is None is not known."""

    reward: FloatArray  # [n, L] r_ik
    shown: FloatArray  # [n, L] 1 where the slate has the position, else 0
    weight: FloatArray  # [n] w_i
    weight_position: FloatArray | None = None  # [n, L] w_ik
    weight_cascade: FloatArray | None = None  # [n, L] w_i,1:k
    q_logged: FloatArray | None = None  # [n, L] q_k(a_ik)
    q_policy: FloatArray | None = None  # [n, L] qbar_ik

    @property
    def logged(self) -> FloatArray:
        """[n] what each slate brought, all positions together."""
        return np.asarray(self.reward.sum(axis=1))

    def by_item(self, estimator: str) -> FloatArray:
        """[n, L] w_ik.

        Raises:
            LogError: not known.
        """
        if self.weight_position is None:
            raise LogError(
                f"estimator {estimator} needs the probability of each item at its position: column "
                "propensity_position of the log and probability_position of the policy."
            )
        return self.weight_position

    def by_cascade(self, estimator: str) -> FloatArray:
        """[n, L] w_i,1:k.

        Raises:
            LogError: not known.
        """
        if self.weight_cascade is None:
            raise LogError(
                f"estimator {estimator} needs the probability of the items down to each position: "
                "column propensity_cascade of the log and probability_cascade of the policy."
            )
        return self.weight_cascade

    def over_positions(self, weight: FloatArray) -> FloatArray:
        """[n] mean over a slate's positions of weights [n, L]."""
        return np.asarray((weight * self.shown).sum(axis=1) / self.shown.sum(axis=1))


def rows_for(log: SlateLog, policy: SlateProbabilities, items: ItemValues | None) -> SlateRows:
    """Rows for a policy given by its probabilities of the logged slates."""
    given = log.propensity
    known = None if items is None else (items.q[np.arange(len(log.action)), log.action], items)
    return SlateRows(
        reward=log.by_position(log.reward, 0.0),
        shown=log.by_position(np.ones(len(log.slate)), 0.0),
        weight=policy.of_slates(log.slate, log.position) / given.of_slates(log.slate, log.position),
        weight_position=_weight(log, policy.position, given.position),
        weight_cascade=_weight(log, policy.cascade, given.cascade),
        q_logged=None if known is None else log.by_position(known[0], 0.0),
        q_policy=None
        if known is None
        else log.by_position(np.einsum("ma,ma->m", known[1].probability, known[1].q), 0.0),
    )


def rows_for_logged(log: SlateLog, q_logged: FloatArray | None) -> SlateRows:
    """Rows for the policy that wrote the log: every weight is 1.

    Its probabilities of the items not shown are unknown, so the item shown stands for its choice in
    qbar, which is unbiased for it.

    Args:
        log: the slates.
        q_logged: [m] estimated reward from each position on, where there are estimates.
    """
    ones = np.ones((log.count, int(log.position.max()) + 1))
    q = None if q_logged is None else log.by_position(q_logged, 0.0)
    return SlateRows(
        reward=log.by_position(log.reward, 0.0),
        shown=log.by_position(np.ones(len(log.slate)), 0.0),
        weight=np.ones(log.count),
        weight_position=ones,
        weight_cascade=ones,
        q_logged=q,
        q_policy=q,
    )


def with_weights_cut(rows: SlateRows, cap: float) -> SlateRows:
    """The rows with every weight cut at a cap."""

    def cut(weight: FloatArray | None) -> FloatArray | None:
        return None if weight is None else np.minimum(weight, cap)

    return replace(
        rows,
        weight=np.minimum(rows.weight, cap),
        weight_position=cut(rows.weight_position),
        weight_cascade=cut(rows.weight_cascade),
    )


def _weight(
    log: SlateLog, policy: FloatArray | None, logged: FloatArray | None
) -> FloatArray | None:
    if policy is None or logged is None:
        return None
    return log.by_position(policy / logged, 1.0)
