"""How rates move: all together from day to day, and each promotion by itself.

Together: the log of the day's factor = level + weekday + path. For the first stage, with the days'
factors of `fatigue`, the path is a random walk and noise of single days; for the second, with those
of conversions per click, noise alone. A promotion's own walk shows in its events over what line
items, days and fatigue explain; it counts only where it is plain, since by design promotions do not
drift. Sizes are of log-odds, which move by 1 / (1 - rate) as much as logs.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.calibration.fatigue import LEAST_EVENTS, FatigueFit, seen_by_now
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.season import weekday_contrasts
from promopilot.envs.calibration.two_way import TwoWay
from promopilot.envs.calibration.walk import Path, fit_path, walk_likelihood
from promopilot.envs.dynamics import Delay
from promopilot.envs.priors import PRIORS, Prior

_LEVEL_SD = 3.0
_MOST_RATE = 0.9  # conversions may count more than clicks
_PLAIN = 6.0  # twice the log-likelihood that a drift must gain
_MOST_PROMOTIONS = 60  # whose drift is looked at: those with the most events
_DRIFTS = 13  # points of the grid


def fit_first_stage(fit: FatigueFit, weekdays: Ints) -> Path:
    """Posterior of the first stage's shared movement."""
    return _movement(fit.log_day, fit.day_weight, weekdays, fit.rate, PRIORS["rate_walk_sd"])


def fit_second_stage(history: History, delay: Delay) -> Path | None:
    """Posterior of the noise of days of conversions per click; None without enough of both."""
    rows = np.flatnonzero((np.nan_to_num(history.clicks) > 0) & ~np.isnan(history.conversions))
    if history.conversions[rows].sum() < LEAST_EVENTS:
        return None
    there = seen_by_now(history, delay)[rows]
    item = np.unique(history.line_item[rows], return_inverse=True)[1]
    table = TwoWay(history.conversions[rows], item, history.day[rows], history.num_days)
    expected, factors = table.expected(history.clicks[rows] * there, np.ones(history.num_days))
    seen = factors > 0
    weight = np.where(seen, table.day_weight(expected), 0.0) / table.overdispersion(expected)
    rate = float(table.counts.sum() / max((history.clicks[rows] * there).sum(), 1.0))
    value = np.log(np.where(seen, factors, 1.0))
    return _movement(value, weight, history.weekdays, min(rate, _MOST_RATE), None)


def _movement(
    value: Floats, weight: Floats, weekdays: Ints, rate: float, walk: Prior | None
) -> Path:
    """Posterior of the path of log-odds behind logs [T] read with variance 1 / weight."""
    value, weight = value / (1 - rate), weight * (1 - rate) ** 2
    value = value - (weight @ value) / max(float(weight.sum()), 1e-300)
    effects = np.column_stack([np.ones(len(weekdays)), weekday_contrasts()[weekdays]])
    own = effects.T @ (weight[:, None] * effects)
    own += np.diag([_LEVEL_SD**-2] + [PRIORS["weekday_effect"].sd ** -2] * 6)
    to_path = effects.T * weight
    projected = np.linalg.solve(own, to_path)
    return fit_path(
        np.diag(weight) - to_path.T @ projected,
        weight * value - projected.T @ (effects.T @ (weight * value)),
        walk,
        PRIORS["rate_day_sd"],
    )


@dataclass(frozen=True)
class Drift:
    """Walk of each promotion by itself."""

    log_sd: float  # log of the sd of one day's step
    log_sd_sd: float
    gain: float  # twice the log-likelihood gained over no drift

    @property
    def plain(self) -> bool:
        """Whether the data show a drift."""
        return self.gain > _PLAIN


def fit_drift(fit: FatigueFit, history: History) -> Drift:
    """Likelihood of a common drift, from each promotion's events over those expected."""
    shape = (history.num_promotions, history.num_days)
    code = history.promotion[fit.rows] * shape[1] + history.day[fit.rows]
    counts = np.bincount(code, fit.counts, shape[0] * shape[1]).reshape(shape)
    expected = np.bincount(code, fit.expected, shape[0] * shape[1]).reshape(shape)
    prior = PRIORS["drift_sd_if_seen"]
    logs = centre(prior) + prior.sd * np.linspace(-3, 3, _DRIFTS)
    likelihood = np.zeros(_DRIFTS)
    for p in np.argsort(-expected.sum(axis=1))[:_MOST_PROMOTIONS]:
        weight = expected[p] / fit.overdispersion
        if weight.sum() <= 0:
            continue
        value = np.divide(counts[p], expected[p], out=np.ones(shape[1]), where=expected[p] > 0) - 1
        value, weight = value / (1 - fit.rate), weight * (1 - fit.rate) ** 2
        # The level is free: it is the line items' own.
        information = np.diag(weight) - np.outer(weight, weight) / weight.sum()
        vector = weight * (value - (weight @ value) / weight.sum())
        likelihood += walk_likelihood(information, vector, np.exp(logs))
    gain = 2 * float(likelihood.max())
    weights = np.exp(likelihood - likelihood.max() - 0.5 * ((logs - centre(prior)) / prior.sd) ** 2)
    weights /= weights.sum()
    mean = float(weights @ logs)
    return Drift(mean, float(np.sqrt(weights @ (logs - mean) ** 2)), gain)
