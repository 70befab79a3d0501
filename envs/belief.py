"""What a flight has taught about each promotion's hidden shift.

The shift u of a promotion has a Gaussian prior; clicks of its line items inform it. Laplace's
method finds the posterior mode and curvature by Newton steps; a line item's own shift v ~ N(0,
own_sd^2) is integrated out by inflating that line item's variance: information I becomes I / (1 +
own_sd^2 I) (Bishop, Pattern Recognition and Machine Learning, 4.4 and 2.3.3). Exposures of many
days are added up as effective impressions, so that two numbers per line item hold the whole
history.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.rates import Rates

_NEWTON_STEPS = 4
# A Newton step on the log-odds is never longer than this, so that a surprise cannot overshoot.
_LONGEST_STEP = 1.0


@dataclass(frozen=True)
class Belief:
    """Gaussian belief on each promotion's shift, after what has been seen."""

    mean: Floats  # [N, P] log-odds
    sd: Floats  # [N, P] log-odds

    def for_items(self, catalog: Catalog, rates: Rates) -> tuple[Floats, Floats]:
        """Mean and variance `[N, L]` of each line item's total shift, its own included."""
        mean = self.mean[:, catalog.promotion]
        variance = self.sd[:, catalog.promotion] ** 2 + rates.own_sd**2
        return mean, variance


def prior(catalog: Catalog, rates: Rates, num_flights: int) -> Belief:
    """The belief before anything is seen."""
    shape = (num_flights, catalog.num_promotions)
    return Belief(mean=np.zeros(shape), sd=np.broadcast_to(rates.shared_sd, shape).copy())


def update(
    belief: Belief,
    catalog: Catalog,
    rates: Rates,
    centre: Floats,
    clicks: Floats,
    effective: Floats,
) -> Belief:
    """Posterior after all clicks seen so far, started from the last belief's mode.

    Args:
        belief: The last belief; only a starting point.
        catalog: Which line item belongs to which promotion.
        rates: Prior standard deviations.
        centre: Reference log-odds of each line item `[L]`.
        clicks: First events seen so far `[N, L]`.
        effective: Impressions so far, each weighted by fatigue and by the day's rate over the
            reference rate `[N, L]`.
    """
    known = rates.shared_sd > 0
    prior_precision = np.where(known, 1 / np.where(known, rates.shared_sd, 1.0) ** 2, np.inf)
    mean = belief.mean
    own_variance = rates.own_sd**2
    for _ in range(_NEWTON_STEPS):
        rate = expit(centre + mean[:, catalog.promotion])
        information = effective * rate * (1 - rate)
        shrink = 1 / (1 + own_variance * information)
        score = catalog.by_promotion.sum((clicks - effective * rate) * shrink)
        precision = catalog.by_promotion.sum(information * shrink) + prior_precision
        with np.errstate(invalid="ignore"):
            step = (score - np.where(known, mean * prior_precision, 0.0)) / precision
        mean = mean + np.clip(np.where(known, step, 0.0), -_LONGEST_STEP, _LONGEST_STEP)
    return Belief(mean=mean, sd=np.where(known, 1 / np.sqrt(precision), 0.0))
