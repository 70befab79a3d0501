"""From tables to a market, with a predictor that answers what the test wants."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.experiments.config import make_config
from promopilot.experiments.dates import require_conversions, resolve_dates
from promopilot.experiments.errors import ConfigError, DataError
from promopilot.experiments.recent_weeks import recent_weeks
from promopilot.experiments.tables import Tables
from promopilot.experiments.world_builder import build_world
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.readable import Readability
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread

START = date(2025, 3, 3)  # a Monday


@dataclass
class Fixed:
    """Predicts 10 % and 5 % for everything, with standard errors of its own choosing."""

    spreads: tuple = (
        StageSpread(0.3, 0.1, 0.4, 0.0, 0.0, 0.0),
        StageSpread(0.2, 0.1, 0.4, 0.0, 0.0, 0.0),
    )
    settings = PredictorSettings()

    def readability(self, texts: list[str]) -> Readability:
        return Readability(len(texts), 0.0, 0.0, 64, "")

    def predict(self, rows) -> Prediction:
        n = len(rows)
        ctr, cvr = np.full(n, 0.1), np.full(n, 0.05)
        sd = [np.hypot(s.shared, s.own) for s in self.spreads]
        return Prediction(
            ctr, ctr * 0.9 * sd[0], cvr, cvr * 0.95 * sd[1], ctr * cvr, ctr * cvr * 0.5
        )


def tables(**changes: pd.DataFrame) -> Tables:
    days = pd.date_range("2025-01-06", "2025-03-02")
    rows = [
        (day, promotion, "home", segment, 1000 + 500 * (day.day_of_week >= 5), 100, 5, 20.0)
        for day in days
        for promotion in ("a", "b")
        for segment in ("new", "loyal")
    ]
    columns = ["date", "promotion_id", "placement_id", "segment_id"]
    columns += ["impressions", "clicks", "conversions", "spend"]
    frames = {
        "promotions": pd.DataFrame(
            {
                "promotion_id": ["a", "b", "c"],
                "text": ["Pizza", "Milk", "新品"],
                "price": [10.0, 4.0, np.nan],
                "discount": [0.2, 0.0, 0.1],
                "margin": [0.5, 0.5, 0.5],
            }
        ),
        "placements": pd.DataFrame({"placement_id": ["home", "email"], "text": ["Home", "Mail"]}),
        "segments": pd.DataFrame(
            {"segment_id": ["new", "loyal"], "text": ["New", "Loyal"], "size": [1000.0, 3000.0]}
        ),
        "performance": pd.DataFrame(rows, columns=columns),
    } | changes
    return Tables(Path("shop"), sources={}, **frames)


def build(given: Tables, **sections):
    config = make_config({"flight": {"start": START.isoformat(), "days": 7}} | sections)
    return build_world(given, Fixed(), config, resolve_dates(config, given.performance))


def test_every_promotion_meets_every_pool_that_has_supply() -> None:
    built = build(tables())
    assert len(built.items) == 3 * 2  # email was never bought and has no supply of its own
    basis = built.items.groupby("promotion_id")["basis"].unique().str[0].to_dict()
    assert basis == {"a": "data", "b": "data", "c": "prior"}


def test_a_new_promotion_has_no_current_spend_and_assumed_money() -> None:
    built = build(tables(), assumptions={"price": 7.0})
    world = built.world
    assert (world.current_spend[:, world.catalog.promotion == 2] == 0).all()
    assert world.catalog.price[2] == 7.0
    assert "assumption: 7" in built.sources["price"]
    assert built.sources["margin"] == "data"


def test_the_current_mix_and_with_it_the_budget_are_the_last_weeks_spend() -> None:
    world = build(tables()).world
    assert world.current_spend.sum() == pytest.approx(7 * 4 * 20.0)
    assert world.budget == pytest.approx(560.0)


def test_recent_returns_are_value_per_unit_of_spend_and_none_for_what_is_new() -> None:
    performance = tables().performance
    before = performance["date"] < "2025-02-03"  # longer ago than 28 days: another world
    performance.loc[before, "conversions"] = 90
    world = build(tables(performance=performance)).world
    by_promotion = np.array([5 * 10.0 * 0.8 / 20.0, 5 * 4.0 / 20.0, 0.0])
    np.testing.assert_allclose(world.recent_roas, by_promotion[world.catalog.promotion])


def test_recent_returns_without_spend_rest_on_the_assumed_cost() -> None:
    given = tables(performance=tables().performance.drop(columns="spend"))
    world = build(given, assumptions={"cpm": {"*": 2.0}, "panel_projection": 10.0}).world
    impressions, money = 8 / 7 * 1000, 2.0 / 1000
    expected = 5 * 8.0 / (impressions * money)
    np.testing.assert_allclose(world.recent_roas[world.catalog.promotion == 0], expected)


def test_a_short_history_is_averaged_over_the_days_it_has() -> None:
    full = tables().performance
    short = full[full["date"] >= "2025-02-19"]  # twelve days: weekdays once or twice
    recorded = pd.DatetimeIndex([short["date"].min(), short["date"].max()])
    recent = recent_weeks(short, recorded, pd.Series({"home": 1.0}), 1.0)
    np.testing.assert_allclose(recent.mix(range(7)).to_numpy(), 20.0)
    assert "12 days" in recent.source


def test_without_spend_the_mix_is_exposures_times_the_assumed_cost() -> None:
    given = tables(performance=tables().performance.drop(columns="spend"))
    built = build(given, assumptions={"cpm": {"*": 2.0}, "panel_projection": 10.0})
    monday = built.world.current_spend[0].sum()
    assert monday == pytest.approx(4 * 1000 * 2.0 / 1000 * 10)
    assert built.sources["current mix"].startswith("assumption")
    assert "assumption" in built.sources["price of home"]


def test_supply_follows_weekdays_headroom_and_projection() -> None:
    world = build(tables(), assumptions={"supply_headroom": 2.0, "panel_projection": 3.0}).world
    supply = world.supply
    assert supply[5, 0] / supply[0, 0] == pytest.approx(1.5, rel=0.03)
    daily = 8 / 7 * 2000  # both promotions, one segment, mean over the week
    np.testing.assert_allclose(supply.mean(axis=0), daily * 2 * 3, rtol=0.05)
    np.testing.assert_allclose(world.segment_size, [3000.0, 9000.0])


def test_a_placements_own_supply_is_shared_as_impressions_were_else_by_size() -> None:
    placements = tables().placements.assign(daily_supply=[8000.0, 4000.0])
    world = build(tables(placements=placements)).world
    by_pool = {
        (world.catalog.placement_ids[k], world.catalog.segment_ids[s]): value
        for (k, s), value in zip(world.catalog.pools, world.supply.mean(axis=0), strict=True)
    }
    assert by_pool["home", "new"] == pytest.approx(4000.0, rel=0.02)
    assert by_pool["email", "new"] == pytest.approx(1000.0, rel=0.02)
    assert by_pool["email", "loyal"] == pytest.approx(3000.0, rel=0.02)


def test_clicks_priced_placements_convert() -> None:
    placements = tables().placements.assign(cpc=[0.5, np.nan])
    built = build(tables(placements=placements))
    np.testing.assert_allclose(built.world.unit_cost, 0.5 * 0.1)


def test_rates_carry_the_spread_of_both_stages() -> None:
    stages = build(tables()).world.rates.stages
    for stage, rate, shared in zip(stages, (0.1, 0.05), (0.3, 0.2), strict=True):
        np.testing.assert_allclose(stage.rate, rate)
        np.testing.assert_allclose(stage.shared_sd, shared, rtol=1e-6)
        np.testing.assert_allclose(stage.own_sd, 0.1, rtol=1e-6)


def test_an_observed_value_per_conversion_overrides_the_price() -> None:
    performance = tables().performance.assign(conversion_value=45.0)
    built = build(tables(performance=performance))
    np.testing.assert_allclose(built.world.catalog.conversion_value[:2], 9.0)
    assert built.sources["conversion_value"].startswith("data")


def test_a_price_that_is_not_given_is_told_by_what_customers_paid() -> None:
    performance = tables().performance.assign(conversion_value=45.0)
    promotions = tables().promotions.drop(columns="price").assign(discount=[0.25, 0.0, 0.0])
    built = build(tables(performance=performance, promotions=promotions), assumptions={"price": 7})
    np.testing.assert_allclose(built.world.catalog.price, [12.0, 9.0, 7.0])
    said = built.sources["price"]
    assert said.startswith("estimate: value per conversion")
    assert said.endswith("assumption: 7 (config, assumptions.price) where missing")


def test_dates_of_a_promotion_decide_when_it_is_live() -> None:
    promotions = tables().promotions.assign(
        start_date=pd.to_datetime([None, "2025-03-05", None]),
        end_date=pd.to_datetime(["2025-03-04", None, "2025-02-01"]),
    )
    world = build(tables(promotions=promotions)).world
    assert world.catalog.promotion_ids == ("a", "b")
    live = [world.live[:, world.catalog.promotion == p].all(axis=1).tolist() for p in (0, 1)]
    assert live == [[True] * 2 + [False] * 5, [False] * 2 + [True] * 5]


def test_too_many_promotions_are_cut_by_exposure_and_new_ones_stay() -> None:
    performance = tables().performance
    more = performance["promotion_id"] == "b"
    performance = performance.assign(
        impressions=performance["impressions"].where(~more, performance["impressions"] * 2)
    )
    flight = {"start": START.isoformat(), "days": 7, "max_promotions": 2}
    world = build(tables(performance=performance), flight=flight).world
    assert world.catalog.promotion_ids == ("b", "c")


@pytest.mark.parametrize(
    ("change", "sections", "message"),
    [
        ({"end_date": pd.to_datetime(["2025-01-01"] * 3)}, {}, "no promotion runs between"),
        ({}, {"performance": "empty"}, "impressions on 0 days; calibration needs at least 7"),
    ],
)
def test_a_flight_without_anything_to_fund_is_refused(
    change: dict, sections: dict, message: str
) -> None:
    given = tables(promotions=tables().promotions.assign(**change))
    if sections:
        given = tables(performance=given.performance.assign(impressions=0))
    with pytest.raises((ConfigError, MarketError), match=message):
        build(given)


def test_outcomes_that_some_rows_lack_change_no_money_and_no_supply() -> None:
    """Days of an export without outcomes still were shown and paid for."""
    full = tables().performance.assign(conversion_value=45.0, subsidy=4.0)
    lacking = full.copy()
    lacking[["clicks", "conversions"]] = lacking[["clicks", "conversions"]].astype(float)
    lacking.loc[::3, ["clicks", "conversions", "conversion_value", "subsidy"]] = np.nan
    before, after = build(tables(performance=full)), build(tables(performance=lacking))
    np.testing.assert_allclose(after.world.supply, before.world.supply)
    np.testing.assert_allclose(after.world.current_spend, before.world.current_spend)
    np.testing.assert_allclose(after.world.initial.fatigue, before.world.initial.fatigue)
    for name in ("conversion_value", "unit_subsidy"):
        np.testing.assert_allclose(
            getattr(after.world.catalog, name), getattr(before.world.catalog, name)
        )


def test_value_counts_only_where_its_conversions_are_known() -> None:
    performance = tables().performance.assign(conversion_value=45.0)
    performance["conversions"] = performance["conversions"].astype(float)
    performance.loc[performance["date"] < "2025-02-03", "conversions"] = np.nan
    built = build(tables(performance=performance))
    np.testing.assert_allclose(built.world.catalog.conversion_value[:2], 9.0)


def test_a_line_item_whose_outcomes_nobody_recorded_is_known_by_others_only() -> None:
    performance = tables().performance
    is_b = performance["promotion_id"] == "b"
    for name in ("clicks", "conversions"):
        performance[name] = performance[name].where(~is_b)
    items = build(tables(performance=performance)).items
    basis = items.groupby("promotion_id")["basis"].unique().str[0].to_dict()
    assert basis == {"a": "data", "b": "prior", "c": "prior"}


@pytest.mark.parametrize("column", ["absent", "empty", "only in the flight", "only before the fit"])
def test_a_plan_needs_conversions(column: str) -> None:
    performance = tables().performance
    flight = {"start": "2025-02-20", "days": 7}
    if column == "absent":
        performance = performance.drop(columns="conversions")
    else:
        kept = {
            "empty": performance["date"] > "2026-01-01",
            "only in the flight": performance["date"] >= "2025-02-20",
            "only before the fit": performance["date"] < "2025-01-20",
        }
        performance["conversions"] = performance["conversions"].where(kept[column])
    given = tables(performance=performance)
    config = make_config({"flight": flight, "split": {"fit_from": "2025-01-20"}})
    dates = resolve_dates(config, performance)
    with pytest.raises(
        DataError, match=r"conversions is needed by a plan.* no row from 2025-01-20"
    ):
        require_conversions(given, dates)
    require_conversions(tables(), dates)


class Clicks(Fixed):
    """Has learnt from clicks alone."""

    def predict(self, rows) -> Prediction:
        both = super().predict(rows)
        return Prediction(ctr=both.ctr, ctr_se=both.ctr_se)


def test_a_predictor_of_clicks_alone_is_refused_by_name() -> None:
    given = tables()
    config = make_config({"flight": {"start": START.isoformat(), "days": 7}})
    with pytest.raises(DataError, match=r"conversions is needed.* has learnt from clicks alone"):
        build_world(given, Clicks(), config, resolve_dates(config, given.performance))


def test_without_a_current_mix_the_budget_must_be_given() -> None:
    given = tables(performance=tables().performance.assign(spend=0.0))
    with pytest.raises(ConfigError, match="there is no budget"):
        build(given)
    assert build(given, budget={"total": 100.0}).world.budget == 100.0


def test_under_the_current_mix_the_market_repeats_the_rates_it_was_learnt_from() -> None:
    """Audiences were tired while rates were learnt; counting that again would lose conversions."""
    market = Market(build(tables()).world, expected=True)
    market.reset_to_mean()
    assert (market.fatigue > 1).any()
    shown = converted = 0.0
    while not market.done:
        day = market.step(market.world.current_mix[market.day][None])
        shown, converted = shown + day.impressions.sum(), converted + day.conversions.sum()
    assert converted / shown == pytest.approx(0.1 * 0.05, rel=0.1)


@pytest.mark.parametrize(
    ("key", "value", "law"),
    [
        ("drift_sd", 0.03, "drift_sd"),
        ("fatigue_exponent", 0.3, "fatigue_exponent"),
        ("price_sd", 0.1, "price_sd"),
        ("supply_level_sd", 0.2, "supply_level_sd"),
        ("reach_sd", 0.4, "reach_sd"),
        ("trend_sd", 0.01, "trend_sd"),
        ("shock_probability", 0.01, "shock_probability"),
    ],
)
def test_what_the_config_says_of_the_market_holds(key: str, value: float, law: str) -> None:
    built = build(tables(), market={key: value})
    np.testing.assert_allclose(getattr(built.world.dynamics, law), value)
    if key not in ("shock_probability",):
        assert any(f"market.{key}" in source for source in built.sources.values())


def test_a_slope_without_its_curve_is_refused() -> None:
    with pytest.raises(ConfigError, match="set saturation to hill too"):
        build(tables(), market={"hill_slope": 1.4})
    curve = build(tables(), market={"saturation": "hill", "hill_slope": 1.4}).world.dynamics
    assert (curve.saturation.family, curve.saturation.slope) == ("hill", 1.4)


def test_the_default_budget_holds_discounts_where_it_pays_them() -> None:
    media = build(tables()).world.budget
    both = build(tables(), budget={"covers": "spend_and_subsidy"}).world
    assert both.covers == ("spend", "subsidy")
    assert both.budget > media


def test_a_number_that_is_stated_is_known_unless_its_spread_is_stated_too() -> None:
    known = build(tables(), market={"fatigue_exponent": 0.3, "delay_slow_days": 2.0}).world.dynamics
    assert (known.fatigue_exponent, known.fatigue_exponent_sd) == (0.3, 0.0)
    assert (known.delay.slow_days, known.delay.slow_days_sd) == (2.0, 0.0)
    assert known.delay.fast_share_sd > 0
    market = {"fatigue_exponent": 0.3, "fatigue_exponent_sd": 0.1}
    assert build(tables(), market=market).world.dynamics.fatigue_exponent_sd == 0.1
