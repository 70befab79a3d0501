"""From a shop's history to its market: every fit, one after another."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from promopilot.envs.calibration.ar1 import fit_ar1
from promopilot.envs.calibration.delay import DelayFit, fit_delay
from promopilot.envs.calibration.estimate import Estimate, believed, judged
from promopilot.envs.calibration.fatigue import fit_fatigue
from promopilot.envs.calibration.history import WEEK, History
from promopilot.envs.calibration.levels import fitted_levels, plain_levels
from promopilot.envs.calibration.lift import LiftTests, fit_lift
from promopilot.envs.calibration.prices import daily_prices
from promopilot.envs.calibration.rate_walks import fit_drift, fit_first_stage, fit_second_stage
from promopilot.envs.calibration.reach_fit import ReachFit
from promopilot.envs.calibration.result import Calibration
from promopilot.envs.calibration.sentences import lift_sentence, sentences
from promopilot.envs.calibration.supply import fit_supply
from promopilot.envs.dynamics import Delay
from promopilot.envs.errors import MarketError
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation

# Days with impressions: fewer are refused; with fewer than two weeks all dynamics are priors.
LEAST_DAYS, LEARNING_DAYS = 7, 14
NEVER = Estimate(np.zeros(()), np.zeros(()), "log", False)  # a movement that there is not


def calibrate(history: History, lift_tests: LiftTests | None = None) -> Calibration:
    """Fit levels and dynamics, each under its prior.

    What the data cannot tell keeps the prior's mean and sd, and its source says "prior".

    Args:
        history: What the shop recorded before the flight; the last 400 days of it count.
        lift_tests: Results of experiments, promotions numbered as in the history.

    Raises:
        MarketError: Impressions on fewer than 7 days, or a lift test that breaks a rule.
    """
    history = history.recent()
    days = history.shown_days
    if days < LEAST_DAYS:
        raise MarketError(
            f"The history has impressions on {days} days; calibration needs at least {LEAST_DAYS}."
        )
    found = prior_only(history)
    if days >= LEARNING_DAYS:
        fit = fit_supply(history)
        found = with_rates(with_prices(with_season(found, history, fit), history, fit), history)
        found = replace(found, sources=sentences(found, history, fit))
    if lift_tests is None or lift_tests.promotion.size == 0:
        return found
    lift = fit_lift(lift_tests, history.num_promotions)
    caused = Estimate(lift.mean, lift.sd, "plain", True)
    told = {"incrementality": lift_sentence(lift, history.num_promotions)}
    return replace(found, incrementality=caused, sources={**found.sources, **told})


def prior_only(history: History) -> Calibration:
    """Levels as they were shown, and priors for all else."""
    levels, kinds = plain_levels(history), (history.num_placements,)
    found = Calibration(
        last_day=history.first_day + timedelta(days=history.num_days - 1),
        supply=levels.supply,
        reach=levels.reach,
        supply_level_sd=levels.drawn_sd,
        measured=levels.measured,
        weekday=Estimate(np.ones(WEEK), believed("weekday_effect", (WEEK,)).sd, "log", False),
        trend=believed("trend"),
        supply_sd=believed("supply_sd", history.pools_shape),
        supply_day_sd=believed("shared_day_sd"),
        supply_walk_sd=believed("supply_walk_sd"),
        price=_paid(history),
        price_sd=believed("price_sd", kinds),
        price_persistence=believed("price_persistence", kinds),
        price_deviation=Estimate(np.full(kinds, np.nan), np.full(kinds, np.nan), "plain", False),
        flat=np.ones(kinds, dtype=bool),
        items=history.items,
        own_price=np.zeros(len(history.items)),
        saturation=Saturation(),
        fatigue_exponent=believed("fatigue_exponent"),
        rate_walk_sd=believed("rate_walk_sd"),
        first_day_sd=believed("rate_day_sd"),
        second_day_sd=believed("rate_day_sd"),
        drift_sd=NEVER,
        delay=_delay(None),
        delay_fit=None,
        incrementality=None,
        sources={},
    )
    return replace(found, sources=sentences(found, history, None))


def _paid(history: History) -> Estimate:
    """[K] spend per impression as it was, saturation left in."""
    paid = (np.nan_to_num(history.spend) > 0) & (history.impressions > 0)
    size = history.num_placements
    money = np.bincount(history.placement[paid], history.spend[paid], size)
    shown = np.bincount(history.placement[paid], history.impressions[paid], size)
    price = np.divide(money, shown, out=np.full(size, np.nan), where=shown > 0)
    sd = np.where(shown > 0, PRIORS["price_level_sd"].mean, np.nan)
    return Estimate(price, sd, "log", bool((shown > 0).any()))


def with_season(found: Calibration, history: History, fit: ReachFit) -> Calibration:
    """Add levels, weekdays, growth and noise of supply."""
    season = fit.season
    week_sd, trend_sd, _ = season.deviation()
    weekday = judged("weekday_effect", season.weekday, week_sd)
    factor = np.exp(weekday.value)
    noise = judged("supply_sd", fit.log_noise, fit.log_noise_sd)
    levels = fitted_levels(history, fit)
    return replace(
        found,
        supply=levels.supply,
        reach=levels.reach,
        supply_level_sd=levels.drawn_sd,
        measured=levels.measured,
        weekday=Estimate(factor / factor.mean(), weekday.sd, "log", weekday.from_data),
        trend=judged("trend", season.trend, trend_sd),
        supply_sd=noise,
        supply_day_sd=judged("shared_day_sd", *season.path.log_noise),
        supply_walk_sd=judged("supply_walk_sd", *season.path.log_walk),
        saturation=fit.saturation,
    )


def with_prices(found: Calibration, history: History, fit: ReachFit) -> Calibration:
    """Add prices where there are some; placements without keep what was paid."""
    daily = daily_prices(history, fit)
    priced = ~np.isnan(daily.common_sd)
    if not priced.any():
        return found
    series = fit_ar1(daily.log_price, daily.variance)
    level_sd = np.hypot(series.level_sd, daily.common_sd)
    return replace(
        found,
        price=Estimate(
            np.where(priced, np.exp(series.level), found.price.value),
            np.where(priced, level_sd, found.price.sd),
            "log",
            True,
        ),
        price_sd=judged("price_sd", series.log_sd, series.log_sd_sd),
        price_persistence=judged("price_persistence", series.persistence, series.persistence_sd),
        price_deviation=Estimate(series.deviation, series.deviation_sd, "plain", True),
        flat=~fit.priced,
        own_price=daily.own,
    )


def with_rates(found: Calibration, history: History) -> Calibration:
    """Add delay, fatigue and movements of rates."""
    delay = fit_delay(history)
    found = replace(found, delay=_delay(delay), delay_fit=delay)
    second = fit_second_stage(history, found.delay)
    if np.isnan(history.clicks).all():  # one stage, which is the first
        found = replace(found, second_day_sd=NEVER)
    elif second is not None:
        found = replace(found, second_day_sd=judged("rate_day_sd", *second.log_noise))
    fatigue = fit_fatigue(history, found.delay)
    if fatigue is None:
        return found
    drift = fit_drift(fatigue, history)
    if drift.plain:
        again = fit_fatigue(history, found.delay, float(np.exp(drift.log_sd)))
        fatigue = again if again is not None else fatigue
    first = fit_first_stage(fatigue, history.weekdays)
    return replace(
        found,
        fatigue_exponent=judged("fatigue_exponent", fatigue.exponent, fatigue.exponent_sd),
        rate_walk_sd=judged("rate_walk_sd", *first.log_walk),
        first_day_sd=judged("rate_day_sd", *first.log_noise),
        drift_sd=(
            Estimate(np.exp(drift.log_sd), np.asarray(drift.log_sd_sd), "log", True)
            if drift.plain
            else found.drift_sd
        ),
    )


def _delay(fit: DelayFit | None) -> Delay:
    """The market's delay: each of its two numbers the posterior's or the prior's."""
    share, slow = believed("delay_fast_share"), believed("delay_slow_days")
    if fit is not None:
        sd = np.sqrt(np.diag(fit.covariance))
        share = judged("delay_fast_share", fit.mean[0], sd[0])
        slow = judged("delay_slow_days", fit.mean[1], sd[1])
    return Delay(
        fast_share=float(share.value),
        fast_days=PRIORS["delay_fast_days"].mean,
        slow_days=float(slow.value),
        fast_share_sd=float(share.sd),
        slow_days_sd=float(slow.sd),
    )
