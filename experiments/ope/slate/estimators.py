r"""The slate estimators of published formulas, one class each; symbols as in `rows`.

The value is that of a whole slate: the sum over its positions. They differ in what a position's
reward may depend on: the whole slate (`sips`), the item at the position alone (`iips`), or the
items down to the position (`rips`, `cascade_dr`), as when people read from the top. The less it may
depend on, the smaller the weights, and the larger the error where it depends on more.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.estimator import Estimator, Ratio, Terms
from promopilot.experiments.ope.slate.rows import SlateRows


@dataclass(frozen=True)
class SlateStandardIPS(Estimator[SlateRows]):
    r"""Counts each slate as often as the policy would show it: (1/n) \sum_i w_i \sum_k r_ik.

    Unbiased if propensities are right and the log can show every slate that the policy shows,
    whatever rewards depend on; its variance grows with the number of possible slates. Precup,
    Sutton and Singh (2000).
    """

    name = "sips"
    interval_from = "snsips"

    def terms(self, rows: SlateRows) -> Terms:
        """Weighted rewards of slates."""
        return Terms(rows.weight * rows.logged)


@dataclass(frozen=True)
class SelfNormalizedSlateStandardIPS(Estimator[SlateRows]):
    r"""A weighted average of slates: \sum_i w_i \sum_k r_ik / \sum_i w_i.

    Assumptions of `sips`. Slightly biased in small logs, consistent; never outside the rewards that
    slates brought. Swaminathan and Joachims (2015), applied to slates.
    """

    name = "snsips"

    def terms(self, rows: SlateRows) -> Terms:
        """Weighted rewards of slates over weights."""
        return Terms(None, (Ratio(rows.weight * rows.logged, rows.weight),))


@dataclass(frozen=True)
class SlateIndependentIPS(Estimator[SlateRows]):
    r"""Weighs each position by itself: (1/n) \sum_i \sum_k w_ik r_ik.

    Unbiased if propensities are right and a position's reward depends on the item there alone; the
    smallest variance of the weighted ones. Li et al. (2018), "Offline evaluation of ranking
    policies with click models".
    """

    name = "iips"
    interval_from = "sniips"

    def terms(self, rows: SlateRows) -> Terms:
        """Weighted rewards, summed over positions."""
        return Terms((rows.by_item(self.name) * rows.reward).sum(axis=1))

    def used_weight(self, rows: SlateRows) -> FloatArray:
        """[n] mean weight over the slate's positions."""
        return rows.over_positions(rows.by_item(self.name))


@dataclass(frozen=True)
class SelfNormalizedSlateIndependentIPS(Estimator[SlateRows]):
    r"""`iips`, a weighted average at every position: \sum_k \sum_i w_ik r_ik / \sum_i w_ik.

    Assumptions of `iips`; slightly biased in small logs, consistent.
    """

    name = "sniips"

    def terms(self, rows: SlateRows) -> Terms:
        """Per position, weighted rewards over weights."""
        return Terms(None, _ratios(rows.by_item(self.name), rows.reward))

    def used_weight(self, rows: SlateRows) -> FloatArray:
        """[n] mean weight over the slate's positions."""
        return rows.over_positions(rows.by_item(self.name))


@dataclass(frozen=True)
class SlateRewardInteractionIPS(Estimator[SlateRows]):
    r"""Weighs each position by the items down to it: (1/n) \sum_i \sum_k w_i,1:k r_ik.

    Unbiased if propensities are right and a position's reward depends on the items down to it, not
    on those below: people read from the top. McInerney et al. (2020), "Counterfactual evaluation of
    slate recommendations with sequential reward interactions".
    """

    name = "rips"
    interval_from = "snrips"

    def terms(self, rows: SlateRows) -> Terms:
        """Weighted rewards, summed over positions."""
        return Terms((rows.by_cascade(self.name) * rows.reward).sum(axis=1))

    def used_weight(self, rows: SlateRows) -> FloatArray:
        """[n] mean weight over the slate's positions."""
        return rows.over_positions(rows.by_cascade(self.name))


@dataclass(frozen=True)
class SelfNormalizedSlateRewardInteractionIPS(Estimator[SlateRows]):
    r"""`rips`, a weighted average at every position: \sum_k \sum_i w_i,1:k r_ik / \sum_i w_i,1:k.

    Assumptions of `rips`; slightly biased in small logs, consistent. McInerney et al. (2020).
    """

    name = "snrips"

    def terms(self, rows: SlateRows) -> Terms:
        """Per position, weighted rewards over weights."""
        return Terms(None, _ratios(rows.by_cascade(self.name), rows.reward))

    def used_weight(self, rows: SlateRows) -> FloatArray:
        """[n] mean weight over the slate's positions."""
        return rows.over_positions(rows.by_cascade(self.name))


@dataclass(frozen=True)
class SlateCascadeDoublyRobust(Estimator[SlateRows]):
    r"""The reward model, corrected at every position by what it got wrong.

    (1/n) \sum_i \sum_k [w_i,1:k (r_ik - q_k(a_ik)) + w_i,1:k-1 qbar_ik],  w_i,1:0 = 1

    Assumptions of `rips`; unbiased whatever q is, as long as q was not fitted on the same slate,
    and steadier than `rips` the closer q_k is to the reward still to come under the policy.
    Kiyohara et al. (2022), "Doubly robust off-policy evaluation for ranking policies under the
    cascade behavior model".
    """

    name = "cascade_dr"

    def terms(self, rows: SlateRows) -> Terms:
        """Weighted error of the model plus what it expects of the policy, over positions."""
        weight = rows.by_cascade(self.name)
        if rows.q_logged is None or rows.q_policy is None:
            raise LogError(
                f"estimator {self.name} needs reward estimates: a file with decision_id, position, "
                "action, probability, q (--qhat). Without one they are fitted for the policy "
                "uniform only, as others are known on the logged slates alone."
            )
        before = np.column_stack([np.ones(len(weight)), weight[:, :-1]])
        corrected = weight * (rows.reward - rows.q_logged) + before * rows.q_policy
        return Terms(corrected.sum(axis=1))

    def used_weight(self, rows: SlateRows) -> FloatArray:
        """[n] mean weight over the slate's positions."""
        return rows.over_positions(rows.by_cascade(self.name))


def _ratios(weight: FloatArray, reward: FloatArray) -> tuple[Ratio, ...]:
    """A ratio for each position."""
    return tuple(Ratio(weight[:, k] * reward[:, k], weight[:, k]) for k in range(weight.shape[1]))
