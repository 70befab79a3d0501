r"""What the estimators for numeric actions need of each decision.

Throughout, i runs over the n decisions of the log, x_i is what was known, a_i the action taken, r_i
what it brought, p_i the logging policy's density there, e_i the action of the policy to be judged,
which takes one in each decision, q_i an estimate of the expected reward of e_i, and

    w_i = K((e_i - a_i) / h) / (h p_i)

the weight: the kernel K counts a decision the more, the nearer its action is to the policy's, in
bandwidths h; dividing by the density makes up for actions that were taken often.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.continuous.kernels import KERNELS


@dataclass(frozen=True)
class ContinuousRows:
    """n decisions, all [n]."""

    reward: FloatArray  # r_i
    action: FloatArray  # a_i
    density: FloatArray  # p_i, above 0
    wanted: FloatArray | None  # e_i; None for the policy that wrote the log, whose weights are 1
    q_policy: FloatArray  # q_i
    weight: FloatArray  # w_i at the bandwidth of the estimator that the verdict rests on
    largest: float = np.inf  # weights above are cut to it

    @property
    def logged(self) -> FloatArray:
        """[n] what each decision brought."""
        return self.reward

    def kernel_weight(self, kernel: str, bandwidth: float) -> FloatArray:
        """[n] w_i.

        The policy that wrote the log drew its actions at random: that it took a_i does not make it
        a policy that always takes a_i, whose neighbours would have to be looked for. Its decisions
        stand for themselves.
        """
        if self.wanted is None:
            return np.ones_like(self.reward)
        near = KERNELS[kernel]((self.wanted - self.action) / bandwidth)
        return np.minimum(near / (bandwidth * self.density), self.largest)
