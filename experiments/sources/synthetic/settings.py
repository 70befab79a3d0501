"""What can be chosen of the shop that `data build synthetic` makes up."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from promopilot.envs.dynamics import LN2
from promopilot.envs.priors import PRIORS

_PRIOR = {name: prior.mean for name, prior in PRIORS.items()}
REACHES = 4.0  # a line item reaches at most so many times its even share of a pool


class SyntheticSettings(BaseModel):
    """A made-up shop, its market and how it has spent; the truth of it is written beside the data.

    Defaults without a source are chosen so that about half of the line items are worth funding and
    everything that can be learnt shows in 120 days.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    promotions: int = Field(24, ge=1, le=100_000)  # offers, each in every placement and segment
    placements: int = Field(5, ge=1, le=10_000)  # places where they can be shown
    segments: int = Field(3, ge=1, le=10_000)  # audiences
    days: int = Field(120, ge=14, le=3660)  # of history; two weeks show every weekday twice
    flight_days: int = Field(28, ge=1, le=366)  # after the history, in truth/world
    # First day of the history (a Monday).
    start: date = Field(date(2025, 1, 6), ge=date(1970, 1, 1), le=date(2200, 1, 1))
    clicks: bool = True  # whether clicks are recorded; else conversions per impression alone

    always_on: float = Field(0.5, ge=0, le=1)  # share of promotions that run all the time
    new: float = Field(0.1, ge=0, lt=1)  # share of them that first run in the flight
    stocked: float = Field(0.25, ge=0, le=1)  # share of them of which only so many can be sold
    stock_days: float = Field(20.0, ge=0)  # days of sales left of those when the flight starts

    # Impressions a day that a pool (placement x segment) has for each promotion of the shop.
    daily_supply: float = Field(2000.0, gt=0)
    # Share of a pool that a line item can reach; null: 4 over the number of promotions, at most 1.
    reach_share: float | None = Field(None, gt=0, le=1)
    supply_sd: float = Field(_PRIOR["supply_sd"], ge=0)  # of a pool's log supply, day by day
    # Sd of one day's step of a random walk of log supply that all pools share.
    supply_walk_sd: float = Field(_PRIOR["supply_walk_sd"], ge=0)
    supply_trend: float = Field(0.0005, ge=-0.05, le=0.05)  # growth of log supply a day
    weekday_sd: float = Field(0.12, ge=0)  # of the log of supply's seven weekday factors
    events: int = Field(4, ge=0)  # days of more supply; of two or more the last is in the flight
    cpm: float = Field(4.0, gt=0)  # money per 1000 first impressions, of a middling placement
    price_sd: float = Field(_PRIOR["price_sd"], ge=0)  # stationary, of a placement's log price
    # Share of today's deviation of the log price that is left tomorrow (an AR(1)).
    price_persistence: float = Field(_PRIOR["price_persistence"], ge=0, lt=1)
    # Family of the reach curve: how spend buys impressions.
    saturation: Literal["exponential", "michaelis_menten", "hill"] = "exponential"
    hill_slope: float = Field(1.3, gt=0, le=10)  # of `hill`; above 1 it is S-shaped
    segment_size: float = Field(50_000.0, gt=0)  # people, of a middling segment
    # Click probability falls by (1 + n)^-exponent after n recent exposures per person.
    fatigue_exponent: float = Field(_PRIOR["fatigue_exponent"], ge=0, le=10)
    # Days until half of the past exposures are forgotten.
    fatigue_half_life_days: float = Field(_PRIOR["fatigue_half_life_days"], gt=0)

    delay: bool = True  # whether conversions are seen late, after one of two exponential delays
    delay_fast_share: float = Field(_PRIOR["delay_fast_share"], ge=0, le=1)  # of conversions
    delay_fast_days: float = Field(_PRIOR["delay_fast_days"], ge=0)  # mean of the fast delay
    delay_slow_days: float = Field(_PRIOR["delay_slow_days"], gt=0)  # mean of the slow one
    # With delay: days after its date on which a row is also read, if it is not settled when the
    # flight starts.
    readings: tuple[int, ...] = Field((1, 3, 7, 14), min_length=1)
    # Days after its date of every row's last reading: all its conversions count as seen by then.
    settled_days: int = Field(30, ge=2, le=365)

    click_rate: float = Field(0.025, gt=0, lt=1)  # per impression, before every effect and fatigue
    conversion_rate: float = Field(0.05, gt=0, lt=1)  # per click, before every effect
    text_effect: float = Field(1.0, ge=0, le=10)  # factor on what words do; 0: words say nothing
    promotion_sd: float = Field(0.15, ge=0)  # of log-odds of each stage: a promotion's own
    line_item_sd: float = Field(0.1, ge=0)  # likewise a line item's own
    weekday_click_sd: float = Field(0.05, ge=0)  # of seven effects on click log-odds
    # Sd of one day's step of a random walk of click log-odds that all line items share.
    rate_walk_sd: float = Field(_PRIOR["rate_walk_sd"], ge=0)
    drift_sd: float = Field(0.0, ge=0)  # likewise of each promotion's own walk
    # Daily probability that a promotion's click log-odds fall by `shock_size`, for good.
    shock_probability: float = Field(0.0, ge=0, le=1)
    shock_size: float = Field(LN2, ge=0)  # log-odds; ln 2 halves the odds
    incrementality: float = Field(0.8, ge=0, le=1)  # share of conversions caused, on average
    incrementality_sd: float = Field(0.1, ge=0)  # of it, over promotions; it stays within 0-1

    fill: float = Field(0.6, gt=0, le=1)  # share of supply that the shop's spend buys on average
    spend_spread: float = Field(10.0, ge=1)  # share of reach bought: most over least, line items
    # How far spend follows what a line item returns: 0 not at all, 1 in the order of it.
    skill: float = Field(0.5, ge=0, le=1)
    spend_noise: float = Field(0.5, ge=0)  # sd of the log of a line item's spend from day to day
    pauses: float = Field(0.05, ge=0, lt=1)  # probability that a line item gets nothing on a day
    unused: float = Field(0.1, ge=0, lt=1)  # share of line items that the shop never funds

    # Promotions that a randomised test held back; null: a quarter of those that ran.
    lift_tests: int | None = Field(None, ge=0)
    placement_lift_tests: int = Field(1, ge=0)  # likewise placements
    lift_test_se: float = Field(0.05, gt=0, le=1)  # a middling test's standard error

    log_flights: int = Field(4, ge=0, le=1000)  # flights logged in truth/log.parquet; 0: no log
    log_blocks: int = Field(10, ge=1, le=1000)  # decisions of the log for each pool and day
    log_exploration: float = Field(0.2, gt=0, le=1)  # share of them drawn evenly

    @property
    def running(self) -> int:
        """Promotions that ran in the history: all but the new ones."""
        return max(self.promotions - int(self.promotions * self.new), 1)

    @property
    def reach(self) -> float:
        """`reach_share`, or what stands for it."""
        return self.reach_share or min(1.0, REACHES / self.promotions)

    @property
    def tested(self) -> int:
        """`lift_tests`, or what stands for it."""
        return self.running // 4 if self.lift_tests is None else self.lift_tests

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.tested > self.running:
            raise ValueError(
                f"lift_tests must not exceed the promotions that ran in the history, but there are "
                f"{self.tested} tests of {self.running} promotions"
            )
        if self.placement_lift_tests > self.placements:
            raise ValueError(
                "placement_lift_tests must not exceed placements, but they are "
                f"{self.placement_lift_tests} and {self.placements}"
            )
        if self.events > self.days:
            raise ValueError(
                f"events must not exceed days, but they are {self.events} and {self.days}"
            )
        edges = (0, *self.readings, self.settled_days)
        if any(early >= late for early, late in pairwise(edges)):
            raise ValueError(
                "readings must rise from 1 to below settled_days, but they are "
                f"{list(self.readings)} and {self.settled_days}"
            )
        return self
