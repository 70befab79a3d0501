r"""Weights of action categories in place of actions, and the estimators that use them.

Where what actions have in common (their category e) carries their whole effect, it is enough to ask
how much more often the policy would show that category:

    w(x, e) = \sum_a pi(a|x) p(e|a) / \sum_a p(a|x) p(e|a),   p(a|x) the logging policy

These weights are never more variable than those of actions. Features of an action that make up its
category count jointly: a product of one weight per feature would not average to 1. Saito and
Joachims (2022), "Off-policy evaluation for large action spaces via embeddings".
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.estimator import Estimator, Ratio, Terms


def marginal_weight(
    policy: FloatArray, behavior: FloatArray, category_probability: FloatArray, category: IntArray
) -> FloatArray:
    """Weights [n] of the categories seen, of any block of decisions.

    Args:
        policy: [n, A] probability of each action under the policy.
        behavior: [n, A] the same of the policy that wrote the log.
        category_probability: [A, E] p(e|a), each row summing to 1.
        category: [n] the category of the logged action in each decision, from 0 to E - 1.

    Returns:
        The weights; 0 where neither policy could show the category, which a log cannot hold.
    """
    likely = category_probability[:, category]  # [A, n] how likely each action shows it
    above = np.einsum("na,an->n", policy, likely)
    below = np.einsum("na,an->n", behavior, likely)
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0.0))


@dataclass(frozen=True)
class MarginalizedInverseProbabilityWeighting(Estimator[BanditRows]):
    r"""`ipw` by categories of actions: (1/n) \sum_i w(x_i, e_i) r_i.

    Unbiased if the category carries the whole effect of an action, propensities are right and the
    log can show every category that the policy shows; much less variance where many actions share
    a category. Else biased by what actions of one category differ in. Saito and Joachims (2022).
    """

    name = "mipw"
    interval_from = "snmipw"

    def used_weight(self, rows: BanditRows) -> FloatArray:
        """[n] w(x_i, e_i)."""
        return _given(rows)

    def terms(self, rows: BanditRows) -> Terms:
        """Rewards by the weights of categories."""
        return Terms(_given(rows) * rows.reward)


@dataclass(frozen=True)
class SelfNormalizedMarginalizedInverseProbabilityWeighting(Estimator[BanditRows]):
    r"""A weighted average by categories: \sum_i w(x_i, e_i) r_i / \sum_i w(x_i, e_i).

    Assumptions of `mipw`; slightly biased in small logs, consistent, never outside the rewards
    seen. Where the logging policy's probabilities of all actions are estimated and not given, the
    error of that estimate is not in the interval. Saito and Joachims (2022), normalised as
    Swaminathan and Joachims (2015).
    """

    name = "snmipw"

    def used_weight(self, rows: BanditRows) -> FloatArray:
        """[n] w(x_i, e_i)."""
        return _given(rows)

    def terms(self, rows: BanditRows) -> Terms:
        """Rewards by the weights of categories, over these weights."""
        weight = _given(rows)
        return Terms(None, (Ratio(weight * rows.reward, weight),))


def _given(rows: BanditRows) -> FloatArray:
    if rows.marginal is None:
        raise LogError(
            "mipw and snmipw weigh categories of actions and need to know them: give "
            "--action-features FILE."
        )
    return rows.marginal
