r"""A linear model whose coefficients differ by action, each drawn towards the common ones.

    r_i = \phi_i' (\beta + \delta_{a_i}) + noise

minimising \sum_i (r_i - \phi_i'(\beta + \delta_{a_i}))^2 + c |\beta_{1:}|^2
+ l \sum_a \delta_{a0}^2 + s \sum_a |\delta_{a,1:}|^2, which is the best linear unbiased
prediction of a model with random effects (Henderson 1975). An action that is hardly logged gets the
common coefficients, one that is logged often its own. How far they are drawn in (c, l, s) is what
makes the log likeliest (empirical Bayes; MacKay 1992, "Bayesian interpolation"). Sums of products
per action are all that is needed of the rows, and their order changes nothing.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray

# How often the penalties are gone over in turn.
_SWEEPS = 2
# Penalty of the common level, so that it is defined where there is no row.
_ALMOST_NONE = 1e-6


@dataclass(frozen=True)
class Penalties:
    """How strongly coefficients are drawn in, each worth so many rows of evidence."""

    common: float = 10.0  # c: slopes that all actions share, towards 0
    level: float = 10.0  # l: an action's own level, towards the common one
    slopes: float = 1e3  # s: its own slopes, towards the common ones


# Tried in turn, from hardly any to as good as infinite.
_TRIED = {
    "level": (1.0, 10.0, 100.0, 1e3, 1e5),
    "slopes": (1.0, 10.0, 100.0, 1e3, 1e4, 1e6),
    "common": (1.0, 10.0, 100.0, 1e3, 1e5),
}


@dataclass(frozen=True)
class Products:
    """Sums of products over the rows of each action."""

    gram: FloatArray  # [A, k, k] of phi with itself
    cross: FloatArray  # [A, k] of phi with the reward
    square: float  # of the reward with itself
    count: int  # rows

    def squared_error(self, coefficients: FloatArray) -> float:
        """Sum of squared errors of coefficients [A, k] on these rows."""
        fitted = np.einsum("ak,akl,al->", coefficients, self.gram, coefficients, optimize=True)
        return float(self.square - 2.0 * np.sum(coefficients * self.cross) + fitted)


class Solution(NamedTuple):
    """A fit at given penalties."""

    coefficients: FloatArray  # [A, k] common and own, added
    unlikeliness: float  # minus twice the log-likelihood of the rewards, up to a constant


def products(design: FloatArray, action: IntArray, reward: FloatArray, actions: int) -> Products:
    """Sums of products of a design [n, k] and rewards [n], by action [n] of A."""
    width = design.shape[1]
    gram, cross = np.zeros((actions, width, width)), np.zeros((actions, width))
    order = np.argsort(action, kind="stable")
    ends = np.cumsum(np.bincount(action, minlength=actions))
    for one, (start, end) in enumerate(zip(ends - np.diff(ends, prepend=0), ends, strict=True)):
        rows = order[start:end]
        block = design[rows]
        gram[one], cross[one] = block.T @ block, block.T @ reward[rows]
    return Products(gram, cross, float(reward @ reward), len(action))


def solve(of: Products, penalties: Penalties) -> Solution:
    r"""The fit at given penalties.

    With S = diag(l, s, ..., s), C = diag(0, c, ..., c) and M_a = (G_a + S)^{-1}:
    \delta_a = M_a (b_a - G_a \beta), and H \beta = \sum_a S M_a b_a for
    H = \sum_a S M_a G_a + C. With Q what is minimised and the noise's variance put at Q / n, minus
    twice the log-likelihood is n log Q + \sum_a log |G_a + S| + log |H| - A log |S| - log |C|.
    """
    actions, width = of.cross.shape
    own = np.full(width, penalties.slopes)
    common = np.full(width, penalties.common)
    own[0], common[0] = penalties.level, _ALMOST_NONE
    inner = of.gram + np.diag(own)
    solved = np.linalg.solve(inner, np.concatenate([of.gram, of.cross[:, :, None]], axis=2))
    pulled, target = solved[:, :, :-1], solved[:, :, -1]  # M_a G_a, M_a b_a
    outer = own[:, None] * pulled.sum(axis=0) + np.diag(common)
    beta = np.linalg.solve(outer, own * target.sum(axis=0))
    delta = target - pulled @ beta
    least = of.squared_error(beta + delta) + np.sum(common * beta**2) + np.sum(own * delta**2)
    volume = np.linalg.slogdet(inner)[1].sum() + np.linalg.slogdet(outer)[1]
    prior = actions * np.log(own).sum() + np.log(common).sum()
    # Rounding may leave a little below 0 of nothing.
    fit = of.count * np.log(max(least, np.finfo(np.float64).eps * of.square, 1e-300))
    return Solution(beta + delta, float(fit + volume - prior))


def fit_shrunken(
    design: FloatArray, action: IntArray, reward: FloatArray, actions: int
) -> FloatArray:
    """Coefficients [A, k], drawn in as far as makes the rewards likeliest.

    Args:
        design: [n, k]; the first column is 1, the others have mean 0 and variance 1.
        action: [n] in 0 to A - 1.
        reward: [n].
        actions: A.
    """
    level = reward.mean()
    sums = products(design, action, reward - level, actions)
    tried: dict[Penalties, Solution] = {}

    def unlikeliness(penalties: Penalties) -> float:
        if penalties not in tried:
            tried[penalties] = solve(sums, penalties)
        return tried[penalties].unlikeliness

    best = Penalties()
    for _ in range(_SWEEPS):
        for name, values in _TRIED.items():
            best = min((replace(best, **{name: value}) for value in values), key=unlikeliness)
    coefficients = tried[best].coefficients.copy()
    coefficients[:, 0] += level
    return coefficients
