"""A target on a flight's totals, as prices that every day's split can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from promopilot.envs.arrays import Floats

if TYPE_CHECKING:
    from promopilot.envs.world import World


@dataclass(frozen=True)
class Target:
    """Value of at least `roas` x spend, or spend of at most `cpa` x conversions.

    With a price eta per unit of money that the total is short of, the Lagrangian adds
    eta (value - roas spend) and eta (cpa conversions - spend) to the objective: a conversion is
    worth more, and so is money that is not spent (Boyd and Vandenberghe, Convex Optimization, 5.1).
    """

    roas: float | None = None
    cpa: float | None = None  # money per conversion
    price: float = 0.0  # eta, objective per unit of money

    def worth(self, world: World) -> Floats:
        """[P] what a conversion counts."""
        worth = world.catalog.worth(world.objective)[0]
        if self.roas is not None:
            worth = worth + self.price * world.catalog.conversion_value
        if self.cpa is not None:
            worth = worth + self.price * self.cpa
        return np.asarray(worth)

    def spend_weight(self, world: World) -> float:
        """What a unit of spend counts."""
        weight = world.catalog.worth(world.objective)[1]
        if self.roas is not None:
            weight += self.price * self.roas
        if self.cpa is not None:
            weight += self.price
        return weight
