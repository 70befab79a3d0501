"""Where a flight stands this morning, from all that was read of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.envs.taken_market import TakenMarket
from promopilot.envs.world import World
from promopilot.experiments.update.days import Happened, happened
from promopilot.experiments.update.foreseen import Series, all_series
from promopilot.experiments.update.ledger import Ledger
from promopilot.experiments.update.prices import (
    Paid,
    implied_yesterday,
    last_log_price,
    paid,
    price_path,
    read_prices,
)
from promopilot.experiments.update.rest import foreseen_from, rest_of
from promopilot.experiments.update.taking import TakenFlight, take_flight


@dataclass(frozen=True)
class Standing:
    """A flight this morning."""

    world: World  # the run's
    ledger: Ledger
    happened: Happened
    paid: Paid
    flight: TakenFlight
    series: list[Series]  # what is watched
    projection: float  # counts in the business per recorded one
    log_price: Floats  # [K] yesterday's, over their medians; NaN where unknown
    rest: World | None  # the market of the days that are left; None where the flight is over

    @property
    def market(self) -> TakenMarket:
        """The run's, brought to this morning, and with what is left as it is now foreseen."""
        return self.flight.market

    @property
    def to_come(self) -> Floats:
        """[L] orders of the flight's days that are yet to be seen, without those of days before.

        A reading may be later than this morning: it then holds some of what is pending.
        """
        flight, happened = self.flight, self.happened
        late = flight.rested
        if len(flight.stages) == 2:
            late = np.nan_to_num(happened.clicks) * flight.click_weight
        unseen = (late * (1 - happened.come_in(self.world.dynamics.delay))).sum(axis=0)
        return np.asarray(self.projection * unseen * self.market.reference_rates[-1][0])


def stand(world: World, ledger: Ledger, prices: Path | None, projection: float) -> Standing:
    """Take in all that was read.

    Args:
        world: The run's market.
        ledger: What was read.
        prices: A file of this morning's prices, if there is one.
        projection: Counts in the business per recorded one.

    Raises:
        DataError: The file of prices cannot be used.
    """
    days = happened(ledger, world)
    cost = paid(world, days, projection)
    flight = take_flight(world, days, cost, projection)
    market, log_price, rest = flight.market, last_log_price(world, cost), None
    if not market.done:
        today = np.full(len(log_price), np.nan)
        if prices is not None:
            today = read_prices(prices, world, world.dates[market.day])
            log_price = implied_yesterday(world, log_price, today)
        rest = rest_of(market, log_price, cost.spend[-1])
        market.meet(foreseen_from(market, rest, price_path(rest, today)))
    series = all_series(world, days, cost, flight)
    return Standing(world, ledger, days, cost, flight, series, projection, log_price, rest)
