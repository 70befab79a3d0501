"""What calibration found: each number with its uncertainty and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.calibration.delay import DelayFit
from promopilot.envs.calibration.estimate import Estimate
from promopilot.envs.calibration.history import WEEK
from promopilot.envs.dynamics import LN2, Delay, Dynamics
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation


@dataclass(frozen=True)
class Calibration:
    """Levels and dynamics of a shop with P promotions, K placements and S segments.

    Levels are those of the history's last day, in recorded impressions.
    """

    last_day: date
    # Impressions of an average weekday: the median day.
    supply: Estimate  # [K, S] of a pool; sd of the log
    reach: Estimate  # [K, S] of a line item; sd of the log
    supply_level_sd: Floats  # [K, S] of log supply as flights draw it (see `levels`)
    measured: Bools  # [K, S] pools whose supply follows from reach, not from what was shown
    weekday: Estimate  # [7] factor of each weekday, Monday first, mean 1; sd of the log
    trend: Estimate  # growth of log supply a day
    supply_sd: Estimate  # [K, S] day-to-day noise of log supply, each pool's own
    supply_day_sd: Estimate  # and that of all pools together
    supply_walk_sd: Estimate  # of one day's step of the walk that all pools share
    # Cost of an impression, saturation taken off (but where it is flat): the median day. Not a
    # number where there is no price; sd of the log.
    price: Estimate  # [K]
    price_sd: Estimate  # [K]
    price_persistence: Estimate  # [K]
    # Log of the last day's price over the median. Errors of both cancel: their sum, the last price
    # itself, is better known than either.
    price_deviation: Estimate  # [K] not a number where there is no price
    flat: Bools  # [K] placements whose price is as paid: none of it could be told to be saturation
    # Line items of the history, and the log of each one's price over its placement's: 0 where it is
    # the placement's.
    items: Ints  # [I, 3] promotion, placement, segment
    own_price: Floats  # [I]
    saturation: Saturation
    fatigue_exponent: Estimate
    rate_walk_sd: Estimate  # of one day's step of the first stage's log-odds, all together
    first_day_sd: Estimate  # their day-to-day noise
    second_day_sd: Estimate  # likewise of the second stage
    drift_sd: Estimate  # 0 unless the data plainly show a drift
    delay: Delay
    delay_fit: DelayFit | None  # the joint posterior; None where the delay is the prior's
    # [P] share of conversions that a promotion caused; None without lift tests
    incrementality: Estimate | None
    sources: Mapping[str, str]  # "data: ..." or "prior: ..." by name, in the order above

    def dynamics(self, pools: Ints, promotions: Ints, start: date | None = None) -> Dynamics:
        """The laws of a flight's market.

        Args:
            pools: [Q, 2] placement and segment of each pool.
            promotions: [P'] index of each of the flight's promotions in the history's.
            start: First day of the flight; the day after the history where absent. Days between
                widen the levels as the walk and the trend do.
        """
        gap = self._gap(start)
        at = pools[:, 0], pools[:, 1]
        widened = self.walk**2 * gap + (float(self.trend.sd) * gap) ** 2
        level_sd = np.sqrt(self.supply_level_sd[at] ** 2 + widened)
        price_level = np.where(
            np.isnan(self.price.sd), PRIORS["price_level_sd"].mean, self.price.sd
        )
        caused = np.zeros(len(promotions))
        if self.incrementality is not None:
            caused = self.incrementality.sd[promotions]
        return Dynamics(
            supply_sd=self.supply_sd.value[at],
            supply_day_sd=_root_mean_square(self.supply_day_sd),
            supply_level_sd=level_sd,
            weekday_sd=float(np.sqrt(np.mean(self.weekday.sd**2))),
            trend_sd=float(self.trend.sd),
            supply_walk_sd=self.walk,
            price_sd=self.price_sd.value,
            price_persistence=self.price_persistence.value,
            price_level_sd=price_level,
            saturation=self.saturation,
            reach_sd=self.reach_sd,
            fatigue_exponent=float(self.fatigue_exponent.value),
            fatigue_exponent_sd=float(self.fatigue_exponent.sd),
            fatigue_half_life_days=PRIORS["fatigue_half_life_days"].mean,
            delay=self.delay,
            first_day_sd=_root_mean_square(self.first_day_sd),
            second_day_sd=_root_mean_square(self.second_day_sd),
            rate_walk_sd=_root_mean_square(self.rate_walk_sd),
            drift_sd=float(self.drift_sd.value),
            shock_probability=0.0,
            shock_size=LN2,
            incrementality_sd=caused,
        )

    @property
    def walk(self) -> float:
        """Sd of a day's step of log supply, as forecasts need it: root of the mean square."""
        return _root_mean_square(self.supply_walk_sd)

    @property
    def reach_share(self) -> Floats:
        """[K, S] share of its pool that a line item can reach, at most 1."""
        return np.minimum(self.reach.value / self.supply.value, 1.0)

    @property
    def reach_sd(self) -> Floats:
        """[K] of the log of what a line item reaches, beyond what the pool's level already has."""
        beyond = np.mean(self.reach.sd**2 - self.supply_level_sd**2, axis=1)
        return np.asarray(np.sqrt(np.maximum(beyond, 0.0)))

    @property
    def unit_cost(self) -> Floats:
        """[K] mean of `price`; not a number where unknown."""
        return np.asarray(
            self.price.value * np.exp((self.price_sd.value**2 + self.price.sd**2) / 2)
        )

    def expected_supply(self, pools: Ints, start: date, days: int) -> Floats:
        """[D, Q] mean impressions of each pool on each day of a flight, events left out."""
        dynamics = self.dynamics(pools, np.zeros(0, dtype=np.int64), start)
        ahead = np.arange(1, days + 1)
        log = np.log(self.supply.value[pools[:, 0], pools[:, 1]]) + dynamics.supply_sd**2 / 2
        moved = float(self.trend.value) * (self._gap(start) + ahead)
        moved = moved + np.log(self.weekday.value[(start.weekday() + ahead - 1) % WEEK])
        spread = dynamics.weekday_sd**2 + (dynamics.trend_sd * ahead) ** 2
        spread = spread + dynamics.supply_walk_sd**2 * ahead + dynamics.supply_day_sd**2
        both = log + dynamics.supply_level_sd**2 / 2 + (moved + spread / 2)[:, None]
        return np.asarray(np.exp(both))

    def log_price_before(self, start: date) -> Floats:
        """[K] log of yesterday's price over the median when a flight starts; NaN if unknown."""
        return np.asarray(
            self.price_deviation.value * self.price_persistence.value ** self._gap(start)
        )

    def _gap(self, start: date | None) -> int:
        """Days between the history's last and the flight's first."""
        return 0 if start is None else max((start - self.last_day).days - 1, 0)


def _root_mean_square(estimate: Estimate) -> float:
    """A size as forecasts need it: a log-normal belief's root mean square; a prior as stated."""
    beyond = estimate.sd**2 if estimate.from_data else 0.0
    return float(estimate.value * np.exp(beyond))
