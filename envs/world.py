"""Everything a flight is played in: what can be funded, its rates, supply, prices and budget."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from promopilot.envs.arrays import Bools, Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.dynamics import Dynamics
from promopilot.envs.limits import Limits
from promopilot.envs.rates import Rates
from promopilot.envs.world_rules import check_world


@dataclass(frozen=True)
class InitialState:
    """What is in the pipe when a flight starts (A = P x S audiences)."""

    fatigue: Floats  # [A] recent exposures per person
    log_price: Floats  # [K] yesterday's log price over its median; NaN where unknown
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
    # [L] conversion value per unit of spend over the 28 days before the flight; 0 without spend
    recent_roas: Floats
    per_day_max: float = float("inf")
    objective: str = "net_profit"
    currency: str = "USD"
    covers: tuple[str, ...] = ("spend",)  # what the budget pays for: `world_rules.COVERS`
    # Where it covers subsidy and is used up: redemption closes, or the overrun is booked.
    overrun: str = "close"
    limits: Limits | None = None  # on planned spend, beyond those above

    def __post_init__(self) -> None:
        check_world(self)

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
        left = max(self.budget - self.initial.spent, 0.0)
        return np.asarray(spend * min(1.0, left / max(float(spend.sum()), 1e-300)))

    @property
    def day_before(self) -> Floats:
        """[L] spend of the day before the first, from which steps start: that of the mix."""
        return np.asarray(self.current_mix[0])

    @property
    def even_day(self) -> float:
        """An even share of the money for the flight, or what a day may spend where that is less."""
        left = max(self.budget - self.initial.spent, 0.0)
        return min(left / self.days, self.per_day_max)

    def with_budget(self, budget: float) -> "World":
        """The same world with another budget for the flight."""
        return replace(self, budget=budget)
