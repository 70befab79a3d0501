"""A world told in one YAML file: every number of it, promotion by promotion.

Rates are a promotion's click rate x its placement's factor x the day's factor, and the promotion's
conversion rate; supply is a placement's impressions x weekday x event. So few numbers tell a whole
world, and a reader can check each.
"""

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.envs.dynamics import Delay, Dynamics
from promopilot.envs.errors import MarketError
from promopilot.envs.feasibility import check_limits
from promopilot.envs.limits import Limits
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.response import Saturation
from promopilot.envs.world import InitialState, World

_WEEK = 7


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PromotionNumbers(_Part):
    """One promotion: its offer, and the rates at which it is believed to work."""

    price: float = Field(gt=0)  # money per conversion before discount
    discount: float = Field(ge=0, lt=1)  # share of the price, paid as subsidy
    margin: float = Field(ge=0, le=1)  # share of the price before discount
    click_rate: float = Field(gt=0, lt=1)  # clicks per impression on a placement of factor 1
    conversion_rate: float = Field(gt=0, lt=1)  # conversions per click
    stock: float | None = Field(default=None, ge=0)  # conversions; null: unlimited


class PlacementNumbers(_Part):
    """One placement, the same for every segment."""

    supply: float = Field(gt=0)  # impressions on a weekday of factor 1, in each segment
    cpm: float = Field(gt=0)  # money per 1000 first impressions
    click_factor: float = Field(gt=0)
    reach_share: float = Field(gt=0, le=1)  # of the supply, for one promotion
    supply_sd: float = Field(ge=0)  # of log supply, day by day
    price_sd: float = Field(ge=0)  # of log price, AR(1)
    price_persistence: float = Field(ge=0, lt=1)


class EventNumbers(_Part):
    """Days that are not as usual."""

    first_day: int = Field(ge=0)  # counted from 0
    last_day: int = Field(ge=0)
    supply: float = Field(gt=0)  # factor on supply
    clicks: float = Field(gt=0)  # factor on click rates


class LawNumbers(_Part):
    """What moves every market alike; fields of `promopilot.envs.dynamics.Dynamics`."""

    saturation: Literal["exponential", "michaelis_menten", "hill"]
    hill_slope: float = Field(gt=0)
    fatigue_exponent: float = Field(ge=0)
    fatigue_exponent_sd: float = Field(ge=0)
    fatigue_half_life_days: float = Field(gt=0)
    delay_fast_share: float = Field(ge=0, le=1)
    delay_fast_days: float = Field(ge=0)
    delay_slow_days: float = Field(ge=0)
    supply_day_sd: float = Field(ge=0)
    supply_level_sd: float = Field(ge=0)
    weekday_sd: float = Field(ge=0)
    trend_sd: float = Field(ge=0)
    supply_walk_sd: float = Field(ge=0)
    price_level_sd: float = Field(ge=0)
    reach_sd: float = Field(ge=0)
    first_day_sd: float = Field(ge=0)
    second_day_sd: float = Field(ge=0)
    rate_walk_sd: float = Field(ge=0)
    drift_sd: float = Field(ge=0)
    shock_probability: float = Field(ge=0, le=1)
    shock_size: float = Field(ge=0)


class WorldRecipe(_Part):
    """Everything a world is made of."""

    start: date
    days: int = Field(ge=1)
    objective: Literal["net_profit", "profit", "revenue", "conversions"]
    currency: str
    budget: float = Field(gt=0)  # money for the flight
    covers: Literal["spend", "spend_and_subsidy"]
    overrun: Literal["close", "book"]
    shift_sd: tuple[float, float]  # log-odds of each stage that a promotion's line items share
    own_sd: tuple[float, float]  # log-odds of each stage, a line item's own
    weekdays: tuple[float, float, float, float, float, float, float]  # supply, from Monday
    # Share of every pool that today's mix buys, spread evenly over promotions.
    current_share: float = Field(ge=0, le=1)
    segments: dict[str, float]  # people
    promotions: dict[str, PromotionNumbers]
    placements: dict[str, PlacementNumbers]
    events: tuple[EventNumbers, ...] = ()
    laws: LawNumbers
    max_step: float | None = Field(default=None, gt=0)  # of a promotion's spend, day on day

    def world(self) -> World:
        """The world that the numbers tell.

        Raises:
            InfeasibleError: Its limits contradict each other.
        """
        world = self._world()
        check_limits(world)
        return world

    def _world(self) -> World:
        catalog = self._catalog()
        placements = list(self.placements.values())
        placement = catalog.placement
        factor = np.array([p.click_factor for p in placements])[placement]
        click = np.array([p.click_rate for p in self.promotions.values()])[catalog.promotion]
        conversion = np.array([p.conversion_rate for p in self.promotions.values()])
        supply_factor, click_factor = self._by_day()
        supply = np.array([p.supply for p in placements])[catalog.pools[:, 0]]
        supply = np.rint(supply_factor[:, None] * supply)
        unit_cost = np.array([p.cpm for p in placements])[placement] / 1000
        first = np.minimum(click_factor[:, None] * (click * factor), 1 - 1e-9)
        second = np.tile(conversion[catalog.promotion], (self.days, 1))
        current = self.current_share / len(self.promotions) * supply[:, catalog.pool] * unit_cost
        worth = catalog.conversion_value[catalog.promotion] / unit_cost
        items = catalog.num_line_items
        return World(
            catalog=catalog,
            rates=Rates(self._stage(first, 0, catalog), self._stage(second, 1, catalog)),
            dynamics=self._dynamics(catalog),
            initial=InitialState(
                fatigue=np.zeros(catalog.by_audience.size),
                log_price=np.full(len(placements), np.nan),
                pending=np.zeros((2, items)),
            ),
            start=self.start,
            budget=self.budget,
            supply=supply,
            unit_cost=unit_cost,
            reach_share=np.array([p.reach_share for p in placements])[placement],
            segment_size=np.array(list(self.segments.values())),
            live=np.ones((self.days, items), dtype=bool),
            max_spend=np.full(items, np.inf),
            current_spend=current,
            usual_fatigue_factor=np.ones(catalog.by_audience.size),
            recent_roas=(first * second).mean(axis=0) * worth,
            objective=self.objective,
            currency=self.currency,
            covers=("spend", "subsidy") if self.covers == "spend_and_subsidy" else ("spend",),
            overrun=self.overrun,
            limits=None
            if self.max_step is None
            else replace(Limits.none(items), max_step=self.max_step),
        )

    def _catalog(self) -> Catalog:
        offers = list(self.promotions.values())
        price = np.array([p.price for p in offers])
        discount = np.array([p.discount for p in offers])
        size = len(offers), len(self.placements), len(self.segments)
        promotion, placement, segment = np.indices(size).reshape(3, -1).astype(np.int64)
        return Catalog(
            promotion_ids=tuple(self.promotions),
            placement_ids=tuple(self.placements),
            segment_ids=tuple(self.segments),
            promotion=promotion,
            placement=placement,
            segment=segment,
            price=price,
            margin=np.array([p.margin for p in offers]),
            incrementality=np.ones(len(offers)),
            unit_subsidy=price * discount,
            conversion_value=price * (1 - discount),
            stock=np.array([np.inf if p.stock is None else p.stock for p in offers]),
        )

    def _by_day(self) -> tuple[Floats, Floats]:
        """Factors on supply and on click rates `[D]`."""
        weekday = (self.start.weekday() + np.arange(self.days)) % _WEEK
        supply, clicks = np.array(self.weekdays)[weekday], np.ones(self.days)
        for event in self.events:
            supply[event.first_day : event.last_day + 1] *= event.supply
            clicks[event.first_day : event.last_day + 1] *= event.clicks
        return supply, clicks

    def _stage(self, rate: Floats, stage: int, catalog: Catalog) -> Stage:
        return Stage(
            rate=rate,
            shared_sd=np.full(catalog.num_promotions, self.shift_sd[stage]),
            own_sd=np.full(catalog.num_line_items, self.own_sd[stage]),
        )

    def _dynamics(self, catalog: Catalog) -> Dynamics:
        placements, laws = list(self.placements.values()), self.laws
        pool = catalog.pools[:, 0]
        shared = {f.name for f in fields(Dynamics)} & set(LawNumbers.model_fields) - {"saturation"}
        return Dynamics(
            supply_sd=np.array([p.supply_sd for p in placements])[pool],
            supply_level_sd=np.full(len(pool), laws.supply_level_sd),
            price_sd=np.array([p.price_sd for p in placements]),
            price_persistence=np.array([p.price_persistence for p in placements]),
            price_level_sd=np.full(len(placements), laws.price_level_sd),
            saturation=Saturation(laws.saturation, laws.hill_slope),
            reach_sd=np.full(len(placements), laws.reach_sd),
            delay=Delay(laws.delay_fast_share, laws.delay_fast_days, laws.delay_slow_days),
            incrementality_sd=np.zeros(catalog.num_promotions),
            **{
                name: getattr(laws, name)
                for name in shared - {"supply_level_sd", "price_level_sd", "reach_sd"}
            },
        )


def read_recipe(path: Path) -> WorldRecipe:
    """Read a world's file.

    Raises:
        MarketError: It is missing, no YAML, or breaks a rule; the message names file and key.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        return WorldRecipe.model_validate(tree)
    except OSError as error:
        raise MarketError(f"{path} cannot be read: {(error.strerror or '').lower()}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MarketError(f"{path} is no YAML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["$", *(str(part) for part in first["loc"])])
        raise MarketError(f"{path}: `{key}` is {first['input']!r:.60}: {first['msg']}.") from error
