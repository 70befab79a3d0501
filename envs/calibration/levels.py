"""Where supply and reach stand on the history's last day."""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.calibration.beforehand import usual_impressions
from promopilot.envs.calibration.estimate import TELLING, Estimate
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.reach_fit import ReachFit
from promopilot.envs.priors import PRIORS


@dataclass(frozen=True)
class PoolLevels:
    """Medians of an average weekday, in recorded impressions."""

    supply: Estimate  # [K, S] of a pool
    reach: Estimate  # [K, S] of a line item
    drawn_sd: Floats  # [K, S] of log supply as flights draw it
    told: Bools  # [K] placements of which the bend of prices tells reach
    measured: Bools  # [K, S] pools whose supply follows from that


def fitted_levels(history: History, fit: ReachFit) -> PoolLevels:
    """Levels from a fit.

    Supply is what the user said, with the prior's sd; else, where prices tell reach, reach over the
    believed share of a pool that one line item can reach; else the impressions shown. Reach is what
    prices tell, else the believed share of supply.

    A flight draws supply, and what a line item reaches is a share of that. Where supply is reach
    over a share that is merely believed, the draw has the sd of reach, which decides what money
    buys, not the larger one of supply.
    """
    season = fit.season
    level = season.level + np.log(np.exp(season.weekday).mean())
    level_sd = np.sqrt(np.diag(season.covariance)[: level.size]).reshape(level.shape)
    believed_sd = np.hypot(fit.levels.sd, fit.levels.shared_sd[:, None])
    told = fit.priced & (level_sd < TELLING * believed_sd).any(axis=1)
    untold = (fit.priced & ~told)[:, None]
    shown = np.where(untold, usual_impressions(history), level)
    shown = np.where(told[:, None], level - np.log(history.reach_share), shown)
    drawn_sd = np.where(untold, PRIORS["supply_level_sd"].mean, level_sd)
    return _with_said(history, shown, drawn_sd, (level, level_sd), told)


def plain_levels(history: History) -> PoolLevels:
    """Levels without a fit: the impressions of an average day."""
    shown = usual_impressions(history)
    sd = np.full(shown.shape, PRIORS["supply_level_sd"].mean)
    return _with_said(history, shown, sd, (shown, sd), np.zeros(history.num_placements, dtype=bool))


def _with_said(
    history: History, shown: Floats, drawn_sd: Floats, reach: tuple[Floats, Floats], told: Bools
) -> PoolLevels:
    """Supply as the user said it where they did; reach from it where prices do not tell."""
    prior_sd, share_sd = PRIORS["supply_level_sd"].mean, PRIORS["reach_share"].sd
    said = history.said_supply
    known, by_prices = ~np.isnan(said), told[:, None]
    log_supply = np.where(known, np.log(np.where(known, said, 1.0)), shown)
    drawn_sd = np.where(known, prior_sd, drawn_sd)
    supply_sd = np.where(by_prices & ~known, np.hypot(drawn_sd, share_sd), drawn_sd)
    log_reach = np.where(by_prices, reach[0], log_supply + np.log(history.reach_share))
    reach_sd = np.where(by_prices, reach[1], np.hypot(drawn_sd, share_sd))
    return PoolLevels(
        Estimate(np.exp(log_supply), supply_sd, "log", bool(not known.all())),
        Estimate(np.exp(log_reach), reach_sd, "log", bool(told.any())),
        drawn_sd,
        told,
        by_prices & ~known,
    )
