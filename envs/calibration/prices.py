"""The log price of each day, saturation taken off, and how well it is known."""

from dataclasses import dataclass, replace

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.flat_prices import daily_flat
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.own_prices import own_prices
from promopilot.envs.calibration.price_and_reach import priced_rows
from promopilot.envs.calibration.reach_fit import ReachFit


@dataclass(frozen=True)
class DailyPrices:
    """Log c of T days and K placements."""

    log_price: Floats  # [T, K]; not a number on days without a price
    variance: Floats  # [T, K] of each day's error by itself
    common_sd: Floats  # [K] of the error that all days share: a wrong reach or slope
    own: Floats  # [I] log of a line item's price over its placement's; 0 where none is seen


def daily_prices(history: History, fit: ReachFit) -> DailyPrices:
    """Prices of a fit; where they do not rise with impressions, spend per impression as it is."""
    line, rows, season = fit.at_end, fit.rows, fit.season
    shape = (history.num_days, history.num_placements)
    log_price, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    common_sd = np.full(history.num_placements, np.nan)
    flat = priced_rows(history, ~fit.priced)
    factors = own_prices(flat, history.num_placements, len(history.items)).log_factor
    flat = replace(flat, log_price=flat.log_price - factors[flat.item])
    if flat.day.size:
        level, error = daily_flat(flat, history.num_placements)
        log_price[flat.day, flat.placement], variance[flat.day, flat.placement] = level, error
        common_sd[flat.placements] = 0.0
    if not rows.day.size:
        return DailyPrices(log_price, variance, common_sd, factors)
    precision = np.exp(-2 * fit.log_noise)[rows.placement]
    own, by_level, by_slope = line.price_given(precision, season.gain[: len(rows.day)])
    log_price[rows.day, rows.placement] = line.log_price
    variance[rows.day, rows.placement] = own
    segments = by_level.shape[1]
    for k in rows.placements:
        its = rows.placement == k
        follows = np.zeros(len(season.covariance))
        follows[k * segments : (k + 1) * segments] = by_level[its].mean(axis=0)
        follows[-1] = by_slope[its].mean()
        common_sd[k] = np.sqrt(follows @ season.covariance @ follows)
    return DailyPrices(log_price, variance, common_sd, factors)
