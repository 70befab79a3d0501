"""Dynamics of the market that data of this version does not identify: priors, each overridable."""

from pydantic import BaseModel, ConfigDict, Field


class MarketSettings(BaseModel):
    """Priors of the market's dynamics (design: the market; one step is one day)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Click probability falls by (1 + n)^-exponent after n recent exposures per person. Source: a
    # study of Meta ads (-45 % at the 4th exposure), second-hand, so a prior to be overridden.
    fatigue_exponent: float = Field(default=0.43, ge=0)
    # Days until half of the past exposures are forgotten. No source: a stated prior.
    fatigue_half_life_days: float = Field(default=7.0, gt=0)
    # Day-to-day persistence of the log price of a placement, an AR(1). A stated prior.
    price_persistence: float = Field(default=0.8, ge=0, lt=1)
    # Stationary standard deviation of the log price of a placement. A stated prior.
    price_sd: float = Field(default=0.2, ge=0)
    # Standard deviation of a pool's log supply around its expected day; null: the residual of the
    # history by weekday.
    supply_sd: float | None = Field(default=None, ge=0)
