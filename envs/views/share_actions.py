"""Actions that name shares of the day's money directly: the plain form, for comparison."""

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.views.price_actions import clipped
from promopilot.envs.world import World

# A day may use this many times an even pace of the money left, so that pacing can be learnt too.
POT_RANGE = 2.0


class ShareActions:
    """A weight in [0, 1] for each line item, the last one for keeping money.

    The day's pot is the least of what is left, the day's limit and `POT_RANGE` times an even pace
    of what is left over the days left; a line item gets the pot times its weight over the sum of
    all weights.

    Args:
        world: What is played.
    """

    low, high = 0.0, 1.0
    rule = "a weight for each line item, then one for keeping money"

    def __init__(self, world: World) -> None:
        self.count = world.catalog.num_line_items + 1

    def spend(self, market: Market, action: Floats) -> Floats:
        """Media spend `[N, L]` that an action `[N, count]` asks for today."""
        world, left = market.world, market.budget_left
        even = left / (world.days - market.day)
        pot = np.minimum(np.minimum(left, world.per_day_max), POT_RANGE * even)
        weight = clipped(action, 0.0, 1.0)
        total = weight.sum(axis=1)
        # Shares first: the pot over a very small sum of weights would not be a number.
        share = weight[:, :-1] / np.where(total > 0, total, 1.0)[:, None]
        return np.asarray(share * pot[:, None])
