"""Fatigue: how clicks per impression fall with recent exposures per person.

clicks_r ~ quasi-Poisson(impressions_r a_i b_t (1 + n_r)^-gamma), with a factor for each line item i
and each day t, and n the exposures per person of promotion x segment over all placements, of which
half is forgotten in the prior's half-life. Line items and days are profiled out (conditional on
their totals), so only how one line item's exposures moved against the others' tells of gamma. The
standard error is scaled by the overdispersion. Where clicks are not recorded, conversions take
their place, with the share of them that is seen at the row's age as a further factor.

Where promotions drift (`rate_walks`), each has a random walk of its log rate besides; it is
integrated out of gamma's derivative and information (generalised least squares).
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.two_way import TwoWay
from promopilot.envs.calibration.walk import smoothed
from promopilot.envs.dynamics import Delay
from promopilot.envs.priors import PRIORS

_SETTLING_DAYS = 28
# First days that are left out, a quarter of the history at most: of the exposures before the
# records, guessed, a quarter is then still felt. The error would bias gamma towards zero.
_UNSETTLED_DAYS = 14
_STEPS, _SETTLED = 50, 1e-6
_MOST_RATE = 0.9
LEAST_EVENTS = 50.0


@dataclass(frozen=True)
class FatigueFit:
    """Gamma and what it leaves (T days, R' rows that were used)."""

    exponent: float
    exponent_sd: float  # prior and data together
    log_day: Floats  # [T] log of the day's factor; 0 where nothing was seen
    day_weight: Floats  # [T] expected events of the day over the overdispersion
    rows: Ints  # [R'] of the history
    counts: Floats  # [R'] their events
    expected: Floats  # [R'] what they were expected to be, everything fitted
    overdispersion: float
    rate: float  # events per impression of rested audiences, on average


def recent_exposures(history: History) -> Floats:
    """Exposures per person still felt at the start of each day, [T, P, S].

    Nobody was rested when the records began: they start from what their first four weeks would
    settle at.
    """
    shape = (history.num_days, history.num_promotions, history.num_segments)
    shown = np.zeros(shape)
    np.add.at(shown, (history.day, history.promotion, history.segment), history.impressions)
    shown *= history.projection / history.people
    forget = 2 ** (-1 / history.half_life_days)
    felt = np.empty(shape)
    now = shown[:_SETTLING_DAYS].mean(axis=0) * forget / (1 - forget)
    for day, today in enumerate(shown):
        felt[day] = now
        now = (now + today) * forget
    return felt


def seen_by_now(history: History, delay: Delay) -> Floats:
    """[R] share of each row's conversions that its reading has; 1 where its age is unknown."""
    known = ~np.isnan(history.age)
    return np.where(known, delay.seen(np.where(known, history.age, 0.0)), 1.0)


def fit_fatigue(history: History, delay: Delay, drift_sd: float = 0.0) -> FatigueFit | None:
    """Fit gamma under its prior; None where nothing is recorded to fit on.

    Args:
        history: What was recorded.
        delay: How much of the youngest days' conversions is seen.
        drift_sd: Sd of one day's step of each promotion's log rate.
    """
    has_clicks = bool(np.nansum(history.clicks) > 0)
    events = history.clicks if has_clicks else history.conversions
    shown = history.impressions if has_clicks else history.impressions * seen_by_now(history, delay)
    unsettled = min(_UNSETTLED_DAYS, history.num_days // 4)
    seen = ~np.isnan(events) & (history.impressions > 0)
    rows = np.flatnonzero(seen & (history.day >= unsettled))
    if events[rows].sum() < LEAST_EVENTS:
        return None
    item = np.unique(history.line_item[rows], return_inverse=True)[1]
    table = TwoWay(events[rows], item, history.day[rows], history.num_days)
    felt = recent_exposures(history)
    tiredness = np.log1p(felt[table.day, history.promotion[rows], history.segment[rows]])
    prior = PRIORS["fatigue_exponent"]
    gamma, factors = prior.mean, np.ones(table.days)
    for _ in range(_STEPS):
        offset = shown[rows] * np.exp(-gamma * tiredness)
        expected, factors = table.expected(offset, factors)
        own = table.within(tiredness, expected)
        spread = table.overdispersion(expected)
        information, score = (
            float((expected * own**2).sum()),
            float((expected - table.counts) @ own),
        )
        if drift_sd > 0:
            lost, moved = _of_drift(table, history.promotion[rows], expected, own, spread, drift_sd)
            information, score = information - lost, score - moved
        information = information / spread + 1 / prior.sd**2
        step = (score / spread + (prior.mean - gamma) / prior.sd**2) / information
        gamma += step
        if abs(step) < _SETTLED:
            break
    some = factors > 0
    log_day = np.log(np.where(some, factors, 1.0))
    weight = np.where(some, table.day_weight(expected), 0.0) / spread
    rested = min(float(table.counts.sum() / offset.sum()), _MOST_RATE)
    return FatigueFit(
        gamma, information**-0.5, log_day, weight, rows, table.counts, expected, spread, rested
    )


def _of_drift(
    table: TwoWay, promotion: Ints, expected: Floats, own: Floats, spread: float, drift_sd: float
) -> tuple[float, float]:
    """Information and derivative of gamma that promotions' own walks explain."""
    size = int(promotion.max()) + 1, table.days
    code = promotion * table.days + table.day

    def by_day(values: Floats) -> Floats:
        return np.bincount(code, values, size[0] * size[1]).astype(np.float64).reshape(size)

    weight, bend = by_day(expected), by_day(expected * own)
    error = by_day(expected - table.counts)
    lost, moved = 0.0, 0.0
    for p in np.flatnonzero(weight.any(axis=1)):
        both = np.column_stack([bend[p], error[p]])
        walked = smoothed(weight[p] / spread, both / spread, drift_sd)
        lost += float(bend[p] @ walked[:, 0])
        moved += float(bend[p] @ walked[:, 1])
    return lost, moved
