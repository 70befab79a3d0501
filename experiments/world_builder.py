"""From tables and a predictor to the market of one flight, each number with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from promopilot.envs.catalog import Catalog
from promopilot.envs.rates import Rates, Stage
from promopilot.envs.world import World
from promopilot.experiments.carried_fatigue import carried_fatigue
from promopilot.experiments.config import RunConfig
from promopilot.experiments.dates import Dates
from promopilot.experiments.economics import Economics, Floats, Sources, economics
from promopilot.experiments.errors import ConfigError
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
    from promopilot.predictors import Predictor

ITEM = ["promotion_id", "placement_id", "segment_id"]


@dataclass(frozen=True)
class BuiltWorld:
    """A market and what an analyst wants to know of its line items."""

    world: World
    items: pd.DataFrame  # L rows: promotion_id, placement_id, segment_id, name, campaign_id, basis
    rates: pd.DataFrame  # contract rates.csv, by date
    sources: Sources


def build_world(
    tables: Tables, predictor: Predictor, config: RunConfig, dates: Dates
) -> BuiltWorld:
    """Join tables, predicted rates and assumptions into the flight's market.

    Nothing dated in the flight is read.

    Raises:
        ConfigError: No promotion runs in the flight, or there is nothing to buy or no budget.
    """
    before = tables.performance[tables.performance["date"] < pd.Timestamp(dates.start)]
    history = dates.history(before)
    promotions = _in_flight(tables.promotions, history, config, dates)
    ours = history[history["promotion_id"].isin(promotions["promotion_id"])]
    days_seen = max(int(history["date"].nunique()), 1)
    supply = pool_supply(tables, ours, days_seen, config.assumptions)
    items = _line_items(promotions, supply.daily, before)
    stages, has_clicks, rates_frame = _rates(tables, predictor, items, config, dates)
    sizes, size_source = segment_sizes(tables, config.assumptions)
    by_placement = pd.Series(stages[0].week.mean(axis=0)).groupby(items["placement_id"].to_numpy())
    cost, cost_sources = cost_per_impression(
        tables, history, by_placement.mean() if has_clicks else None, config.assumptions
    )
    factor, residual_sd = weekday_season(history)
    supply_sd = config.market.supply_sd if config.market.supply_sd is not None else residual_sd
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
    live = _live(promotions, dates, config.flight.days)[:, catalog.promotion]
    current = current * live
    recent, usual = carried_fatigue(
        before,
        dates.start,
        catalog,
        sizes,
        config.assumptions.panel_projection,
        config.market,
    )
    world = World(
        catalog=catalog,
        rates=Rates(
            stages[0].on_days(weekdays, catalog), stages[1].on_days(weekdays, catalog), has_clicks
        ),
        settings=config.market,
        start=dates.start,
        budget=_budget(config, float(current.sum())),
        supply=factor[weekdays][:, None] * supply.daily.loc[pools].to_numpy(),
        supply_sd=np.full(len(pools), supply_sd),
        unit_cost=np.asarray(items["placement_id"].map(cost), dtype=np.float64),
        reach_share=np.full(len(items), config.assumptions.reach_share),
        segment_size=sizes,
        live=live,
        max_spend=np.full(len(items), config.budget.per_line_item_max or np.inf),
        current_spend=current,
        initial_fatigue=recent,
        usual_fatigue_factor=usual,
        per_day_max=config.budget.per_day_max or float("inf"),
        objective=config.objective,
        currency=config.currency,
    )
    settings = config.market
    sources = money.sources | cost_sources
    sources |= {
        "rates": "data: predicted by the model fitted on `performance`",
        "rates' uncertainty": "data: spread of promotions and line items on the choosing days",
        "supply": supply.source,
        "weekday season": "data: impressions by weekday before the flight",
        "day-to-day noise of supply": (
            "assumption: config, market.supply_sd"
            if settings.supply_sd is not None
            else "data: what the weekday leaves unexplained"
        ),
        "people per segment": size_source,
        "current mix": mix_source,
        "saturation": "prior: exponential reach; a line item can reach "
        f"{config.assumptions.reach_share:.0%} of its pool (assumption: reach_share)",
        "price noise": f"prior: AR(1), sd {settings.price_sd:g} of the log, "
        f"persistence {settings.price_persistence:g}",
        "fatigue": f"prior: (1 + n)^-{settings.fatigue_exponent:g}, half of the exposures "
        f"forgotten in {settings.fatigue_half_life_days:g} days",
        "fatigue carried in": "data: exposures before the flight, at the prior's pace; rates are "
        "taken to be those of audiences as tired as they then were",
    }
    return BuiltWorld(world, items, rates_frame, sources)


def _in_flight(
    promotions: pd.DataFrame, history: pd.DataFrame, config: RunConfig, dates: Dates
) -> pd.DataFrame:
    """Promotions that may run on some day of the flight, in the order of the table.

    Of more than `flight.max_promotions` those with most impressions before the flight stay, new
    ones first: a choice that looks at no outcome.
    """
    live = _live(promotions, dates, config.flight.days).any(axis=0)
    running = promotions.iloc[np.flatnonzero(live)]
    if running.empty:
        raise ConfigError(
            f"no promotion runs between {dates.start} and {dates.last}: check `start_date` and "
            "`end_date` in the table promotions, or `$.flight.start`"
        )
    most = config.flight.max_promotions
    if most is not None and len(running) > most:
        shown = history.groupby("promotion_id")["impressions"].sum()
        seen = running["promotion_id"].map(shown).fillna(np.inf)
        rank = seen.rank(method="first", ascending=False).to_numpy()
        running = running.iloc[np.flatnonzero(rank <= most)]
    return running.reset_index(drop=True)


def _live(promotions: pd.DataFrame, dates: Dates, days: int) -> np.ndarray:
    """[D, P] whether a promotion's dates allow the day."""
    day = pd.date_range(dates.start, periods=days).to_numpy()[:, None]
    live = np.ones((days, len(promotions)), dtype=bool)
    for name, later in (("start_date", False), ("end_date", True)):
        if name in promotions:
            bound = pd.to_datetime(promotions[name]).to_numpy()[None, :]
            within = day <= bound if later else day >= bound
            live &= within | np.isnat(bound)
    return live


def _line_items(
    promotions: pd.DataFrame, daily: pd.Series[float], before: pd.DataFrame
) -> pd.DataFrame:
    """Every promotion in every pool that has supply; `basis` says whether its response was seen."""
    pools = daily[daily > 0].index.to_frame(index=False)
    if pools.empty:
        raise ConfigError(
            "there is nothing to buy: no placement has a `daily_supply`, and the flight's "
            "promotions had no impressions in the days before it"
        )
    keep = ["promotion_id", *(c for c in ("name", "campaign_id") if c in promotions)]
    items = promotions[keep].merge(pools, how="cross")
    seen = before[before["impressions"] > 0][ITEM].drop_duplicates().assign(basis="data")
    items = items.merge(seen, on=ITEM, how="left")
    items["basis"] = items["basis"].fillna("prior")
    return items


@dataclass(frozen=True)
class _WeekStage:
    """A stage as predicted, one row per weekday."""

    week: Floats  # [7, L] rates
    total_sd: Floats  # [L] sd of the log-odds
    own_sd: Floats  # [L] its part that is the line item's own

    @classmethod
    def of(cls, week: Floats, week_se: Floats, own_sd: float) -> _WeekStage:
        total = (week_se / (week * (1 - week))).mean(axis=0)  # delta method
        return cls(week, total, np.minimum(total, own_sd))

    def on_days(self, weekdays: np.ndarray, catalog: Catalog) -> Stage:
        # A promotion's shift is as wide as that of its least known line item.
        shared = np.zeros(catalog.num_promotions)
        np.maximum.at(shared, catalog.promotion, np.sqrt(self.total_sd**2 - self.own_sd**2))
        return Stage(self.week[weekdays], shared, self.own_sd)


def _rates(
    tables: Tables, predictor: Predictor, items: pd.DataFrame, config: RunConfig, dates: Dates
) -> tuple[list[_WeekStage], bool, pd.DataFrame]:
    """Both stages, whether clicks were recorded, and the contract's rates.csv by date."""
    from promopilot.predictors import line_item_rows

    each = items[ITEM].loc[items.index.repeat(WEEK)].reset_index(drop=True)
    each["weekday"] = np.tile(np.arange(WEEK), len(items))
    predicted = predictor.predict(
        line_item_rows(tables.promotions, tables.placements, tables.segments, each)
    )
    table: dict[str, Floats] = {
        name: np.ascontiguousarray(values.reshape(-1, WEEK).T)
        for name in ("ctr", "ctr_se", "cvr", "cvr_se", "ctcvr", "ctcvr_se")
        if (values := getattr(predicted, name)) is not None
    }
    own = [spread.own for spread in predictor.spreads]
    if "ctr" in table:
        stages = [
            _WeekStage.of(table["ctr"], table["ctr_se"], own[0]),
            _WeekStage.of(table["cvr"], table["cvr_se"], own[1]),
        ]
    else:
        none = np.zeros(len(items))
        certain = _WeekStage(np.ones((WEEK, len(items))), none, none)
        stages = [_WeekStage.of(table["ctcvr"], table["ctcvr_se"], own[0]), certain]
    frames = []
    for day in pd.date_range(dates.start, periods=config.flight.days):
        frame = items[ITEM].assign(date=day.date().isoformat())
        for name in ("ctr", "ctr_se", "cvr", "cvr_se", "ctcvr", "ctcvr_se"):
            frame[name] = table[name][day.day_of_week] if name in table else np.nan
        frames.append(frame)
    return stages, "ctr" in table, pd.concat(frames, ignore_index=True)


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
