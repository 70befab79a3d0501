"""What prices are expected to be on the days to come, given today's."""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World


@dataclass(frozen=True)
class PriceForecast:
    """The law of log prices as a regression of every later day on today.

    The log price factor of day t is a stationary AR(1) plus a flight's own level, which shows in
    full from the first day where yesterday's price is unknown, and else as 1 - keep^(t + 1)
    (`promopilot.envs.exogenous`). All days are jointly Gaussian, so that later days given today are
    too (Bishop, Pattern Recognition and Machine Learning, 2.3.1); the mean of a log-normal is
    exp(mean + variance / 2).
    """

    mean: Floats  # [D, K] of log factors
    slope: Floats  # [D, D, K] of day s's log factor on day t's
    variance: Floats  # [D, D, K] of day s's log factor, once day t's is known

    @classmethod
    def of(cls, world: World) -> "PriceForecast":
        """The law that a world states."""
        dynamics, last = world.dynamics, world.initial.log_price
        keep, sd, level = dynamics.price_persistence, dynamics.price_sd, dynamics.price_level_sd
        days = np.arange(world.days)[:, None]
        seen = ~np.isnan(last)
        kept = np.where(seen, keep ** (days + 1), 0.0)  # [D, K] what is left of yesterday's price
        mean = kept * np.nan_to_num(last) - sd**2 / 2 - (level * (1 - kept)) ** 2 / 2
        apart = np.abs(days - days.T)[:, :, None]
        earlier = np.minimum(days, days.T)
        own = sd**2 * keep**apart * (1 - kept[earlier] ** 2)
        covariance = own + level**2 * (1 - kept)[:, None] * (1 - kept)  # [D, D, K]
        total = covariance[np.arange(world.days), np.arange(world.days)]
        known = np.where(total > 0, total, 1.0)
        slope = np.where(total[:, None] > 0, covariance / known[:, None], 0.0)
        left = np.maximum(total - slope * covariance, 0.0)
        return cls(mean, slope, left)

    def factor(self, day: int, today: Floats) -> Floats:
        """Expected price factors `[N, H, K]` of `day` and all later ones.

        Args:
            day: Today.
            today: Today's price factor of each placement `[N, K]`.
        """
        off = np.log(today) - self.mean[day]
        ahead = self.slope[day, day:] * off[:, None] + self.variance[day, day:] / 2
        return np.asarray(np.exp(self.mean[day:] + ahead))
