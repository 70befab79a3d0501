"""When conversions are seen: share of the fast part, mean of the slow one.

Where a day x line item was read several times, what arrived between two readings is multinomial,
given the last reading's total, with chances (F(a_j) - F(a_j-1)) / F(a_last): what is not yet in
cancels. Where it was read once, conversions per click fall towards the youngest days as F(age)
does; line items are profiled out (conditional on their totals), and what makes one day convert
better than another widens the error. Both are integrated on a grid that closes in on the posterior.
The fast part's mean is the prior's: it is hours, and days cannot tell.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import expit, logit

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.closing_grid import close_in
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.calibration.history import History, Readings
from promopilot.envs.dynamics import Delay
from promopilot.envs.priors import PRIORS

_POINTS, _WIDTH = 15, 4.0  # of the grid, and sds of the prior that it reaches out
_SAME_DAY = 0.5  # age in days of a reading on the day itself
_LEAST_EVENTS = 50.0
_MOST_ITEMS = 2000  # line items that are profiled out; with more, promotions are
_SLIGHT = 1e-12


@dataclass(frozen=True)
class DelayFit:
    """Posterior of (log-odds of the fast share, log of the slow part's mean)."""

    mean: Floats  # [2]
    covariance: Floats  # [2, 2]
    basis: str  # "readings" or "ages"

    def seen(self, days: Floats) -> tuple[Floats, Floats]:
        """Log-odds of the share seen within `days` of the impression, and its sd (delta method)."""
        step = 1e-4
        here = _log_odds(self.mean, days)
        slope = np.stack(
            [(_log_odds(self.mean + step * unit, days) - here) / step for unit in np.eye(2)]
        )
        return here, np.sqrt(np.einsum("id,ij,jd->d", slope, self.covariance, slope))


def believed_delay() -> Delay:
    """The prior's."""
    names = ("delay_fast_share", "delay_fast_days", "delay_slow_days")
    return Delay(*(PRIORS[name].mean for name in names))


def _delay(numbers: Floats) -> Delay:
    fast_days = PRIORS["delay_fast_days"].mean
    return Delay(float(expit(numbers[0])), fast_days, float(np.exp(numbers[1])))


def _log_odds(numbers: Floats, days: Floats) -> Floats:
    return np.asarray(logit(np.clip(_delay(numbers).seen(days), _SLIGHT, 1 - _SLIGHT)))


def fit_delay(history: History) -> DelayFit | None:
    """Fit from readings where there are some, else from ages, else None."""
    if history.readings is not None:
        made = _from_readings(history.readings)
        if made is not None:
            return DelayFit(*_posterior(made), "readings")
    made = _from_ages(history)
    return None if made is None else DelayFit(*_posterior(made), "ages")


LogLikelihood = Callable[[Delay], float]


def _from_readings(readings: Readings) -> LogLikelihood | None:
    order = np.lexsort((readings.age, readings.item))
    item = np.unique(readings.item[order], return_inverse=True)[1]
    age = np.maximum(readings.age[order], _SAME_DAY)
    # A count may not fall: what was taken back later had not been there before.
    apart = float(readings.conversions.max(initial=0.0)) + 1
    counts = readings.conversions[order] + apart * item
    counts = np.minimum.accumulate(counts[::-1])[::-1] - apart * item
    first = np.concatenate([[True], item[1:] != item[:-1]])[: len(item)]
    last = np.concatenate([item[1:] != item[:-1], [True]])[: len(item)]
    several = (np.bincount(item) > 1)[item]
    before = np.where(first, 0.0, np.concatenate([[0.0], age[:-1]])[: len(item)])
    came = counts - np.where(first, 0.0, np.concatenate([[0.0], counts[:-1]])[: len(item)])
    fresh = several & (age > before)
    if counts[last & several].sum() < _LEAST_EVENTS:
        return None
    ages = np.unique(np.concatenate([[0.0], age]))
    since, until = np.searchsorted(ages, before[fresh]), np.searchsorted(ages, age[fresh])
    span = since * len(ages) + until
    came_in = np.bincount(span, came[fresh], len(ages) ** 2)
    some = np.flatnonzero(came_in)
    since, until, came_in = some // len(ages), some % len(ages), came_in[some]
    ends = np.searchsorted(ages, age[last & several])
    total = np.bincount(ends, counts[last & several], len(ages))[1:]

    def likelihood(delay: Delay) -> float:
        there = delay.seen(ages)
        within = np.log(np.maximum(there[until] - there[since], _SLIGHT))
        return float(came_in @ within - total @ np.log(np.maximum(there[1:], _SLIGHT)))

    return likelihood


def _from_ages(history: History) -> LogLikelihood | None:
    good = (np.nan_to_num(history.clicks) > 0) & ~np.isnan(history.age + history.conversions)
    counts, clicks = history.conversions[good], history.clicks[good]
    if counts.sum() < _LEAST_EVENTS:
        return None
    ages, at = np.unique(np.maximum(history.age[good], _SAME_DAY), return_inverse=True)
    unit = history.line_item[good]
    if unit.max() >= _MOST_ITEMS:
        unit = history.promotion[good]
    table = csr_matrix((clicks, (unit, at)))  # [items, ages]
    per_item = np.bincount(unit, counts, table.shape[0])
    per_age = np.bincount(at, counts, len(ages))
    some = per_item > 0

    def by_item(there: Floats) -> Floats:
        return np.asarray(table.dot(there), dtype=np.float64)

    def log_likelihood(delay: Delay) -> float:
        there = np.maximum(delay.seen(ages), _SLIGHT)
        return float(per_age @ np.log(there) - per_item[some] @ np.log(by_item(there)[some]))

    # Overdispersion of whole days, at the prior: some days convert better than others.
    there = believed_delay().seen(ages)
    rate = np.divide(per_item, by_item(there), out=np.zeros(len(per_item)), where=some)
    expected = np.bincount(history.day[good], (rate[unit] * clicks * there[at]))
    found = np.bincount(history.day[good], counts)
    seen = expected > 0
    surplus = float(((found - expected)[seen] ** 2 / expected[seen]).sum())
    spread = max(surplus / max(int(seen.sum()) - 1, 1), 1.0)
    return lambda delay: log_likelihood(delay) / spread


def _posterior(likelihood: LogLikelihood) -> tuple[Floats, Floats]:
    """Mean and covariance under the prior, on a grid that closes in."""
    priors = [PRIORS["delay_fast_share"], PRIORS["delay_slow_days"]]
    believed = np.array([centre(prior) for prior in priors])
    believed_sd = np.array([prior.sd for prior in priors])

    def log_density(point: Floats) -> float:
        apart = (point - believed) / believed_sd
        return likelihood(_delay(point)) - 0.5 * float(apart @ apart)

    found = close_in(log_density, believed, _WIDTH * believed_sd, _POINTS)
    return found.mean, found.covariance
