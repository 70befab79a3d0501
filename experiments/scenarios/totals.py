"""What a flight costs and brings, and the ratios that analysts read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Floats
from promopilot.envs.dynamics import IMMEDIATE
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.world import World
from promopilot.experiments.plan.reference import TablePolicy, as_it_stands

SUMMED = ("spend", "conversions", "conversion_value", "subsidy", "profit")
_BATCH = 128  # flights stepped together, as policies are played


@dataclass(frozen=True)
class Totals:
    """Sums over a flight, of each of F flights `[F]`."""

    planned: float  # money that the table asks for
    spend: Floats  # money charged: what exposures that were there cost
    conversions: Floats
    conversion_value: Floats  # money from customers
    subsidy: Floats
    profit: Floats  # before media

    @property
    def net_profit(self) -> Floats:
        """Profit after media."""
        return self.profit - self.spend

    def objective(self, name: str) -> Floats:
        """What the plan maximises: `net_profit`, `profit`, `revenue` or `conversions`."""
        return self.of("conversion_value" if name == "revenue" else name)

    def of(self, measure: str) -> Floats:
        """One measure of each flight; ratios are per unit of planned money, as in plan.csv.

        Args:
            measure: A field, `net_profit`, `roas`, `poas` or `cpa`.
        """
        match measure:
            case "roas":
                return _ratio(self.conversion_value, self.planned)
            case "poas":
                return _ratio(self.profit, self.planned)
            case "cpa":
                return _ratio(np.full_like(self.conversions, self.planned), self.conversions)
        return np.asarray(getattr(self, measure))

    def outlay(self, covers: Sequence[str]) -> float:
        """Money that counts against a budget: planned media, and the subsidy if it covers that.

        The subsidy is the mean over flights.

        Args:
            covers: What the budget pays for, as `World.covers` has it.
        """
        held = float(self.subsidy.mean()) if "subsidy" in covers else 0.0
        return self.planned + held

    def mean(self) -> Totals:
        """One flight that is the mean of all; its ratios are ratios of means."""
        means = {name: np.atleast_1d(getattr(self, name).mean()) for name in SUMMED}
        return Totals(self.planned, **means)

    def value(self, measure: str) -> float:
        """One measure of the first flight, which for a `mean` is the expectation."""
        return float(self.of(measure)[0])


def expected(world: World, table: Floats) -> Totals:
    """A table as it stands in the reference flight: draws at their mean, outcomes as expected.

    Args:
        world: What it is played in.
        table: Spend `[D, L]`.
    """
    market = Market(as_it_stands(world), expected=True)
    market.reset_to_mean()
    return Totals(float(table.sum()), **_flights(TablePolicy(table), market))


def played(world: World, table: Floats, seed: int, flights: int) -> Totals:
    """A table as it stands on flights 0, 1, … of a seed: the same for every table.

    Args:
        world: What it is played in.
        table: Spend `[D, L]`.
        seed: Of the run's test flights.
        flights: F.
    """
    market = Market(_seen_at_once(as_it_stands(world)))
    parts = list[dict[str, Floats]]()
    for begin in range(0, flights, _BATCH):
        market.reset(seed, np.arange(begin, min(begin + _BATCH, flights)))
        parts.append(_flights(TablePolicy(table), market))
    whole = {name: np.concatenate([part[name] for part in parts]) for name in SUMMED}
    return Totals(float(table.sum()), **whole)


def _seen_at_once(world: World) -> World:
    """The same flights with conversions seen on their day, which takes half of the time to play.

    A table looks at nothing, and the delay is one of seeing only: what is spent and what it brings
    stays the same to the last order. Not where the budget holds money back for subsidy not yet
    seen.
    """
    if "subsidy" in world.covers:
        return world
    return replace(
        world,
        dynamics=replace(world.dynamics, delay=IMMEDIATE),
        initial=replace(world.initial, pending=np.zeros_like(world.initial.pending)),
    )


def _flights(policy: Policy, market: Market) -> dict[str, Floats]:
    sums = {name: np.zeros(market.num_flights) for name in SUMMED}
    while not market.done:
        outcome: DayOutcome = market.step(policy.spend(market))
        for name, total in sums.items():
            total += outcome.total(name)
    return sums


def _ratio(over: Floats, under: Floats | float) -> Floats:
    below = np.broadcast_to(np.asarray(under, dtype=float), over.shape)
    return np.asarray(np.divide(over, below, out=np.full(over.shape, np.nan), where=below > 0))
