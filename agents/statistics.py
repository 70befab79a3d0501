"""What observations looked like in training: their scale, and the range that was seen.

Per feature, not per entry: a promotion's features have the same statistics whichever promotion it
is, so that they hold for catalogs of any size. Promotions that are not live count for nothing.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Bools
from promopilot.envs.views.observation import PROMOTION_NAMES

FEATURES = len(PROMOTION_NAMES)
LIVE = PROMOTION_NAMES.index("live")
# Entries that never move on the re-planner's flights are only centred.
_LEAST_SD = 1e-3
# A state counts as known this far beyond what was seen, in shares of the range seen.
_MARGIN = 0.1


def parts(observed: np.ndarray, num_globals: int) -> tuple[np.ndarray, np.ndarray]:
    """Globals `[N, G]` and promotions `[N, P, FEATURES]` of observations `[N, G + FEATURES P]`."""
    each = observed[:, num_globals:].reshape(len(observed), -1, FEATURES)
    return observed[:, :num_globals], each


@dataclass
class ObservationStatistics:
    """Scale and range of G global entries, then of a promotion's features."""

    mean: np.ndarray  # [G + FEATURES] float32
    sd: np.ndarray  # [G + FEATURES] float32
    low: np.ndarray  # [G + FEATURES] float32, least that was seen
    high: np.ndarray  # [G + FEATURES] float32

    @property
    def num_globals(self) -> int:
        """G."""
        return len(self.mean) - FEATURES

    @classmethod
    def fit(cls, observed: np.ndarray, num_globals: int) -> "ObservationStatistics":
        """Measure observations `[rows, G + FEATURES P]`, those of the re-planner's flights."""
        globals_, each = parts(observed, num_globals)
        live = each[each[:, :, LIVE] > 0]
        if len(live) == 0:  # nothing to learn, and nothing to divide by
            live = np.zeros((1, FEATURES), np.float32)
        mean = np.concatenate([globals_.mean(axis=0), live.mean(axis=0)])
        sd = np.concatenate([globals_.std(axis=0), live.std(axis=0)])
        sd = np.where(sd < _LEAST_SD, 1.0, sd)
        found = cls(*(a.astype(np.float32) for a in (mean, sd, mean, mean)))
        found.widen(observed)
        return found

    def widen(self, observed: np.ndarray) -> None:
        """Take in what else was seen `[rows, G + FEATURES P]`."""
        globals_, each = parts(observed, self.num_globals)
        live = each[each[:, :, LIVE] > 0]
        at = self.num_globals
        self.low[:at] = np.minimum(self.low[:at], globals_.min(axis=0))
        self.high[:at] = np.maximum(self.high[:at], globals_.max(axis=0))
        if len(live):
            self.low[at:] = np.minimum(self.low[at:], live.min(axis=0))
            self.high[at:] = np.maximum(self.high[at:], live.max(axis=0))

    def outside(self, observed: np.ndarray) -> Bools:
        """[N] whether anything in an observation lies beyond the range seen in training."""
        globals_, each = parts(observed, self.num_globals)
        room = _MARGIN * (self.high - self.low) + _LEAST_SD
        low, high, at = self.low - room, self.high + room, self.num_globals
        far = ((globals_ < low[:at]) | (globals_ > high[:at])).any(axis=1)
        far_each = ((each < low[at:]) | (each > high[at:])).any(axis=2) & (each[:, :, LIVE] > 0)
        return np.asarray(far | far_each.any(axis=1))
