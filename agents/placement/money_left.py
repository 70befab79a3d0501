"""What money and time that are left are worth: the potential that rewards are shaped by."""

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.world import World

# The reference flight is played at these multiples of the budget; in between, worth is linear.
_MULTIPLES = (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


class MoneyLeft:
    """W(b, s): what the daily re-planner would make of money b in a share s of the flight.

    The re-planner plays the reference flight (every draw at its mean) at multiples of the budget,
    which gives its value V; a share s of the flight with money b is the flight in small, W(b, s) =
    s V(b / s): the fluid approximation (Gallego and van Ryzin, Optimal dynamic pricing of
    inventories, 1994). W is 0 when the flight is over.

    Args:
        world: What is played.
    """

    def __init__(self, world: World) -> None:
        money = max(world.budget - world.initial.spent, 0.0)
        self._money = money * np.r_[0.0, _MULTIPLES]
        budgets = world.initial.spent + self._money[1:]
        values = [_replanner_value(world.with_budget(float(budget))) for budget in budgets]
        # More money is never worth less: what is no use may be kept.
        self._value = np.maximum.accumulate(np.r_[0.0, values])
        self._share_left = np.r_[Replan(world).planned_share_left, 0.0]  # [D + 1]

    def share_left(self, batch: BlockFlights) -> float:
        """Share of the flight's market still to come before the next block; 0 after the last."""
        day = batch.day
        if day is None:
            return 0.0
        start, end = self._share_left[day.market.day : day.market.day + 2]
        return float(start + (end - start) * day.filled / day.blocks.decisions_per_day)

    def worth(self, money: Floats, share: float) -> Floats:
        """W of money (any shape), in money, for a share of the flight."""
        if share <= 0:
            return np.zeros_like(money)
        return np.asarray(share * np.interp(money / share, self._money, self._value))


def _replanner_value(world: World) -> float:
    """Objective of the re-planner in the reference flight, money."""
    market, replan = Market(world, expected=True), Replan(world)
    market.reset_to_mean()
    total = 0.0
    while not market.done:
        total += float(market.step(replan(market).spend).objective.sum())
    return total
