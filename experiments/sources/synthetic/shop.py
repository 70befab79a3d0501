"""A made-up shop with every number that is true of it: its market, its offers and its habits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.dynamics import Delay, Dynamics, steady
from promopilot.envs.response import Saturation
from promopilot.experiments.sources.synthetic.calendar import Calendar, draw_calendar
from promopilot.experiments.sources.synthetic.catalog import make_catalog
from promopilot.experiments.sources.synthetic.effects import Effects, draw_effects
from promopilot.experiments.sources.synthetic.places import Place, placements, segments
from promopilot.experiments.sources.synthetic.pools import Pools, draw_pools
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings
from promopilot.experiments.sources.synthetic.streams import stream
from promopilot.experiments.sources.synthetic.texts import Copy, draw_copy


@dataclass(frozen=True)
class Shop:
    """The truth (P promotions, K placements, S segments, L line items, Q pools, D + F days)."""

    settings: SyntheticSettings
    seed: int
    currency: str
    copies: list[Copy]  # P
    places: list[Place]  # K placements
    audiences: list[Place]  # S segments
    catalog: Catalog  # stock: on the first day of the history
    calendar: Calendar
    dynamics: Dynamics  # nothing uncertain; daily noise on
    effects: Effects
    pools: Pools
    bought: Floats  # [L] share of reach that usual spend buys; 0 where the shop never spends

    @property
    def unit_cost(self) -> Floats:
        """[L] money for a first impression, at the mean price."""
        return np.asarray(self.pools.cpm[self.catalog.placement] / 1000)

    @property
    def reach_share(self) -> Floats:
        """[L] of the pool."""
        return np.asarray(self.pools.reach_share[self.catalog.placement])

    @property
    def reach(self) -> Floats:
        """[L] impressions a line item can reach on a middling day at the end of the history."""
        return np.asarray(self.reach_share * self.pools.level[self.catalog.pool])

    @property
    def usual_spend(self) -> Floats:
        """[L] money a day."""
        saturation = self.dynamics.saturation
        return response.cost(self.bought * self.reach, self.unit_cost, self.reach, saturation)

    @property
    def settled_fatigue(self) -> Floats:
        """[A] recent exposures per person before a day, once usual spend has gone on for long."""
        catalog, forget = self.catalog, self.dynamics.forget
        shown = self.bought * self.reach / self.pools.people[catalog.segment]
        return np.asarray(catalog.by_audience.sum(shown) * forget / (1 - forget))

    def first_log_odds(self, days: slice) -> Floats:
        """[T, L] of the first recorded stage on some days, before walks and fatigue.

        Clicks per impression, or conversions per impression where clicks are not recorded.
        """
        weekday = self.effects.weekday_click[self.calendar.weekday[days]]
        clicks = self.effects.log_odds["click"] + weekday[:, None]
        if self.settings.clicks:
            return np.asarray(clicks)
        return np.asarray(logit(expit(clicks) * expit(self.effects.log_odds["conversion"])))


def draw_shop(settings: SyntheticSettings, seed: int, currency: str) -> Shop:
    """Draw every true number; what the shop spends is for `habits` to add."""
    copies = draw_copy(settings.promotions, stream(seed, "copy"))
    places, audiences = placements(settings.placements), segments(settings.segments)
    catalog = make_catalog(settings, copies, places, audiences, stream(seed, "economics"))
    calendar = draw_calendar(settings, stream(seed, "calendar"))
    rng = stream(seed, "effects")
    effects = draw_effects(settings, copies, places, audiences, catalog, rng)
    rng = stream(seed, "supply")
    return Shop(
        settings=settings,
        seed=seed,
        currency=currency,
        copies=copies,
        places=places,
        audiences=audiences,
        catalog=catalog,
        calendar=calendar,
        dynamics=_dynamics(settings, catalog),
        effects=effects,
        pools=draw_pools(settings, places, audiences, catalog, calendar, rng),
        bought=np.zeros(catalog.num_line_items),
    )


def _dynamics(settings: SyntheticSettings, catalog: Catalog) -> Dynamics:
    pools, places = len(catalog.pools), len(catalog.placement_ids)
    still = steady(pools, places, catalog.num_promotions)
    late = Delay(settings.delay_fast_share, settings.delay_fast_days, settings.delay_slow_days)
    slope = settings.hill_slope if settings.saturation == "hill" else 1.0
    return replace(
        still,
        supply_sd=np.full(pools, settings.supply_sd),
        supply_walk_sd=settings.supply_walk_sd,
        price_sd=np.full(places, settings.price_sd),
        price_persistence=np.full(places, settings.price_persistence),
        saturation=Saturation(settings.saturation, slope),
        fatigue_exponent=settings.fatigue_exponent,
        fatigue_half_life_days=settings.fatigue_half_life_days,
        delay=late if settings.delay else still.delay,
        drift_sd=settings.drift_sd,
        rate_walk_sd=settings.rate_walk_sd,
        shock_probability=settings.shock_probability,
        shock_size=settings.shock_size,
    )
