"""Policies without a forecast: what is done today, and the same for everybody."""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market


@dataclass(frozen=True)
class CurrentMix:
    """What the last weeks spent on the same weekday, scaled down to budget and limits."""

    name: str = "current_mix"

    def spend(self, market: Market) -> Floats:
        """Today's row of the current mix, the same in every flight."""
        return np.tile(market.world.current_mix[market.day], (market.num_flights, 1))


@dataclass(frozen=True)
class Uniform:
    """Equal money over days and over the line items that are live."""

    name: str = "uniform"

    def spend(self, market: Market) -> Floats:
        """The day's even share of the budget over today's live line items."""
        live = market.world.live[market.day]
        share = market.world.budget / market.world.days / max(int(live.sum()), 1)
        return np.tile(live * share, (market.num_flights, 1))
