"""What is known of each pool before prices are looked at: impressions, and what the user said."""

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.calibration.estimate import centre
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.season import Evidence, Levels
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation

# Log reach where the user gave no supply: within a factor of e of the pool's impressions, its
# placement's pools more alike. Without prices: free, since impressions tell it.
_UNGUIDED_SD, _POOLS_APART, _UNPRICED_SD = 1.0, 0.3, 3.0


def shown_evidence(history: History, priced: Bools) -> Evidence:
    """Impressions by pool and day of placements without prices; days without any are left out."""
    shape = (history.num_days, *history.pools_shape)
    total = np.zeros(shape)
    np.add.at(total, (history.day, history.placement, history.segment), history.impressions)
    total[:, priced] = 0.0
    day, placement = np.nonzero(total.any(axis=2))
    shown = total[day, placement]
    log = np.log(np.maximum(shown, 1.0)) - history.log_events[day][:, None]
    flat = np.zeros(len(day))
    return Evidence(
        day=day,
        placement=placement,
        information=shown[:, :, None] * np.eye(shape[2]),  # counts: variance of the log 1 / count
        vector=shown * log,
        cross=np.zeros_like(shown),
        slope_information=flat,
        slope_vector=flat,
    )


def usual_impressions(history: History) -> Floats:
    """[K, S] log of a pool's impressions on an average day."""
    total = np.zeros(history.pools_shape)
    np.add.at(total, (history.placement, history.segment), history.impressions)
    return np.asarray(np.log(np.maximum(total / max(history.shown_days, 1), 1.0)))


def prior_levels(history: History, priced: Bools, saturation: Saturation) -> Levels:
    """Prior of each pool's log reach (priced) or log impressions a day (not priced)."""
    mean = usual_impressions(history)
    sd = np.full(mean.shape, _UNPRICED_SD)
    sd[priced] = _POOLS_APART
    shared = np.where(priced, _UNGUIDED_SD, 0.0)
    said = history.said_supply
    given = priced[:, None] & ~np.isnan(said)
    mean[given] = np.log(said[given] * history.reach_share)
    sd[given] = PRIORS["supply_level_sd"].mean
    shared[given.all(axis=1)] = PRIORS["reach_share"].sd
    slope = PRIORS["hill_slope"]
    free = saturation.family == "hill" and history.hill_slope is None
    return Levels(mean, sd, shared, centre(slope) if free else 0.0, slope.sd if free else 0.0)
