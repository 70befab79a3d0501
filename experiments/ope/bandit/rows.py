r"""What the bandit estimators need of each decision.

Throughout, i runs over the n decisions of the log, x_i is what was known, a_i the action taken, r_i
what it brought, p_i the probability with which it was taken, pi(a|x) the policy to be judged,
q(x, a) an estimate of the expected reward and

    w_i = pi(a_i|x_i) / p_i             the weight: how much more often the policy would do this
    qbar_i = sum_a pi(a|x_i) q(x_i, a)  the reward expected of the policy in decision i
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.log import BanditLog


@dataclass(frozen=True)
class BanditRows:
    """n decisions, all [n]; weights that were not asked for are None."""

    reward: FloatArray  # r_i
    weight: FloatArray  # w_i, at least 0
    q_logged: FloatArray  # q(x_i, a_i)
    q_policy: FloatArray  # qbar_i
    marginal: FloatArray | None = None  # of the action's category: `marginal`
    balanced: FloatArray | None = None  # told by a classifier: `balanced`

    @property
    def logged(self) -> FloatArray:
        """[n] what each decision brought."""
        return self.reward


def rows_for(log: BanditLog, probability: FloatArray, qhat: FloatArray) -> BanditRows:
    """Rows for a policy given as probabilities [n, A], with reward estimates [n, A]."""
    taken = log.action[:, None]
    return BanditRows(
        reward=log.reward,
        weight=np.take_along_axis(probability, taken, axis=1)[:, 0] / log.propensity,
        q_logged=np.take_along_axis(qhat, taken, axis=1)[:, 0],
        q_policy=np.einsum("na,na->n", probability, qhat),
    )


def rows_for_logged(log: BanditLog, qhat: FloatArray) -> BanditRows:
    """Rows for the policy that wrote the log: every weight is 1.

    Its probabilities of the actions not taken are unknown, so the action taken stands for its
    choice in qbar, which is unbiased for it.
    """
    q_logged = np.take_along_axis(qhat, log.action[:, None], axis=1)[:, 0]
    weight = np.ones_like(log.reward)
    return BanditRows(log.reward, weight, q_logged, q_logged, weight, weight)
