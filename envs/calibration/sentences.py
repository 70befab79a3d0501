"""Where each number comes from, in one sentence a person can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.lift import Lift
from promopilot.envs.calibration.reach_fit import ReachFit
from promopilot.envs.priors import PRIORS

if TYPE_CHECKING:
    from promopilot.envs.calibration.estimate import Estimate
    from promopilot.envs.calibration.result import Calibration

CANNOT_TELL = "the data cannot tell"


def sentences(found: Calibration, history: History, fit: ReachFit | None) -> dict[str, str]:
    """A sentence by name of the number; `fit` is None where nothing was fitted.

    Each begins with "data: " or "prior: ", or with both parts where some units have data.
    """
    days = history.shown_days
    too_few = f"the history shows {days} days, fewer than two weeks"
    why = CANNOT_TELL if fit is not None else too_few
    priced = fit is not None and bool(fit.priced.any())
    free = fit is not None and not bool(fit.priced.all())

    def told(estimate: Estimate, data: str, prior: str, of: str) -> str:
        """What the data say, or the prior `of` with its own source."""
        stated = f"prior: {prior} ({PRIORS[of].source}); {why}"
        return f"data: {data}" if estimate.from_data else stated

    seen = " and ".join(
        ["how prices bend with impressions on the same day"] * priced
        + ["impressions by day"] * free
    )
    exponent, half_life = found.fatigue_exponent, history.half_life_days
    stated = " (prior)" if half_life == PRIORS["fatigue_half_life_days"].mean else ""
    events = "clicks" if np.nansum(history.clicks) > 0 else "conversions"
    return {
        "supply level": _supply(history, found, priced),
        "reach": told(
            found.reach,
            f"how the price of an impression rises with impressions on the same day, {days} days",
            f"a line item can reach {history.reach_share:.0%} of its pool",
            "reach_share",
        ),
        "weekday season": told(
            found.weekday, f"{seen}, {days} days", "all weekdays alike", "weekday_effect"
        ),
        "supply trend": told(
            found.trend,
            f"{seen}, {days} days: {100 * found.trend.value:+.2f} % a day",
            "none",
            "trend",
        ),
        "day-to-day noise of supply": told(
            found.supply_sd,
            f"what weekday, growth and a slow walk leave unexplained; sd of the log "
            f"{_span(found.supply_sd.value)} by pool and {found.supply_day_sd.value:.2f} of all "
            "together",
            f"sd of the log {PRIORS['supply_sd'].mean:g} by pool and "
            f"{PRIORS['shared_day_sd'].mean:g} of all together",
            "supply_sd",
        ),
        "supply's random walk": told(
            found.supply_walk_sd,
            f"{seen}; sd {found.supply_walk_sd.value:.3f} of the log a day, all pools together",
            f"sd {PRIORS['supply_walk_sd'].mean:g} of the log a day, all pools together",
            "supply_walk_sd",
        ),
        "price level": _price(found, history, fit),
        "price noise": told(
            found.price_sd,
            f"AR(1) of daily prices, sd {_span(found.price_sd.value)} of the log, persistence "
            f"{_span(found.price_persistence.value)}; short-series bias taken off by restricted "
            "likelihood (Cheang and Reinsel 2000)",
            f"AR(1), sd {PRIORS['price_sd'].mean:g} of the log, persistence "
            f"{PRIORS['price_persistence'].mean:g}",
            "price_sd",
        ),
        "saturation": _saturation(found, priced, why),
        "fatigue": told(
            exponent,
            f"{events} against exposures: (1 + n)^-{exponent.value:.2f} (sd {exponent.sd:.2f}), "
            f"half of the exposures forgotten in {half_life:g} days{stated}",
            f"(1 + n)^-{PRIORS['fatigue_exponent'].mean:g}, half of the exposures forgotten in "
            f"{half_life:g} days",
            "fatigue_exponent",
        ),
        "rates' random walk": told(
            found.rate_walk_sd,
            f"{events} by day beyond weekday and fatigue; sd {found.rate_walk_sd.value:.3f} of the "
            "log-odds a day, all promotions together",
            f"sd {PRIORS['rate_walk_sd'].mean:g} of the log-odds a day, all promotions together",
            "rate_walk_sd",
        ),
        "day-to-day noise of rates": told(
            found.first_day_sd,
            f"the same; sd of the log-odds {found.first_day_sd.value:.2f} of the first stage and "
            f"{found.second_day_sd.value:.2f} of the second"
            + ("" if found.second_day_sd.from_data else " (prior)"),
            f"sd {PRIORS['rate_day_sd'].mean:g} of the log-odds of each stage",
            "rate_day_sd",
        ),
        "drift of promotions": told(
            found.drift_sd,
            f"each promotion's {events} by day, sd {found.drift_sd.value:.3f} a day",
            "none",
            "drift_sd_if_seen",
        ),
        "delay of conversions": _delay(found, history, why),
    }


def lift_sentence(lift: Lift, promotions: int) -> str:
    """Of incrementality, where there are lift tests."""
    said = f"data: lift tests; {lift.tested} of {promotions} promotions by their own"
    if lift.tested < promotions:
        said += f", the others by the shop's mean of {lift.shop:.2f}"
    return said


def _span(values: np.ndarray) -> str:
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"


def _supply(history: History, found: Calibration, priced: bool) -> str:
    said = history.daily_supply
    parts = []
    if said is not None and not np.isnan(said).all():
        parts.append(f"data: daily supply as given, sd {PRIORS['supply_level_sd'].mean:g} (prior)")
    if said is None or np.isnan(said).any():
        otherwise = "data: impressions shown"
        if priced and found.reach.from_data:
            otherwise = (
                f"data: reach over the share of a pool that a line item can reach "
                f"({history.reach_share:.0%}, assumed), where prices tell; else impressions shown"
            )
        parts.append(otherwise)
    return "; where not given, ".join(parts)


def _price(found: Calibration, history: History, fit: ReachFit | None) -> str:
    if np.isnan(found.price.value).all():
        return "prior: no spend is recorded, so prices are those of the tables or assumed"
    without = int(np.isnan(found.price.value).sum())
    taken = (
        "daily prices, saturation taken off"
        if fit is not None and fit.priced.any()
        else "spend per impression, saturation left in"
    )
    said = f"data: {taken}, {history.shown_days} days"
    if without:
        said += f"; {without} of {len(found.price.value)} placements have no spend"
    return said


def _saturation(found: Calibration, priced: bool, why: str) -> str:
    family = found.saturation.family.replace("_", "-")
    if family != "exponential":
        slope = f", slope {found.saturation.slope:.2f}" if family == "hill" else ""
        return f"data: {family}{slope}, plainly better than the prior's exponential"
    if not priced:
        return f"prior: exponential reach; {why}"
    return "prior: exponential reach; the data do not plainly ask for another family"


def _delay(found: Calibration, history: History, why: str) -> str:
    prior = (
        f"{PRIORS['delay_fast_share'].mean:.0%} within hours, the rest after "
        f"{PRIORS['delay_slow_days'].mean:.1f} days on average "
        f"({PRIORS['delay_slow_days'].source})"
    )
    if found.delay_fit is None:
        if history.readings is None and np.isnan(history.age).all():
            why = "no reading dates (as_of) are recorded"
        return f"prior: {prior}; {why}"
    basis = {
        "readings": "several readings of the same days",
        "ages": "conversions per click of the youngest days",
    }[found.delay_fit.basis]
    share, slow = PRIORS["delay_fast_share"], PRIORS["delay_slow_days"]
    if found.delay.fast_share_sd == share.sd and found.delay.slow_days_sd == slow.sd:
        return f"prior: {prior}; {why}"
    return (
        f"data: {basis}; {found.delay.fast_share:.0%} within hours, the rest after "
        f"{found.delay.slow_days:.1f} days on average"
    )
