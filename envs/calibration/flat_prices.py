"""Prices that do not rise with impressions: then they tell of no reach.

Such are spends that somebody computed as impressions x a fixed price, and placements so large that
the shop never felt their end. The alternative to a bent curve is log(x / y) = log c_kt + noise.
"""

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.calibration.price_and_reach import LEAST_ROWS, PricedRows

_SLIGHT = 2e-3  # of a price: what varies by less within a day does not vary
_CENT = 0.01  # money is rounded to


def may_bend(rows: PricedRows, placements: int) -> Bools:
    """[K] placements whose prices can tell of reach.

    That takes more rows than prices of days and reaches of pools and days, so several promotions
    in a pool, and prices that vary within a day by more than rounding.
    """
    cents = _CENT**2 / 12 * np.exp(-2 * (rows.log_price + rows.log_impressions))
    variance = _SLIGHT**2 + cents + np.exp(-2 * rows.log_impressions) / 6
    residual, _ = _residual(rows, 1 / variance)
    where = rows.placement[rows.block]
    misfit = np.bincount(where, residual**2 / variance, placements)
    left = np.bincount(where, minlength=placements)
    left = left - np.bincount(rows.placement, minlength=placements)
    reaches = np.bincount(rows.placement, (rows.least > -np.inf).sum(axis=1), placements)
    return np.asarray((left - reaches >= LEAST_ROWS) & (misfit > left))


def flat_evidence(rows: PricedRows, placements: int) -> Floats:
    """[K] log-likelihood of the rows without a bend, the price of each day integrated out."""
    where = rows.placement[rows.block]
    weight = _weight(rows, placements)
    residual, total = _residual(rows, weight)
    by_row = 0.5 * np.log(weight) - 0.5 * weight * residual**2
    by_block = 0.5 * np.log(2 * np.pi / total)
    return np.asarray(
        np.bincount(where, by_row, placements) + np.bincount(rows.placement, by_block, placements)
    )


def daily_flat(rows: PricedRows, placements: int) -> tuple[Floats, Floats]:
    """[B] log price of each placement-day without a bend, and its variance."""
    weight = _weight(rows, placements)
    residual, total = _residual(rows, weight)
    first = np.unique(rows.block, return_index=True)[1]
    return (rows.log_price - residual)[first], 1 / total


def _weight(rows: PricedRows, placements: int) -> Floats:
    """[R'] 1 / variance of log prices: the placement's own noise, and rounding."""
    where = rows.placement[rows.block]
    rounding = np.exp(-2 * rows.log_impressions) / 6
    left = np.bincount(where, minlength=placements)
    left = np.maximum(left - np.bincount(rows.placement, minlength=placements), 1)
    residual, _ = _residual(rows, np.ones(len(where)))
    excess = np.bincount(where, residual**2 - rounding, placements)
    own = np.maximum(excess / left, _SLIGHT**2)
    return np.asarray(1 / (own[where] + rounding))


def _residual(rows: PricedRows, weight: Floats) -> tuple[Floats, Floats]:
    """Log prices less their day's mean [R'], and the weight of each day [B]."""
    total = np.bincount(rows.block, weight, len(rows.day)).astype(np.float64)
    level = np.bincount(rows.block, weight * rows.log_price, len(rows.day)) / total
    return rows.log_price - level[rows.block], total
