r"""Estimators that use less of large weights: some bias for much less variance.

Each replaces the weight w_i of `rows` by a u(w_i) that is smaller where w_i is large; its setting
lambda says how much. The bias is E[(u(w) - w) r], or E[(u(w) - w) (r - q)] where a reward model
stands in for what is lost. Where lambda is not given, `tuning` chooses it from `grids`.

What these estimators gain is a smaller error, not a narrower interval: how decisions differ does
not show the bias, so each has the interval of its unshrunk counterpart, stretched to hold the
estimate. One that is shorter and still covers needs a bound on the bias that no log gives:
Armstrong and Kolesar (2018), "Optimal inference in a class of regression models".
"""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.estimator import Estimator, Terms


@dataclass(frozen=True)
class ClippedInverseProbabilityWeighting(Estimator[BanditRows]):
    r"""`ipw` with no weight above lambda: (1/n) \sum_i u(w_i) r_i, u(w) = min(w, lambda).

    Too low by E[(w - lambda)^+ r] where rewards are not negative; no decision counts more than
    lambda times. Not normalised: the sum is divided by n. Ionides (2008), "Truncated importance
    sampling"; Bottou et al. (2013), "Counterfactual reasoning and learning systems".
    """

    name = "ipw_clip"
    interval_from = "snipw"
    lambda_: float  # the largest weight, above 0

    def __post_init__(self) -> None:
        """Refuses a lambda out of range with a ValueError."""
        if not 0.0 < self.lambda_ < np.inf:
            raise ValueError(f"lambda is {self.lambda_:g}; it must be a finite number above 0.")

    def used_weight(self, rows: BanditRows) -> FloatArray:
        """[n] min(w_i, lambda)."""
        return np.minimum(rows.weight, self.lambda_)

    def clip_share(self, rows: BanditRows) -> float:
        """Share of decisions above lambda."""
        return float((rows.weight > self.lambda_).mean())

    def terms(self, rows: BanditRows) -> Terms:
        """Rewards by clipped weights."""
        return Terms(self.used_weight(rows) * rows.reward)


@dataclass(frozen=True)
class SwitchDoublyRobust(Estimator[BanditRows]):
    r"""`dr` that leaves decisions of large weight to the model: u(w) = w 1{w <= lambda}.

    (1/n) \sum_i [qbar_i + u(w_i) (r_i - q(x_i, a_i))]

    Biased by the model's error where w > lambda; lambda = 0 is `dm`, the largest weight `dr`. Wang,
    Agarwal and Dudik (2017), "Optimal and adaptive off-policy evaluation in contextual bandits".
    """

    name = "switch_dr"
    interval_from = "dr"
    lambda_: float  # the largest weight with which the model is corrected, at least 0

    def __post_init__(self) -> None:
        """Refuses a lambda out of range with a ValueError."""
        _not_negative(self.lambda_)

    def used_weight(self, rows: BanditRows) -> FloatArray:
        """[n] w_i where it is at most lambda, else 0."""
        return np.where(rows.weight <= self.lambda_, rows.weight, 0.0)

    def clip_share(self, rows: BanditRows) -> float:
        """Share of decisions above lambda."""
        return float((rows.weight > self.lambda_).mean())

    def terms(self, rows: BanditRows) -> Terms:
        """Reward expected of the policy plus the model's error where weights are small."""
        return _corrected(rows, self.used_weight(rows))


@dataclass(frozen=True)
class DoublyRobustWithShrinkage(Estimator[BanditRows]):
    r"""`dr` whose weights shrink the more the larger they are: u(w) = lambda w / (w^2 + lambda).

    (1/n) \sum_i [qbar_i + u(w_i) (r_i - q(x_i, a_i))]

    This u minimises a bound on the mean squared error ("optimistic" shrinkage). Biased by the
    model's error where w is large against sqrt(lambda); lambda = 0 is `dm`, lambda to infinity
    `dr`. Su, Dimakopoulou, Krishnamurthy and Dudik (2020), "Doubly robust off-policy evaluation
    with shrinkage".
    """

    name = "dros"
    interval_from = "dr"
    lambda_: float  # squared weight at which half is used, at least 0

    def __post_init__(self) -> None:
        """Refuses a lambda out of range with a ValueError."""
        _not_negative(self.lambda_)

    def used_weight(self, rows: BanditRows) -> FloatArray:
        """[n] lambda w_i / (w_i^2 + lambda), 0 where w_i is 0."""
        weight = rows.weight
        above = self.lambda_ * weight
        below = np.square(weight) + self.lambda_
        return np.divide(above, below, out=np.zeros_like(weight), where=above > 0.0)

    def clip_share(self, rows: BanditRows) -> float:
        """Share of decisions with a weight at all: each is lowered, the larger the more."""
        return float((rows.weight > 0.0).mean())

    def terms(self, rows: BanditRows) -> Terms:
        """Reward expected of the policy plus the model's error by shrunk weights."""
        return _corrected(rows, self.used_weight(rows))


@dataclass(frozen=True)
class SubGaussianWeights(Estimator[BanditRows]):
    r"""Weights mixed with 1, u(w) = w / (1 - lambda + lambda w): their weighted harmonic mean.

    Never above 1/lambda, and with the right lambda the tails are as light as a normal variable's.
    Metelli, Russo and Restelli (2021), "Subgaussian and differentiable importance sampling for
    off-policy evaluation and learning".
    """

    lambda_: float  # from 0, the weights as they are, to 1

    def __post_init__(self) -> None:
        """Refuses a lambda out of range with a ValueError."""
        if not 0.0 <= self.lambda_ <= 1.0:
            raise ValueError(f"lambda is {self.lambda_:g}; it must be from 0 to 1.")

    def used_weight(self, rows: BanditRows) -> FloatArray:
        """[n] w_i / (1 - lambda + lambda w_i), 0 where w_i is 0."""
        weight = rows.weight
        below = (1.0 - self.lambda_) + self.lambda_ * weight
        return np.divide(weight, below, out=np.zeros_like(weight), where=weight > 0.0)

    def clip_share(self, rows: BanditRows) -> float:
        """Share of decisions above 1, where weights are lowered; below it they are raised."""
        return float((rows.weight > 1.0).mean()) if self.lambda_ > 0.0 else 0.0


@dataclass(frozen=True)
class SubGaussianInverseProbabilityWeighting(SubGaussianWeights):
    r"""`ipw` with weights mixed with 1: u(w) = w / (1 - lambda + lambda w).

    (1/n) \sum_i u(w_i) r_i

    Biased towards the mean of the log. Metelli, Russo and Restelli (2021).
    """

    name = "sg_ipw"
    interval_from = "snipw"

    def terms(self, rows: BanditRows) -> Terms:
        """Rewards by mixed weights."""
        return Terms(self.used_weight(rows) * rows.reward)


@dataclass(frozen=True)
class SubGaussianDoublyRobust(SubGaussianWeights):
    r"""`dr` with weights mixed with 1: u(w) = w / (1 - lambda + lambda w).

    (1/n) \sum_i [qbar_i + u(w_i) (r_i - q(x_i, a_i))]

    As `sg_ipw`, but biased by the model's error only. Metelli, Russo and Restelli (2021).
    """

    name = "sg_dr"
    interval_from = "dr"

    def terms(self, rows: BanditRows) -> Terms:
        """Reward expected of the policy plus the model's error by mixed weights."""
        return _corrected(rows, self.used_weight(rows))


def _corrected(rows: BanditRows, used: FloatArray) -> Terms:
    return Terms(rows.q_policy + used * (rows.reward - rows.q_logged))


def _not_negative(lambda_: float) -> None:
    if not 0.0 <= lambda_ < np.inf:
        raise ValueError(f"lambda is {lambda_:g}; it must be a finite number, at least 0.")
