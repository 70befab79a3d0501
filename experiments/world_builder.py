"""From tables and a predictor to the market of one flight, each number with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from promopilot.envs.catalog import Catalog
from promopilot.envs.rates import Rates
from promopilot.envs.world import InitialState, World
from promopilot.experiments.carried_fatigue import carried_fatigue
from promopilot.experiments.carried_pending import carried_pending
from promopilot.experiments.config import RunConfig
from promopilot.experiments.dates import Dates
from promopilot.experiments.economics import Economics, Sources, economics
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.flight_items import line_items, live_days, promotions_in_flight
from promopilot.experiments.flight_rates import ITEM, flight_rates
from promopilot.experiments.market_laws import overridden, prior_dynamics
from promopilot.experiments.supply import (
    WEEK,
    cost_per_impression,
    current_mix,
    pool_supply,
    segment_sizes,
    weekday_season,
)
from promopilot.experiments.tables import Tables

if TYPE_CHECKING:
    from promopilot.predictors import PredictorHost


# What the config's `budget.covers` means to a world.
_COVERS = {"spend": ("spend",), "spend_and_subsidy": ("spend", "subsidy")}


@dataclass(frozen=True)
class BuiltWorld:
    """A market and what an analyst wants to know of its line items."""

    world: World
    items: pd.DataFrame  # L rows: promotion_id, placement_id, segment_id, name, campaign_id, basis
    rates: pd.DataFrame  # contract rates.csv, by date
    sources: Sources


def build_world(tables: Tables, host: PredictorHost, config: RunConfig, dates: Dates) -> BuiltWorld:
    """Join tables, predicted rates and assumptions into the flight's market.

    Nothing dated in the flight is read.

    Raises:
        ConfigError: No promotion runs in the flight, or there is nothing to buy or no budget.
    """
    before = tables.performance[tables.performance["date"] < pd.Timestamp(dates.start)]
    history = dates.history(before)
    promotions = promotions_in_flight(tables.promotions, history, config, dates)
    ours = history[history["promotion_id"].isin(promotions["promotion_id"])]
    days_seen = max(int(history["date"].nunique()), 1)
    supply = pool_supply(tables, ours, days_seen, config.assumptions)
    items = line_items(promotions, supply.daily, before)
    stages, has_clicks, rates_frame = flight_rates(tables, host, items, config, dates)
    sizes, size_source = segment_sizes(tables, config.assumptions)
    by_placement = pd.Series(stages[0].week.mean(axis=0)).groupby(items["placement_id"].to_numpy())
    cost, cost_sources = cost_per_impression(
        tables, history, by_placement.mean() if has_clicks else None, config.assumptions
    )
    factor, residual_sd = weekday_season(history)
    weekdays = np.array([(dates.start.weekday() + d) % WEEK for d in range(config.flight.days)])
    mix, mix_source = current_mix(
        ours,
        pd.DatetimeIndex([before["date"].min(), before["date"].max()]),
        weekdays.tolist(),
        cost,
        config.assumptions.panel_projection,
    )
    columns = pd.MultiIndex.from_frame(items[ITEM])
    current = mix.reindex(columns=columns).fillna(0.0).to_numpy()
    money = economics(promotions, before, config.assumptions, tables.sources)
    catalog = _catalog(tables, promotions, items, money)
    pools = [
        (tables.placements["placement_id"].iloc[k], tables.segments["segment_id"].iloc[s])
        for k, s in catalog.pools
    ]
    live = live_days(promotions, dates, config.flight.days)[:, catalog.promotion]
    current = current * live
    dynamics, law_sources = overridden(
        prior_dynamics(catalog, residual_sd), config.market, _market_sources(config)
    )
    projection = config.assumptions.panel_projection
    recent, usual = carried_fatigue(before, dates.start, catalog, sizes, projection, dynamics)
    world = World(
        catalog=catalog,
        rates=Rates(
            stages[0].on_days(weekdays, catalog), stages[1].on_days(weekdays, catalog), has_clicks
        ),
        dynamics=dynamics,
        initial=InitialState(
            fatigue=recent,
            log_price=np.full(len(catalog.placement_ids), np.nan),
            pending=carried_pending(before, dates.start, columns, dynamics.delay, projection),
        ),
        start=dates.start,
        budget=_budget(config, float(current.sum())),
        supply=factor[weekdays][:, None] * supply.daily.loc[pools].to_numpy(),
        unit_cost=np.asarray(items["placement_id"].map(cost), dtype=np.float64),
        reach_share=np.full(len(items), config.assumptions.reach_share),
        segment_size=sizes,
        live=live,
        max_spend=np.full(len(items), config.budget.per_line_item_max or np.inf),
        current_spend=current,
        usual_fatigue_factor=usual,
        per_day_max=config.budget.per_day_max or float("inf"),
        objective=config.objective,
        currency=config.currency,
        covers=_COVERS[config.budget.covers],
        overrun=config.budget.overrun,
    )
    sources = money.sources | cost_sources | law_sources
    sources |= {
        "supply": supply.source,
        "people per segment": size_source,
        "current mix": mix_source,
    }
    return BuiltWorld(world, items, rates_frame, sources)


def _market_sources(config: RunConfig) -> Sources:
    """Where the numbers come from that are the same whatever the tables hold."""
    reach = config.assumptions.reach_share
    return {
        "rates": "data: predicted by the model fitted on `performance`",
        "rates' uncertainty": "data: spread of promotions and line items on the choosing days",
        "weekday season": "data: impressions by weekday before the flight",
        "day-to-day noise of supply": "data: what the weekday leaves unexplained",
        "saturation": f"prior: exponential reach; a line item can reach {reach:.0%} of its pool "
        "(assumption: reach_share)",
        "price noise": "prior: AR(1)",
        "fatigue": "prior: (1 + n)^-exponent",
        "fatigue carried in": "data: exposures before the flight, at the prior's pace; rates are "
        "taken to be those of audiences as tired as they then were",
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


def _budget(config: RunConfig, current: float) -> float:
    if config.budget.total is not None:
        return config.budget.total
    if current <= 0:
        raise ConfigError(
            "there is no budget: `$.budget.total` is not set, and the current mix, its default, "
            "spent nothing in the 28 days before the flight"
        )
    return round(current, 2)
