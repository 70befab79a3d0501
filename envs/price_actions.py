"""Actions that set prices, not shares: a pace for the day's money and a tilt per promotion."""

import numpy as np

from promopilot.envs.arrays import Floats

# Action +-1 changes today's money by this factor either way.
PACE_RANGE = 2.0
# Action +-1 changes what a promotion's impressions are held to be worth by this factor either way.
TILT_RANGE = 2.0


def pace_and_tilt(action: np.ndarray) -> tuple[Floats, Floats]:
    """Pace `[N]` and tilts `[N, P]` of actions `[N, 1 + P]` in [-1, 1]; zero is the re-planner.

    What lies outside is clipped; not a number counts as zero.
    """
    clean = np.clip(np.nan_to_num(np.asarray(action, dtype=np.float64), nan=0.0), -1.0, 1.0)
    return np.asarray(PACE_RANGE ** clean[:, 0]), np.asarray(TILT_RANGE ** clean[:, 1:])
