"""The one cut of a run: which days fit, which choose, and which are the flight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from promopilot.envs.calibration.calibrating import LEAST_DAYS
from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import ConfigError, DataError, Problem
from promopilot.experiments.tables import Tables

CHOOSE_SHARE = 8  # without a `choose_from`, the last eighth of the days before the flight chooses


@dataclass(frozen=True)
class Dates:
    """Days in order: fit_from < choose_from < start <= last."""

    fit_from: date  # first day that fits
    choose_from: date  # first day that chooses, and the day after the last that fits
    start: date  # first day of the flight; nothing before it reads anything from here on
    last: date  # last day of the flight
    history_from: date  # first day that gives promotions, supply and current mix

    def fit(self, performance: pd.DataFrame) -> pd.DataFrame:
        """Rows that fit the predictor."""
        return _between(performance, self.fit_from, self.choose_from)

    def choose(self, performance: pd.DataFrame) -> pd.DataFrame:
        """Rows that choose among its settings."""
        return _between(performance, self.choose_from, self.start)

    def history(self, performance: pd.DataFrame) -> pd.DataFrame:
        """Rows just before the flight."""
        return _between(performance, self.history_from, self.start)

    def flight(self, performance: pd.DataFrame) -> pd.DataFrame:
        """Rows of the flight itself, to be read only when its plan is written."""
        return _between(performance, self.start, self.last + timedelta(days=1))


def resolve_dates(config: RunConfig, performance: pd.DataFrame) -> Dates:
    """Fills in the dates that the config leaves open and checks them against the data.

    Raises:
        ConfigError: The flight lies outside the data, or the dates are not in order.
    """
    if performance.empty:
        raise ConfigError(
            "`performance` has no rows: a run needs a history before the flight's first day"
        )
    first, last = performance["date"].min().date(), performance["date"].max().date()
    start = config.flight.start or last + timedelta(days=1)
    history_from = start - timedelta(days=config.flight.history_days)
    if start <= first or history_from > last:
        raise ConfigError(
            f"the flight starts on {start}, outside the data: `performance` covers {first} to "
            f"{last}, and `$.flight.start` must lie after its first day and at most "
            f"`$.flight.history_days` ({config.flight.history_days}) days after its last"
        )
    fit_from = config.split.fit_from or first
    days_before = (min(start, last + timedelta(days=1)) - max(fit_from, first)).days
    held = max(days_before // CHOOSE_SHARE, 1)
    choose_from = config.split.choose_from or min(start, last + timedelta(days=1)) - timedelta(held)
    if not max(fit_from, first) < choose_from < start or choose_from > last:
        raise ConfigError(
            f"the dates are not in order: data {first} to {last}, `$.split.fit_from` {fit_from}, "
            f"`$.split.choose_from` {choose_from}, `$.flight.start` {start}; each part needs days"
        )
    end = start + timedelta(days=config.flight.days - 1)
    return Dates(fit_from, choose_from, start, end, history_from)


def require_conversions(tables: Tables, dates: Dates) -> None:
    """Checks that a plan can be made: each of its objectives is a sum over conversions.

    Raises:
        DataError: No row that the predictor learns from tells how many conversions there were.
    """
    learnt = _between(tables.performance, dates.fit_from, dates.start)
    if "conversions" not in learnt or learnt["conversions"].isna().all():
        raise no_conversions(f"no row from {dates.fit_from} on and before {dates.start} has any")


def require_history(performance: pd.DataFrame, start: date) -> None:
    """Checks that there is enough before a flight to calibrate its market on.

    Raises:
        ConfigError: Something was shown on fewer days than that takes.
    """
    shown = performance[
        (performance["date"] < pd.Timestamp(start)) & performance["impressions"].gt(0)
    ]
    days = int(shown["date"].nunique())
    if days < LEAST_DAYS:
        raise ConfigError(
            f"the history is too short: `performance` shows impressions on {days} days before "
            f"{start}, and a market takes at least {LEAST_DAYS}"
        )


def no_conversions(why: str) -> DataError:
    """What a plan on clicks alone is refused with."""
    rule = f"is needed by a plan, which weighs spend against conversions, and {why}"
    mend = "add the column; with clicks alone `promopilot predictor fit` still predicts them"
    return DataError([Problem("performance", None, "conversions", None, rule, mend)])


def _between(performance: pd.DataFrame, begin: date, end: date) -> pd.DataFrame:
    days = performance["date"]
    return performance[(days >= pd.Timestamp(begin)) & (days < pd.Timestamp(end))]
