"""How a market moves: the law of each dynamic, and how well its numbers are known.

Numbers without `_sd` in their name are what is believed; each `_sd` says how far a flight's own
number may lie from that, and is drawn anew in every flight. An sd of 0 says: known.
"""

from dataclasses import dataclass, fields

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.errors import MarketError
from promopilot.envs.response import Saturation

LN2 = float(np.log(2))


def _check(name: str, value: float | Floats) -> None:
    values = np.atleast_1d(value)
    good = (values >= 0) & np.isfinite(values)
    if not good.all():
        raise MarketError(f"{name} holds {values[~good][0]}; it must be a number of at least 0.")


@dataclass(frozen=True)
class Delay:
    """When a booked conversion is seen: a mixture of two exponentials.

    The share seen within t days is fast_share (1 - exp(-t / fast_days)) + (1 - fast_share)
    (1 - exp(-t / slow_days)). A conversion is one day old when the next day is decided on.

    Raises:
        MarketError: A share outside 0-1, or a mean or spread that is no number of at least 0.
    """

    fast_share: float
    fast_days: float  # mean of the fast part; 0 where it is seen at once
    slow_days: float  # mean of the slow part
    fast_share_sd: float = 0.0  # of its log-odds
    slow_days_sd: float = 0.0  # of its log

    def __post_init__(self) -> None:
        if not 0 <= self.fast_share <= 1:
            raise MarketError(f"delay.fast_share is {self.fast_share}; it must be from 0 to 1.")
        for field in fields(self)[1:]:
            _check(f"delay.{field.name}", getattr(self, field.name))

    def seen(self, days: Floats) -> Floats:
        """Share of conversions seen within `days` of their impression."""
        return np.asarray(
            self.fast_share * (1 - _left(days, self.fast_days))
            + (1 - self.fast_share) * (1 - _left(days, self.slow_days))
        )


def _left(days: Floats, mean: float) -> Floats:
    days = np.asarray(days, dtype=np.float64)
    return np.exp(-days / mean) if mean > 0 else np.zeros_like(days)


IMMEDIATE = Delay(fast_share=1.0, fast_days=0.0, slow_days=0.0)


@dataclass(frozen=True)
class Dynamics:
    """The laws of one market (K placements, Q pools, P promotions).

    Raises:
        MarketError: A number is negative, infinite or outside its range.
    """

    # Log supply of a pool: day-to-day noise, its own and that of all pools together, the pool's own
    # level, the factor of a weekday, growth a day, and a random walk that all pools share (a season
    # never seen; sd of one day's step).
    supply_sd: Floats  # [Q]
    supply_day_sd: float
    supply_level_sd: Floats  # [Q]
    weekday_sd: float
    trend_sd: float
    supply_walk_sd: float
    # Log price of a placement: a stationary AR(1) around the placement's mean, and that mean.
    price_sd: Floats  # [K] stationary sd
    price_persistence: Floats  # [K]
    price_level_sd: Floats  # [K]
    # Reach: the curve's family, and the log of how much of a pool a line item can get.
    saturation: Saturation
    reach_sd: Floats  # [K]
    # Click probability x (1 + n)^-exponent after n recent exposures per person.
    fatigue_exponent: float
    fatigue_exponent_sd: float
    fatigue_half_life_days: float
    delay: Delay
    # Log-odds that all promotions share: day-to-day noise of each stage, and a random walk of the
    # first one's (sd of one day's step).
    first_day_sd: float
    second_day_sd: float
    rate_walk_sd: float
    # First-stage log-odds of each promotion: a random walk (sd of one day's step), and with
    # `shock_probability` a day a fall by `shock_size` for the rest of the flight.
    drift_sd: float
    shock_probability: float
    shock_size: float
    incrementality_sd: Floats  # [P] of a promotion's share of conversions that it caused

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name not in ("saturation", "delay"):
                _check(field.name, getattr(self, field.name))
        if not (self.price_persistence < 1).all():
            worst = float(np.max(self.price_persistence))
            raise MarketError(f"price_persistence is {worst}; it must be at least 0 and below 1.")
        if self.fatigue_half_life_days == 0:
            raise MarketError("fatigue_half_life_days is 0; it must be above 0.")
        if self.shock_probability > 1:
            raise MarketError(f"shock_probability is {self.shock_probability}; it is at most 1.")

    @property
    def forget(self) -> float:
        """Share of recent exposures still felt a day later."""
        return float(2 ** (-1 / self.fatigue_half_life_days))


def steady(pools: int, placements: int, promotions: int) -> Dynamics:
    """Dynamics in which nothing moves and everything is known, to build on with `replace`."""
    return Dynamics(
        supply_sd=np.zeros(pools),
        supply_day_sd=0.0,
        supply_level_sd=np.zeros(pools),
        weekday_sd=0.0,
        trend_sd=0.0,
        supply_walk_sd=0.0,
        price_sd=np.zeros(placements),
        price_persistence=np.zeros(placements),
        price_level_sd=np.zeros(placements),
        saturation=Saturation(),
        reach_sd=np.zeros(placements),
        fatigue_exponent=0.0,
        fatigue_exponent_sd=0.0,
        fatigue_half_life_days=7.0,
        delay=IMMEDIATE,
        first_day_sd=0.0,
        second_day_sd=0.0,
        rate_walk_sd=0.0,
        drift_sd=0.0,
        shock_probability=0.0,
        shock_size=LN2,
        incrementality_sd=np.zeros(promotions),
    )
