"""Actions that set prices, not shares: a pace for the day's money, two prices per promotion."""

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan

# Action +-1 changes today's money by this factor either way: before a holiday the look-ahead keeps
# most of it.
PACE_RANGE = 8.0
# Action +-1 changes what a promotion's impressions are held to be worth by this factor either way.
TILT_RANGE = 8.0


class PriceActions:
    """A pace, then a tilt per promotion, then a toll per promotion, in [-1, 1]; zero: re-planner.

    The two prices are the two ways in which today costs tomorrow. What is lost per conversion (the
    last of the stock) or gained by learning is a share of worth: a tilt. What is lost per
    impression (people tire of it alike wherever it is shown) is a sum of money: a toll, in units of
    what the promotion's impressions are worth today in the mean. Look-ahead plans are of this form.

    Args:
        replan: Splits the day's money at these prices.
        pessimism: Rates count as lower by this many standard errors of the belief (both stages';
            line items' own are left out, since they are many).
    """

    low, high = -1.0, 1.0
    rule = "a pace, then a tilt and then a toll for each promotion"

    def __init__(self, replan: Replan, pessimism: float = 0.0) -> None:
        self.count = 1 + 2 * replan.world.catalog.num_promotions
        self._replan, self._pessimism = replan, pessimism

    def spend(self, market: Market, action: Floats) -> Floats:
        """Media spend `[N, L]` that an action `[N, count]` asks for today."""
        inside = clipped(action, self.low, self.high)
        pace, tilt, share = np.split(inside, [1, 1 + (self.count - 1) // 2], axis=1)
        tilt, toll = TILT_RANGE**tilt, share * mean_worth(self._replan, market)
        if self._pessimism > 0:  # a lower rate, today and on the days that the toll is for
            sd = np.hypot(market.first_belief.now.sd, market.second_belief.now.sd)
            lower = np.exp(-self._pessimism * sd)
            tilt, toll = lower * tilt, lower * toll
        return self._replan(market, PACE_RANGE ** pace[:, 0], tilt, toll).spend


def mean_worth(replan: Replan, market: Market) -> Floats:
    """[N, P] money that an impression of each promotion is worth today, by reach; at least 0."""
    groups, reach = market.world.catalog.by_promotion, market.reach
    worth = groups.sum(np.maximum(replan.worth(market), 0.0) * reach)
    return np.asarray(worth / np.maximum(groups.sum(reach), 1e-9))


def clipped(action: np.ndarray, low: float, high: float) -> Floats:
    """The action between two bounds; not a number counts as zero."""
    inside = np.minimum(np.maximum(np.asarray(action, dtype=np.float64), low), high)
    inside[np.isnan(inside)] = 0.0
    return np.asarray(inside)
