"""From tables and a predictor to the market of one flight, each number with its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from promopilot.envs.catalog import Catalog
from promopilot.envs.rates import Rates
from promopilot.envs.world import InitialState, World
from promopilot.experiments.buyable import buyable
from promopilot.experiments.calibrated import (
    calibrated,
    flight_supply,
    stated_incrementality,
    with_lift,
)
from promopilot.experiments.carried_fatigue import carried_fatigue
from promopilot.experiments.carried_pending import carried_pending
from promopilot.experiments.config import RunConfig
from promopilot.experiments.dates import Dates
from promopilot.experiments.economics import Economics, Sources, economics
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.flight_items import live_days, promotions_in_flight
from promopilot.experiments.flight_rates import flight_rates
from promopilot.experiments.limits.apply import limited
from promopilot.experiments.limits.file import read_limits
from promopilot.experiments.market_laws import overridden
from promopilot.experiments.prices import prices
from promopilot.experiments.recent_weeks import WEEK, recent_weeks
from promopilot.experiments.supply import given_supply, segment_sizes
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.keys import ITEM

if TYPE_CHECKING:
    from promopilot.predictors import PredictorHost


# What the config's `budget.covers` means to a world.
_COVERS = {"spend": ("spend",), "spend_and_subsidy": ("spend", "subsidy")}


@dataclass(frozen=True)
class BuiltWorld:
    """A market and what an analyst wants to know of its line items."""

    world: World  # under the limits of `config.limits.file`
    unlimited: World  # the same without them
    items: pd.DataFrame  # L rows: promotion_id, placement_id, segment_id, name, campaign_id, basis
    rates: pd.DataFrame  # contract rates.csv, by date
    sources: Sources


def build_world(tables: Tables, host: PredictorHost, config: RunConfig, dates: Dates) -> BuiltWorld:
    """Join tables, predicted rates, calibration and assumptions into the flight's market.

    Nothing dated in the flight is read but known events.

    Raises:
        ConfigError: No promotion runs in the flight, or there is nothing to buy or no budget; or
            the file of limits cannot be read, or names what the flight has not.
        InfeasibleError: Its limits cannot all hold.
        MarketError: The history is too short to calibrate on, or a number breaks a rule.
    """
    assumptions, days = config.assumptions, config.flight.days
    projection = assumptions.panel_projection
    before = tables.performance[tables.performance["date"] < pd.Timestamp(dates.start)]
    history = dates.history(before)
    promotions = promotions_in_flight(tables.promotions, history, config, dates)
    ours = history[history["promotion_id"].isin(promotions["promotion_id"])]
    sizes, size_source = segment_sizes(tables, assumptions)
    given = given_supply(tables, ours, assumptions)
    found = calibrated(tables, dates.start, sizes, given, assumptions, config.market)
    bought = buyable(tables, promotions, before, history, given, found, assumptions, days)
    items = bought.items
    stages, has_clicks, rates_frame = flight_rates(tables, host, items, config, dates)
    ctr = stages[0].week.mean(axis=0) if has_clicks else None
    paid = prices(tables, bought, found, before, ctr, assumptions)
    weekdays = np.array([(dates.start.weekday() + d) % WEEK for d in range(days)])
    recorded = pd.DatetimeIndex([before["date"].min(), before["date"].max()])
    recent = recent_weeks(ours, recorded, paid.usual, projection)
    columns = pd.MultiIndex.from_frame(items[ITEM])
    index = pd.Index(tables.promotions["promotion_id"]).get_indexer(promotions["promotion_id"])
    money, caused_sd = with_lift(
        economics(promotions, before, assumptions, tables.sources),
        found,
        index.astype(np.int64),
        stated_incrementality(tables, promotions, dates.start),
    )
    catalog = _catalog(tables, promotions, items, money)
    value = pd.Series(money.conversion_value, index=promotions["promotion_id"])
    live = live_days(promotions, dates, days)[:, catalog.promotion]
    mix = recent.mix(weekdays.tolist()).reindex(columns=columns).fillna(0.0)
    current = mix.to_numpy() * live
    laws = replace(found.dynamics(catalog.pools, index, dates.start), incrementality_sd=caused_sd)
    ordered = current / paid.first * stages[0].week[weekdays] * stages[1].week[weekdays]
    discounts = float((ordered * catalog.unit_subsidy[catalog.promotion]).sum())
    dynamics, law_sources = overridden(laws, config.market, found.sources)
    tired, usual = carried_fatigue(before, dates.start, catalog, sizes, projection, dynamics)
    world = World(
        catalog=catalog,
        rates=Rates(
            stages[0].on_days(weekdays, catalog), stages[1].on_days(weekdays, catalog), has_clicks
        ),
        dynamics=dynamics,
        initial=InitialState(
            fatigue=tired,
            log_price=found.log_price_before(dates.start),
            pending=carried_pending(before, dates.start, columns, dynamics.delay, projection),
        ),
        start=dates.start,
        budget=_budget(config, float(current.sum()), discounts),
        supply=flight_supply(found, catalog.pools, bought.level, tables.events, dates.start, days),
        unit_cost=paid.first,
        reach_share=bought.reach_share,
        segment_size=sizes,
        live=live,
        max_spend=np.full(len(items), config.budget.per_line_item_max or np.inf),
        current_spend=current,
        usual_fatigue_factor=usual,
        recent_roas=np.asarray(
            recent.roas(value, projection).reindex(columns).fillna(0.0), dtype=np.float64
        ),
        per_day_max=config.budget.per_day_max or float("inf"),
        objective=config.objective,
        currency=config.currency,
        covers=_COVERS[config.budget.covers],
        overrun=config.budget.overrun,
    )
    sources = {
        "rates": "data: predicted by the model fitted on `performance`",
        "rates' uncertainty": "data: spread of promotions and line items on the choosing days",
        **money.sources,
        **paid.sources,
        **law_sources,
        **bought.sources,
        **_carried_in(tables, before),
        "people per segment": size_source,
        "current mix": recent.source,
    }
    file, basis = config.limits.file, items["basis"].tolist()
    under = world if file is None else limited(world, read_limits(file), basis)
    return BuiltWorld(under, world, items, rates_frame, sources)


def _carried_in(tables: Tables, before: pd.DataFrame) -> Sources:
    """Where what acts on the flight from outside it comes from."""
    return {
        "events": "data: events; their factors multiply supply"
        if len(tables.events)
        else "data: no event is known",
        "conversions carried in": "data: readings (as_of) of the days before the flight, at the "
        "delay's pace"
        if "as_of" in before
        else "data: none, as no reading is dated (as_of)",
        "fatigue carried in": "data: exposures before the flight; rates are taken to be those of "
        "audiences as tired as they then were",
    }


def _catalog(
    tables: Tables, promotions: pd.DataFrame, items: pd.DataFrame, money: Economics
) -> Catalog:
    def index(column: str, ids: pd.Series[str]) -> np.ndarray:
        return pd.Index(ids).get_indexer(pd.Index(items[column])).astype(np.int64)

    return Catalog(
        promotion_ids=tuple(promotions["promotion_id"]),
        placement_ids=tuple(tables.placements["placement_id"]),
        segment_ids=tuple(tables.segments["segment_id"]),
        promotion=index("promotion_id", promotions["promotion_id"]),
        placement=index("placement_id", tables.placements["placement_id"]),
        segment=index("segment_id", tables.segments["segment_id"]),
        price=money.price,
        margin=money.margin,
        incrementality=money.incrementality,
        unit_subsidy=money.unit_subsidy,
        conversion_value=money.conversion_value,
        stock=money.stock,
    )


def _budget(config: RunConfig, current: float, discounts: float) -> float:
    """The config's, else what the current mix spends, with its discounts where covered."""
    if config.budget.total is not None:
        return config.budget.total
    if current <= 0:
        raise ConfigError(
            "there is no budget: `$.budget.total` is not set, and the current mix, its default, "
            "spent nothing in the 28 days before the flight"
        )
    covered = discounts if config.budget.covers == "spend_and_subsidy" else 0.0
    return round(current + covered, 2)
