"""What a flight has taught about the hidden shifts of one stage.

The shift u of a promotion has a Gaussian prior; events of its line items inform it. Laplace's
method finds the posterior mode and curvature by Newton steps; a line item's own shift
v ~ N(0, own_sd^2) is integrated out by inflating that line item's variance: information I becomes
I / (1 + own_sd^2 I) (Bishop, Pattern Recognition and Machine Learning, 4.4 and 2.3.3). Trials of
many days are added up as effective trials, so that two numbers per line item hold the whole
history. A trial counts as far as its event should have been seen by now, so that a late conversion
is no bad news. Fatigue, delay and the noise that all promotions share are taken to be as believed:
where a flight's own differ, beliefs are somewhat too sure.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.engine.laplace import expected_rates, posterior
from promopilot.envs.rates import Stage

# Newton's last step, in log-odds: a belief that is read now and then must not depend on when; one
# that is brought up to date every day is refined on the next.
_EXACT, _DAILY = 1e-9, 1e-4


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
        trials: Effective trials so far `[N, L]`; the market adds to them.
        events: Events so far `[N, L]`, likewise.
    """

    def __init__(self, catalog: Catalog, stage: Stage, trials: Floats, events: Floats) -> None:
        self._catalog = catalog
        self._own_variance = stage.own_sd**2
        self._trials, self._events = trials, events
        self.centre = stage.centre(catalog.promotion)
        # One reference day; other days enter by their rate relative to it.
        self.reference = self.centre.mean(axis=0)
        shape = (len(trials), catalog.num_promotions)
        self._last = Belief(np.zeros(shape), np.broadcast_to(stage.shared_sd, shape).copy())
        with np.errstate(divide="ignore"):  # infinite where the shift is known to be 0
            self._prior: Floats = 1 / self._last.sd**2  # [N, P] precision
        self._current = True
        self._rate: tuple[int, Floats] | None = None  # of the day asked for last

    def changed(self) -> None:
        """Say that trials or events have changed."""
        self._current, self._rate = False, None

    @property
    def now(self) -> Belief:
        """The belief after the days seen so far, started from the last one's mode."""
        if not self._current:
            self._update(_EXACT)
        return self._last

    def _update(self, enough: float) -> None:
        last = Belief(self._last.mean.copy(), self._last.sd.copy())
        posterior(
            *(self._trials, self._events, self.reference, self._catalog.promotion),
            *(self._prior, self._own_variance, last.mean, last.sd, enough),
        )
        self._last, self._current = last, True

    def expected_rate(self, day: int) -> Floats:
        """[N, L] rate expected on a day, the line item's own unknown shift included; read only."""
        if self._rate is None or self._rate[0] != day:
            rate = expected_rates(
                *(self.centre[day], self._catalog.promotion, self.now.mean, self.now.sd),
                self._own_variance,
            )
            self._rate = day, np.asarray(rate)
        return self._rate[1]

    def forget(self, step_variance: float) -> None:
        """Discount what is known, for shifts that walk on by a step of this variance a day.

        With posterior variance V a step makes it V + q; all information, the prior's too, is scaled
        by V / (V + q), which leaves the mode where it is (West and Harrison, Bayesian Forecasting
        and Dynamic Models, 6.3).
        """
        if not self._current:
            self._update(_DAILY)
        now = self._last
        variance = now.sd**2
        total = variance + step_variance
        keep = variance / total
        with np.errstate(invalid="ignore"):  # a shift that was known: infinite times 0
            self._prior = np.where(keep > 0, self._prior * keep, 1 / total)
        by_item = keep[:, self._catalog.promotion]
        self._trials *= by_item
        self._events *= by_item
        self._last, self._current, self._rate = Belief(now.mean, np.sqrt(total)), True, None
