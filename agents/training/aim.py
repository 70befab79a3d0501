"""What training maximises: the mean, the mean of the worst flights, or either under a target."""

import math
from dataclasses import dataclass, field

import numpy as np

from promopilot.agents.settings import AimSettings
from promopilot.envs.arrays import Floats
from promopilot.envs.market import DayOutcome

# Share of the way that the estimate of a quantile goes to that of the last batch of flights.
_TRACKING = 0.2
# By how much a batch that misses its target by as much as the re-planner earns raises its price.
_PRICE_STEP = 1.0
_HIGHEST_PRICE = 100.0


@dataclass
class Aim:
    """Rewards of a batch of flights, and what they are corrected by.

    The mean of the worst share a of flights is max over v of v - E[(v - R)+] / a (Rockafellar and
    Uryasev 2000): with v at the a-quantile of returns, the end of a flight pays what this differs
    from the plain return. A target on totals (value >= roas x spend, or spend <= cpa x conversions)
    enters with a price per unit of shortfall that rises while it is missed (dual ascent; Tessler,
    Mankowitz and Mannor, Reward constrained policy optimization, 2019).
    """

    settings: AimSettings
    price: float = 0.0  # of a target's shortfall, in units of the objective
    quantile: float = math.nan  # v, in units of a return
    _returns: Floats = field(default_factory=lambda: np.zeros(0))  # [N] of the flights under way
    _surplus: Floats = field(default_factory=lambda: np.zeros(0))  # [N]

    def start(self, flights: int) -> None:
        """Begin a batch of N flights."""
        self._returns, self._surplus = np.zeros(flights), np.zeros(flights)

    def day(self, earned: Floats, surplus: Floats) -> Floats:
        """What a day `[N]` adds to the reward, `earned` itself included."""
        self._returns += earned
        self._surplus += surplus
        return earned + self.price * surplus

    def end(self) -> Floats:
        """What the end of the flights adds to their rewards `[N]`; learns quantile and price."""
        added = self.beyond_mean(self._returns)
        if self.settings.cvar is not None:
            seen = float(np.quantile(self._returns, self.settings.cvar))
            known = self.quantile if math.isfinite(self.quantile) else seen
            self.quantile = known + _TRACKING * (seen - known)
        if self.has_target:
            size = max(float(np.abs(self._returns).mean()), 1e-9)
            price = self.price - _PRICE_STEP * float(self._surplus.mean()) / size
            self.price = min(max(price, 0.0), _HIGHEST_PRICE)
        return added

    def beyond_mean(self, returns: Floats) -> Floats:
        """What risk makes of returns `[N]`, less the returns themselves."""
        share, v = self.settings.cvar, self.quantile
        if share is None or not math.isfinite(v):
            return np.zeros_like(returns)
        return np.asarray(v - np.maximum(v - returns, 0.0) / share - returns)

    @property
    def has_target(self) -> bool:
        """Whether totals must keep a target."""
        return self.settings.target_roas is not None or self.settings.target_cpa is not None

    def surplus(self, outcome: DayOutcome) -> Floats:
        """Money `[N]` by which a day is better than its target; 0 without one."""
        spend, surplus = outcome.total("spend"), np.zeros(len(outcome.spend))
        if self.settings.target_roas is not None:
            surplus += outcome.total("conversion_value") - self.settings.target_roas * spend
        if self.settings.target_cpa is not None:
            surplus += self.settings.target_cpa * outcome.total("conversions") - spend
        return surplus

    def figure(self, values: Floats) -> float:
        """What flights' values `[F]` are worth: their mean, or that of the worst share."""
        share = self.settings.cvar
        if share is None:
            return float(values.mean())
        return float(np.sort(values)[: max(round(share * len(values)), 1)].mean())
