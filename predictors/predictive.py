r"""Are counts as uncertain as the predictor says? Its predictive distribution, judged on events.

A line item shown n times at rate p has Binomial(n, sigmoid(logit p + d)) events with d ~ N(0, s^2),
s being its standard error on the logit. F is that mixture's distribution, a mean over equally
probable shifts: where counts are large F is a step in d, and no single shift may weigh much. Where
the predictor is honest, F(y - 1) + u (F(y) - F(y - 1)) with u uniform is uniform (randomised
probability integral transform; Czado, Gneiting & Held 2009, Biometrics 65). u is integrated out, so
that nothing here depends on a seed: a count y lies inside the central 80 % interval to the share of
[F(y - 1), F(y)] that lies in [0.1, 0.9], which is 80 % in the mean.

I is line items, Q shifts, B bins.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.stats import binom, norm

from promopilot.predictors.dataset import Floats, Ints
from promopilot.predictors.logistic import sigmoid

LEAST_EVENTS = 20.0  # expected events for a line item to be judged (contract)
COVERAGE = 0.8
PIT_BINS = 10
_NODES = 100
_LEAST_PROMOTIONS = 10  # fewer do not tell a factor; twice as many tell two thirds of it
_MOST_JUDGED = 2000  # line items that a factor is found on
_FACTORS = (0.5, 2.0)
_HALVINGS = 12
_AT_ONCE = 1 << 14  # line items per pass: 16k x 100 nodes is 13 MB an array


@dataclass(frozen=True)
class ItemCounts:
    """What line items were expected to bring and what they brought; every field is [I]."""

    promotion: Ints
    trials: Floats
    rate: Floats  # predicted, mean over the item's trials
    sd: Floats  # of the logit
    events: Floats


@dataclass(frozen=True)
class Transform:
    """Ends of each item's probability interval: F(y - 1) and F(y), both [I]."""

    low: Floats
    high: Floats


def transform(items: ItemCounts) -> Transform:
    """Returns where each observed count falls in its predictive distribution."""
    node = norm.ppf((np.arange(_NODES) + 0.5) / _NODES)
    low, high = np.empty(len(items.rate)), np.empty(len(items.rate))
    for start in range(0, len(items.rate), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        rate = np.clip(items.rate[part], 1e-12, 1 - 1e-12)
        logit = np.log(rate / (1.0 - rate))[:, None] + items.sd[part, None] * node  # [I, Q]
        shifted, trials = sigmoid(logit), np.rint(items.trials[part])[:, None]
        events = np.rint(items.events[part])[:, None]
        high[part] = np.mean(binom.cdf(events, trials, shifted), axis=1)
        low[part] = np.mean(binom.cdf(events - 1, trials, shifted), axis=1)
    return Transform(low, np.maximum(high, low))


def inside(found: Transform, low: float, high: float) -> Floats:
    """Returns the share [I] of each item's probability interval that lies in [low, high]."""
    width = found.high - found.low
    covered = np.minimum(found.high, high) - np.maximum(found.low, low)
    at_point = ((found.low >= low) & (found.low <= high)).astype(np.float64)
    share = np.divide(covered, width, out=at_point, where=width > 1e-15)
    return np.asarray(np.clip(share, 0.0, 1.0))


def covered(found: Transform, level: float = COVERAGE) -> Floats:
    """Returns how far [I] each count lies inside the central interval of that level, 0 to 1."""
    return inside(found, (1.0 - level) / 2.0, (1.0 + level) / 2.0)


def central_factor(items: ItemCounts) -> float:
    """Returns what standard errors must be multiplied by for 80 % intervals to hold 80 %.

    Shifts have heavier tails than a normal: a few far ones widen the standard deviation, and the
    middle, which decisions rest on, would be told too wide. Only items with enough expected events
    count, and the factor is drawn towards 1 where they are of few promotions.

    Args:
        items: of rows that the spread was estimated on.
    """
    judged = np.flatnonzero(items.trials * items.rate >= LEAST_EVENTS)[:_MOST_JUDGED]
    promotions = len(np.unique(items.promotion[judged]))
    if promotions < _LEAST_PROMOTIONS:
        return 1.0
    low, high = _FACTORS
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        tried = ItemCounts(
            promotion=items.promotion[judged],
            trials=items.trials[judged],
            rate=items.rate[judged],
            sd=items.sd[judged] * middle,
            events=items.events[judged],
        )
        if covered(transform(tried)).mean() < COVERAGE:
            low = middle
        else:
            high = middle
    found = float(np.log(low * high) / 2.0)
    return float(np.exp(found * promotions / (promotions + _LEAST_PROMOTIONS)))


def pit_histogram(found: Transform, bins: int = PIT_BINS) -> Floats:
    """Returns the mean share [B] of items in each bin of the transform; 1/B each if honest."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    return np.array([inside(found, low, high).mean() for low, high in pairwise(edges)])
