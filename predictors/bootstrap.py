"""Intervals by resampling whole groups: what belongs together is drawn together.

Rows of a story or a product type share what the model gets wrong, so that the group, not the row,
is what could have turned out otherwise (cluster bootstrap; Davison & Hinkley 1997, 3.8). A draw is
a weight per group, and every measure is computed from weighted sums per group, all draws at once.

R is rows, G groups, B draws, C contenders, I items, K classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from promopilot.predictors.dataset import Floats, Ints, Promotions
from promopilot.predictors.scores import entropy, equal_bins
from promopilot.predictors.splits import linked

DRAWS = 1000
LEVEL = 0.95
# More groups than this are dealt into so many bundles: the same variance in the mean.
_MOST_GROUPS = 1000
_CLASSES = 256  # of predicted rates, for intervals of the area under the curve
_AT_ONCE = 1 << 22  # numbers per array: 32 MB


@dataclass(frozen=True)
class Resampling:
    """Draws of groups with replacement."""

    unit: Ints  # [R] 0..G-1, the group of each row
    weights: Floats  # [B, G] how often each group was drawn

    @classmethod
    def of(cls, unit: Ints, draws: int = DRAWS, seed: int = 0) -> "Resampling":
        """Draws as many groups as there are, `draws` times.

        Args:
            unit: [R] any number per group.
            draws: B.
            seed: the same rows and seed give the same draws.
        """
        names, code = np.unique(unit, return_inverse=True)
        rng = np.random.default_rng(seed)
        groups = len(names)
        if groups > _MOST_GROUPS:
            code = (rng.permutation(groups) % _MOST_GROUPS)[code]
            groups = _MOST_GROUPS
        weights = rng.multinomial(groups, np.full(groups, 1.0 / groups), draws)
        return cls(code, weights.astype(np.float64))

    def pick(self, rows: NDArray[np.bool_], draws: int | None = None) -> "Resampling":
        """Returns the same draws for some of the rows, the first `draws` of them."""
        used, code = np.unique(self.unit[rows], return_inverse=True)
        return Resampling(code, self.weights[:draws, used])

    def sums(self, values: Floats) -> Floats:
        """Returns the sums [B] or [B, C] of values [R] or [R, C] in every draw."""
        return np.asarray(self.weights @ _per_group(values, self.unit, self.weights.shape[1]))


def units(promotions: Promotions) -> Ints:
    """Returns what to resample [P]: the group, else the promotion; a test stays in one piece."""
    return linked(promotions, by_text=False)


def interval(draws: Floats) -> tuple[float, float] | None:
    """Returns the central 95 % of draws [B]; None where too few of them are numbers."""
    kept = draws[np.isfinite(draws)]
    if len(kept) < max(20, len(draws) // 2):
        return None
    low, high = np.quantile(kept, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return float(low), float(high)


def entropy_draws(events: Floats, trials: Floats) -> Floats:
    """Returns the entropy [B] of each draw's own mean rate, from its sums [B]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = events / trials
    return np.where((share > 0) & (share < 1), entropy(np.clip(share, 1e-12, 1 - 1e-12)), np.nan)


def curve_draws(again: Resampling, rate: Floats, trials: Floats, events: Floats) -> Floats:
    """Returns the area under the curve [B], rates being cut into 256 equal classes."""
    code = equal_bins(rate, trials, _CLASSES)
    groups = again.weights.shape[1]
    cell = again.unit * _CLASSES + code

    def drawn(values: Floats) -> Floats:
        table = np.bincount(cell, values, minlength=groups * _CLASSES)
        return np.asarray(again.weights @ table.reshape(groups, _CLASSES))

    hits, misses = drawn(events), drawn(trials - events)
    total = hits.sum(1) * misses.sum(1)
    above = (hits * (np.cumsum(misses, axis=1) - misses / 2.0)).sum(1)
    return np.asarray(np.divide(above, total, out=np.full(len(total), np.nan), where=total > 0))


def spearman_draws(again: Resampling, predicted: Floats, observed: Floats) -> Floats:
    """Returns the rank correlation [B] of items [I], a group drawn twice counting twice.

    Args:
        again: draws of the items' groups.
        predicted: [I] rates.
        observed: [I] rates.
    """
    out = np.empty(len(again.weights))
    step = max(1, _AT_ONCE // max(1, len(predicted)))
    classes = [np.unique(values, return_inverse=True)[1] for values in (predicted, observed)]
    for start in range(0, len(out), step):
        weights = again.weights[start : start + step]
        each = weights[:, again.unit]  # [b, I]
        ranks = [_ranks(each, code) for code in classes]
        total = np.maximum(each.sum(1), 1.0)  # a draw may hold none of a small part's groups
        centred = [rank - ((each * rank).sum(1) / total)[:, None] for rank in ranks]
        spread = np.prod([(each * rank**2).sum(1) for rank in centred], axis=0)
        both = (each * centred[0] * centred[1]).sum(1)
        out[start : start + step] = np.divide(
            both, np.sqrt(spread), out=np.full(len(weights), np.nan), where=spread > 0
        )
    return out


def _ranks(weight: Floats, code: Ints) -> Floats:
    """Mid-ranks [b, I] of items that count `weight` [b, I] times, by class of their value."""
    count = int(code.max(initial=-1)) + 1
    if count == len(code):
        order = np.argsort(code)
        above = np.cumsum(weight[:, order], axis=1)
        ranks = np.empty_like(weight)
        ranks[:, order] = above - (weight[:, order] - 1.0) / 2.0
        return ranks
    member = sparse.csr_matrix(
        (np.ones(len(code)), (code, np.arange(len(code)))), shape=(count, len(code))
    )
    per_class = np.asarray((member @ weight.T).T)
    ranks = np.cumsum(per_class, axis=1) - (per_class - 1.0) / 2.0
    return np.asarray(ranks[:, code])


def _per_group(values: Floats, unit: Ints, groups: int) -> Floats:
    if values.ndim == 1:
        return np.bincount(unit, values, minlength=groups).astype(np.float64)
    columns = [np.bincount(unit, values[:, c], minlength=groups) for c in range(values.shape[1])]
    return np.stack(columns, axis=1).astype(np.float64)
