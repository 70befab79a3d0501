"""Policies without a forecast: what is done today, and the same for everybody."""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.world import World


@dataclass(frozen=True)
class CurrentMix:
    """What the last weeks spent on the same weekday, scaled down to budget and limits."""

    name: str = "current_mix"

    def spend(self, market: Market) -> Floats:
        """Today's row of the current mix, the same in every flight."""
        return np.tile(market.world.current_mix[market.day], (market.num_flights, 1))


@dataclass(frozen=True)
class RoasProportional:
    """Each day's money in proportion to what line items returned before the flight.

    What has no ROAS gets nothing, as in a spreadsheet that ranks by it; where nothing live has any,
    there is nothing to rank by and the day is split evenly.
    """

    name: str = "roas_proportional"

    def spend(self, market: Market) -> Floats:
        """The day's even share of the budget by the ROAS of the last 28 days."""
        world = market.world
        live = world.live[market.day]
        weight = live * world.recent_roas
        if not weight.any():
            weight = live.astype(np.float64)
        day = _even_share(world) * weight / max(float(weight.sum()), 1e-300)
        return np.tile(day, (market.num_flights, 1))


@dataclass(frozen=True)
class Uniform:
    """Equal money over days and over the line items that are live."""

    name: str = "uniform"

    def spend(self, market: Market) -> Floats:
        """The day's even share of the budget over today's live line items."""
        live = market.world.live[market.day]
        share = _even_share(market.world) / max(int(live.sum()), 1)
        return np.tile(live * share, (market.num_flights, 1))


def _even_share(world: World) -> float:
    """A day's even share of the money that the flight starts with."""
    return max(world.budget - world.initial.spent, 0.0) / world.days
