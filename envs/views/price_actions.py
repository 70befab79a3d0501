"""Actions that set prices, not shares: a pace for the day's money and a tilt per promotion."""

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan

# Action +-1 changes today's money by this factor either way.
PACE_RANGE = 2.0
# Action +-1 changes what a promotion's impressions are held to be worth by this factor either way.
TILT_RANGE = 2.0


class PriceActions:
    """A pace, then a tilt per promotion, in [-1, 1]; zero is the re-planner.

    Args:
        replan: Splits the day's money at the tilted worth.
    """

    low, high = -1.0, 1.0
    rule = "a pace, then a tilt for each promotion"

    def __init__(self, replan: Replan) -> None:
        self.count = 1 + replan.world.catalog.num_promotions
        self._replan = replan

    def spend(self, market: Market, action: Floats) -> Floats:
        """Media spend `[N, L]` that an action `[N, count]` asks for today."""
        pace, tilt = pace_and_tilt(action)
        return self._replan(market, pace, tilt).spend


def pace_and_tilt(action: np.ndarray) -> tuple[Floats, Floats]:
    """Pace `[N]` and tilts `[N, P]` of actions `[N, 1 + P]` in [-1, 1]; zero is the re-planner.

    What lies outside is clipped; not a number counts as zero.
    """
    inside = clipped(action, -1.0, 1.0)
    return np.asarray(PACE_RANGE ** inside[:, 0]), np.asarray(TILT_RANGE ** inside[:, 1:])


def clipped(action: np.ndarray, low: float, high: float) -> Floats:
    """The action between two bounds; not a number counts as zero."""
    inside = np.minimum(np.maximum(np.asarray(action, dtype=np.float64), low), high)
    inside[np.isnan(inside)] = 0.0
    return np.asarray(inside)
