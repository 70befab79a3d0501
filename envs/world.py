"""Everything a flight is played in: what can be funded, its rates, supply, prices and budget."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from operator import attrgetter

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.dynamics import Dynamics
from promopilot.envs.errors import MarketError
from promopilot.envs.rates import Rates

COVERS = (("spend",), ("spend", "subsidy"))
OVERRUNS = ("close", "book")


@dataclass(frozen=True)
class InitialState:
    """What is in the pipe when a flight starts (A = P x S audiences)."""

    fatigue: Floats  # [A] recent exposures per person
    log_price: Floats  # [K] yesterday's log price over its mean; not a number where unknown
    # [2, L] conversions booked before the flight and not yet seen, of the fast and the slow part
    # of the delay: they will be seen in the flight, and are paid for already.
    pending: Floats
    spent: float = 0.0  # money of the budget used before the first day, subsidy included


@dataclass(frozen=True)
class World:
    """One flight's market before anything is drawn.

    Raises:
        MarketError: A value breaks its rule (budget, supply, cost, reach or size not positive).
    """

    catalog: Catalog
    rates: Rates
    dynamics: Dynamics
    initial: InitialState
    start: date  # first day of the flight
    budget: float  # money for the whole flight, for what `covers` says
    # [D, Q] expected impressions a day that a pool's promotions share: season x trend x events
    supply: Floats
    unit_cost: Floats  # [L] mean cost of a first impression
    reach_share: Floats  # [L] share of the pool a line item can reach, 0-1
    segment_size: Floats  # [S] people
    live: Bools  # [D, L] whether a line item may be funded
    max_spend: Floats  # [L] most that may be spent a day; inf where free
    current_spend: Floats  # [D, L] what today's mix would spend
    # [A] mean of the fatigue factor while the rates were learnt: rates are those of audiences
    # that were already this tired.
    usual_fatigue_factor: Floats
    per_day_max: float = float("inf")
    objective: str = "net_profit"
    currency: str = "USD"
    covers: tuple[str, ...] = ("spend",)  # what the budget pays for: one of `COVERS`
    # Where it covers subsidy and is used up: redemption closes, or the overrun is booked.
    overrun: str = "close"

    def __post_init__(self) -> None:
        self.catalog.worth(self.objective)
        if not (np.isfinite(self.budget) and self.budget > 0):
            raise MarketError(f"The budget is {self.budget}; it must be a number above 0.")
        for name in ("unit_cost", "segment_size"):
            _require(name, getattr(self, name) > 0, getattr(self, name), "above 0")
        share = self.reach_share
        _require("reach_share", (share > 0) & (share <= 1), share, "above 0 and at most 1")
        usual = self.usual_fatigue_factor
        _require("usual_fatigue_factor", (usual > 0) & (usual <= 1), usual, "above 0, at most 1")
        for name in ("supply", "max_spend", "current_spend"):
            _require(name, getattr(self, name) >= 0, getattr(self, name), "at least 0")
        for name in ("fatigue", "pending"):
            values = getattr(self.initial, name)
            _require(f"initial.{name}", values >= 0, values, "at least 0")
        if self.covers not in COVERS:
            raise MarketError(f"The budget covers {self.covers}; it must be one of {COVERS}.")
        if self.overrun not in OVERRUNS:
            raise MarketError(f"overrun is {self.overrun!r}; it must be one of {OVERRUNS}.")
        self._check_shapes()

    def _check_shapes(self) -> None:
        items, audiences = self.catalog.num_line_items, self.catalog.by_audience.size
        pools, placements = len(self.catalog.pools), len(self.catalog.placement_ids)
        shapes = {
            "supply": (self.days, pools),
            "live": (self.days, items),
            "current_spend": (self.days, items),
            "unit_cost": (items,),
            "reach_share": (items,),
            "max_spend": (items,),
            "segment_size": (len(self.catalog.segment_ids),),
            "usual_fatigue_factor": (audiences,),
            "initial.fatigue": (audiences,),
            "initial.log_price": (placements,),
            "initial.pending": (2, items),
            "dynamics.supply_sd": (pools,),
            "dynamics.supply_level_sd": (pools,),
            "dynamics.price_sd": (placements,),
            "dynamics.price_persistence": (placements,),
            "dynamics.price_level_sd": (placements,),
            "dynamics.reach_sd": (placements,),
            "dynamics.incrementality_sd": (self.catalog.num_promotions,),
        }
        for name, shape in shapes.items():
            found = np.shape(attrgetter(name)(self))
            if found != shape:
                raise MarketError(f"{name} has shape {found}, not {shape}.")
        if self.rates.first.shape != shapes["live"]:
            raise MarketError(f"Rates have shape {self.rates.first.shape}, not {shapes['live']}.")

    @property
    def days(self) -> int:
        """D, the length of the flight."""
        return len(self.supply)

    @property
    def dates(self) -> list[date]:
        """The flight's days in order."""
        return [self.start + timedelta(days=day) for day in range(self.days)]

    @property
    def current_mix(self) -> Floats:
        """[D, L] `current_spend`, scaled down where it exceeds a limit or the budget."""
        spend = np.minimum(self.current_spend, self.max_spend) * self.live
        by_day = spend.sum(axis=1, keepdims=True)
        spend = spend * np.minimum(1.0, self.per_day_max / np.maximum(by_day, 1e-300))
        return np.asarray(
            spend * min(1.0, (self.budget - self.initial.spent) / max(float(spend.sum()), 1e-300))
        )

    def with_budget(self, budget: float) -> "World":
        """The same world with another budget for the flight."""
        return replace(self, budget=budget)


def _require(name: str, good: Bools, values: Floats, rule: str) -> None:
    if not good.all():
        raise MarketError(f"{name} holds {values[~good][0]}; every value must be {rule}.")
