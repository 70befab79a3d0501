"""What a flight has taught about the hidden shifts of one stage.

The shift u of a promotion has a Gaussian prior; events of its line items inform it. Laplace's
method finds the posterior mode and curvature by Newton steps; a line item's own shift
v ~ N(0, own_sd^2) is integrated out by inflating that line item's variance: information I becomes
I / (1 + own_sd^2 I) (Bishop, Pattern Recognition and Machine Learning, 4.4 and 2.3.3). Trials of
many days are added up as effective trials, so that two numbers per line item hold the whole
history.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.rates import Stage, mean_rate

_NEWTON_STEPS = 4
# A Newton step on the log-odds is never longer than this, so that a surprise cannot overshoot.
_LONGEST_STEP = 1.0


@dataclass(frozen=True)
class Belief:
    """Gaussian belief on each promotion's shift, after what has been seen."""

    mean: Floats  # [N, P] log-odds
    sd: Floats  # [N, P] log-odds


class StageBelief:
    """The running belief on one stage, for N flights.

    Args:
        catalog: Which line item belongs to which promotion.
        stage: Mean rates and prior spread.
        num_flights: N.
    """

    def __init__(self, catalog: Catalog, stage: Stage, num_flights: int) -> None:
        self._catalog, self._stage = catalog, stage
        self.centre = stage.centre(catalog.promotion)
        # One reference day; other days enter by their rate relative to it.
        self._reference = self.centre.mean(axis=0)
        shape = (num_flights, catalog.num_promotions)
        self._last = Belief(np.zeros(shape), np.broadcast_to(stage.shared_sd, shape).copy())
        self._current = True
        self._events: Floats = np.zeros((num_flights, catalog.num_line_items))
        self._effective: Floats = np.zeros((num_flights, catalog.num_line_items))

    def see(self, day: int, trials: Floats, events: Floats) -> None:
        """Take a day in.

        Args:
            day: Which day of the flight.
            trials: Trials `[N, L]`, already weighted by what lowers the rate that day (fatigue).
            events: Events `[N, L]`.
        """
        relative = expit(self.centre[day]) / expit(self._reference)
        self._effective = self._effective + trials * relative
        self._events = self._events + events
        self._current = False

    @property
    def now(self) -> Belief:
        """The belief after the days seen so far, started from the last one's mode."""
        if not self._current:
            self._last, self._current = self._update(), True
        return self._last

    def expected_rate(self, day: int) -> Floats:
        """[N, L] rate expected on a day, the line item's own unknown shift included."""
        promotion = self._catalog.promotion
        variance = self.now.sd[:, promotion] ** 2 + self._stage.own_sd**2
        return mean_rate(self.centre[day], self.now.mean[:, promotion], variance)

    def _update(self) -> Belief:
        sd, promotion = self._stage.shared_sd, self._catalog.promotion
        known = sd > 0
        if not known.any():
            return self._last
        prior_precision = np.where(known, 1 / np.where(known, sd, 1.0) ** 2, 1.0)
        mean, own_variance = self._last.mean, self._stage.own_sd**2
        by_promotion = self._catalog.by_promotion
        for _ in range(_NEWTON_STEPS):
            rate = expit(self._reference + mean[:, promotion])
            information = self._effective * rate * (1 - rate)
            shrink = 1 / (1 + own_variance * information)
            score = by_promotion.sum((self._events - self._effective * rate) * shrink)
            precision = by_promotion.sum(information * shrink) + prior_precision
            step = (score - mean * prior_precision) / precision
            mean = mean + np.where(known, np.clip(step, -_LONGEST_STEP, _LONGEST_STEP), 0.0)
        return Belief(mean=mean, sd=np.where(known, 1 / np.sqrt(precision), 0.0))
