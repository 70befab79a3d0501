"""Markets that are not as believed: what policies think stays, what happens to them changes.

Expected supply, mean prices, reach, rates, fatigue and curves stay as the world says, for beliefs
and policies; the draws of a flight and the response follow the stress. What anybody sees, such as
today's price, is seen as it then is.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.dynamics import LN2
from promopilot.envs.engine import streams
from promopilot.envs.engine.arrays import Fixed
from promopilot.envs.errors import MarketError
from promopilot.envs.exogenous import Exogenous
from promopilot.envs.rates import Stage
from promopilot.envs.response import Saturation
from promopilot.envs.world import World


@dataclass(frozen=True)
class Stress:
    """How the truth lies from what is believed; nothing does by default.

    Raises:
        MarketError: A factor that is not a number of at least 0, or a share outside 0-1.
    """

    supply: float = 1.0  # factor on impressions
    price: float = 1.0  # factor on the cost of an impression
    fatigue: float = 1.0  # factor on the exponent of fatigue
    demand: float = 1.0  # factor on mean conversions per click (per impression without clicks)
    # Log rates of every promotion, in standard deviations of what is believed of them; each stage
    # takes its share of the joint error.
    rates_sd: float = 0.0
    swap_saturation: bool = False  # the curves are of another family: `SWAPPED`
    # Share of promotions, other ones in each flight, that fall by ln 2 in log-odds mid-flight.
    shock_share: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = float(getattr(self, field.name))
            least = -np.inf if field.name == "rates_sd" else 0.0
            if not (value >= least and np.isfinite(value)):
                rule = "a number" if field.name == "rates_sd" else "a number of at least 0"
                raise MarketError(f"stress.{field.name} is {value}; it must be {rule}.")
        if self.shock_share > 1:
            raise MarketError(f"stress.shock_share is {self.shock_share}; it is at most 1.")

    def meets(self, exogenous: Exogenous, world: World) -> Exogenous:
        """What flights really meet in place of what was drawn."""
        sds = np.stack([stage.shared_sd for stage in world.rates.stages])
        both = np.hypot(*sds)
        # sd_k^2 / sd: the likeliest way to be off by one standard deviation of the sum.
        off = self.rates_sd * np.divide(sds**2, both, out=np.zeros_like(sds), where=both > 0)
        first, second = off[:, world.catalog.promotion]
        return replace(
            exogenous,
            supply=np.rint(exogenous.supply * self.supply),
            price_factor=exogenous.price_factor * self.price,
            fatigue_exponent=exogenous.fatigue_exponent * self.fatigue,
            first_shift=exogenous.first_shift + first,
            second_shift=exogenous.second_shift + second,
        )

    def responds(self, fixed: Fixed, world: World) -> Fixed:
        """The market's real response; what is believed of it stays in the world."""
        if self.swap_saturation:
            family = SWAPPED[world.dynamics.saturation.family]
            fixed = fixed._replace(true_family=family.code, true_slope=family.slope)
        if self.demand == 1:
            return fixed
        first, second = world.rates.stages
        if world.rates.has_clicks:
            return fixed._replace(second_centre=self._demanded(second, world))
        return fixed._replace(first_centre=self._demanded(first, world))

    def _demanded(self, stage: Stage, world: World) -> Floats:
        """[D, L] log-odds at which the stage's mean rate is the demanded share of the believed."""
        rate = np.minimum(stage.rate * self.demand, 1.0)
        return np.array(replace(stage, rate=rate).centre(world.catalog.promotion), order="C")

    def strikes(self, drift: Floats, day: int, days: int, seed: int, flights: Ints) -> None:
        """Let the shock of mid-flight move the promotions' log-odds `drift` `[N, P]`, in place."""
        count = max(round(self.shock_share * drift.shape[1]), 1) if self.shock_share else 0
        if day != days // 2 or count == 0:
            return
        lots = streams.uniforms(seed, flights, streams.STRESS, 1, drift.shape[1])[:, 0]
        hit = np.argsort(lots, axis=1)[:, :count]
        np.put_along_axis(drift, hit, np.take_along_axis(drift, hit, axis=1) - LN2, axis=1)


# `hill` becomes the family without its threshold; the others each other.
SWAPPED: dict[str, Saturation] = {
    "exponential": Saturation("michaelis_menten"),
    "michaelis_menten": Saturation("exponential"),
    "hill": Saturation("exponential"),
}

# What a policy has to survive to be recommended.
STRESSES: dict[str, Stress] = {
    "supply_low": Stress(supply=0.7),
    "supply_high": Stress(supply=1.3),
    "price_low": Stress(price=0.7),
    "price_high": Stress(price=1.3),
    "fatigue_low": Stress(fatigue=0.7),
    "fatigue_high": Stress(fatigue=1.3),
    "saturation_swapped": Stress(swap_saturation=True),
    "shock": Stress(shock_share=0.4),
    "rates_low": Stress(rates_sd=-1.0),
    "rates_high": Stress(rates_sd=1.0),
    "demand_half": Stress(demand=0.5),
}
