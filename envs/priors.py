"""What is believed of a market's dynamics before any data, with its source and how sure it is.

The one place where these numbers stand: calibration starts from them, and keeps them where the data
cannot tell; `market:` of a config overrides each.
"""

from dataclasses import dataclass
from typing import Literal

Scale = Literal["plain", "log", "logit"]


@dataclass(frozen=True)
class Prior:
    """A Gaussian belief on a number, on its own scale."""

    mean: float  # on the plain scale
    sd: float  # on `scale`
    scale: Scale
    source: str
    # Of numbers that pools, placements or promotions each have: the part of `sd` by which those of
    # one shop differ. The rest they share, so one of which little is known learns from the others.
    between: float = 0.0


_STATED = "a stated prior, without a source"
PRIORS: dict[str, Prior] = {
    # Click probability falls by (1 + n)^-exponent: -45 % at the 4th exposure.
    "fatigue_exponent": Prior(0.43, 0.15, "plain", "a study of Meta ads, second-hand"),
    "fatigue_half_life_days": Prior(7.0, 0.0, "log", _STATED),
    "price_sd": Prior(0.2, 0.5, "log", _STATED, between=0.3),
    "price_persistence": Prior(0.8, 0.15, "plain", _STATED, between=0.08),
    "price_level_sd": Prior(0.1, 0.0, "log", _STATED),
    # Log supply of a pool: of one day, of its level, of a weekday, growth a day, shared walk.
    "supply_sd": Prior(0.1, 0.5, "log", _STATED, between=0.3),
    "supply_level_sd": Prior(0.1, 0.0, "log", _STATED),
    "weekday_effect": Prior(0.0, 0.2, "plain", _STATED),
    "trend": Prior(0.0, 0.002, "plain", _STATED),
    "supply_walk_sd": Prior(0.01, 0.7, "log", _STATED),
    # What moves all pools on one day alike and is gone on the next.
    "shared_day_sd": Prior(0.02, 1.0, "log", _STATED),
    # Share of a pool that one line item can reach (config: assumptions.reach_share gives the mean).
    "reach_share": Prior(1.0, 0.3, "log", _STATED),
    # Within Robyn's range of 0.5 to 3.
    "hill_slope": Prior(1.0, 0.4, "log", "the range of Robyn's examples"),
    # Log-odds of the first stage that all promotions share: sd of one day's step.
    "rate_walk_sd": Prior(0.01, 0.7, "log", _STATED),
    # And noise of single days: of first-stage rates, and likewise of second-stage rates.
    "rate_day_sd": Prior(0.05, 1.0, "log", _STATED),
    # A promotion's own walk: none, unless the data show one, and then of this size.
    "drift_sd_if_seen": Prior(0.02, 0.7, "log", _STATED),
    # 0.36 Exp(0.3 h) + 0.64 Exp(97 h), fitted to 50 % within a day, 89 % in a week, 98 % in two.
    "delay_fast_share": Prior(0.36, 0.5, "logit", "Chapelle, KDD 2014, second-hand"),
    "delay_fast_days": Prior(0.3 / 24, 0.0, "log", "Chapelle, KDD 2014, second-hand"),
    "delay_slow_days": Prior(97 / 24, 0.3, "log", "Chapelle, KDD 2014, second-hand"),
    # By how much promotions of one shop differ in the share of conversions that they cause.
    "incrementality_between": Prior(0.15, 0.0, "plain", _STATED),
}
