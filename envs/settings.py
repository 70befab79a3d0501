"""What a config may say of the market's dynamics; what it leaves open is calibrated on history."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MarketSettings(BaseModel):
    """Numbers that override calibration; null: from history, else the prior of `envs.priors`.

    A number given here counts as known: it is not drawn anew in every flight.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Family of the reach curve: how spend buys impressions.
    saturation: Literal["exponential", "michaelis_menten", "hill"] | None = None
    hill_slope: float | None = Field(default=None, gt=0, le=10)  # of `hill`; above 1 it is S-shaped
    # Click probability falls by (1 + n)^-exponent after n recent exposures per person.
    fatigue_exponent: float | None = Field(default=None, ge=0, le=10)
    # Days until half of the past exposures are forgotten.
    fatigue_half_life_days: float | None = Field(default=None, gt=0)
    # Log price of a placement: day-to-day persistence and stationary sd of an AR(1).
    price_persistence: float | None = Field(default=None, ge=0, lt=1)
    price_sd: float | None = Field(default=None, ge=0)
    # Day-to-day sd of a pool's log supply around its expected day.
    supply_sd: float | None = Field(default=None, ge=0)
    # Steps of one day of the random walks that all pools' log supply, and all first-stage log-odds,
    # share: how far a season never seen may lead.
    supply_walk_sd: float | None = Field(default=None, ge=0)
    rate_walk_sd: float | None = Field(default=None, ge=0)
    # Day-to-day sd of what moves all pools' log supply, and each stage's log-odds, alike.
    supply_day_sd: float | None = Field(default=None, ge=0)
    first_day_sd: float | None = Field(default=None, ge=0)
    second_day_sd: float | None = Field(default=None, ge=0)
    # Conversions are seen after a mixture of two exponential delays; means in days.
    delay_fast_share: float | None = Field(default=None, ge=0, le=1)
    delay_fast_days: float | None = Field(default=None, ge=0)
    delay_slow_days: float | None = Field(default=None, ge=0)
    # A promotion's first-stage log-odds walk by this sd a day.
    drift_sd: float | None = Field(default=None, ge=0)
    # How far a flight's own numbers may lie from what is believed (of logs; of the exponent and the
    # incrementality itself): drawn anew in every flight.
    supply_level_sd: float | None = Field(default=None, ge=0)
    weekday_sd: float | None = Field(default=None, ge=0)
    trend_sd: float | None = Field(default=None, ge=0)
    price_level_sd: float | None = Field(default=None, ge=0)
    reach_sd: float | None = Field(default=None, ge=0)
    fatigue_exponent_sd: float | None = Field(default=None, ge=0)
    incrementality_sd: float | None = Field(default=None, ge=0)
    # With this probability a day a promotion's log-odds fall by `shock_size` (ln 2: odds halve) for
    # the rest of the flight. Off, as nothing measures it.
    shock_probability: float = Field(default=0.0, ge=0, le=1)
    shock_size: float = Field(default=0.6931471805599453, ge=0)

    @model_validator(mode="after")
    def _slope_has_a_curve(self) -> Self:
        if self.hill_slope is not None and self.saturation != "hill":
            raise ValueError("hill_slope is of the curve hill: set saturation to hill too")
        return self
