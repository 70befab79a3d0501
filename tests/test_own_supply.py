"""Line items with prices and impressions of their own, as campaigns of paid search have."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.agents.replanner import Replanner
from promopilot.envs import response
from promopilot.envs.market import Market
from promopilot.experiments.backtest.run import judged
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import make_config
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tables import Tables
from promopilot.experiments.world_builder import BuiltWorld
from tests.test_backtest import Averages
from tests.test_world_builder import Fixed, build, tables

DAYS = pd.date_range("2025-01-06", "2025-03-02")
# impressions a day, CTR, money per click, CVR, share of the searches in which it was shown
CAMPAIGNS = {
    "brand": (400, 0.3, 0.2, 0.1, 0.9),
    "generic": (8000, 0.03, 1.5, 0.03, 0.3),
    "rival": (1500, 0.02, 3.0, 0.02, 0.5),
    "late": (3000, 0.04, 0.8, 0.03, 0.4),  # starts when half of the days are over
}


def account() -> Tables:
    """Eight weeks of four search campaigns, and one that has not run."""
    rng = np.random.default_rng(1)
    rows = []
    for number, day in enumerate(DAYS):
        dear = np.exp(rng.normal(0, 0.1))
        for name, (usual, ctr, cpc, cvr, share) in CAMPAIGNS.items():
            if name == "late" and number < 28:
                continue
            shown = int(rng.poisson(usual * np.exp(rng.normal(0, 0.15))))
            clicks = rng.binomial(shown, ctr)
            orders = rng.binomial(clicks, cvr)
            paid = round(clicks * cpc * dear, 2)
            rows.append((day, name, "search", "all", shown, clicks, orders, paid, shown / share))
    columns = "date promotion_id placement_id segment_id impressions clicks conversions spend"
    names = [*CAMPAIGNS, "new"]
    return tables(
        promotions=pd.DataFrame(
            {"promotion_id": names, "text": names, "price": 50.0, "margin": 0.5, "discount": 0.0}
        ),
        placements=pd.DataFrame(
            {"placement_id": ["search"], "text": ["Search"], "own_supply": [1.0]}
        ),
        segments=pd.DataFrame({"segment_id": ["all"], "text": ["All"]}),
        performance=pd.DataFrame(rows, columns=[*columns.split(), "eligible_impressions"]),
    )


@pytest.fixture(scope="module")
def built() -> BuiltWorld:
    return build(account())


def daily(built: BuiltWorld) -> dict[str, float]:
    """Impressions that each campaign can have on an average day of the flight."""
    world = built.world
    reach = world.reach_share * world.supply.mean(axis=0)[world.catalog.pool]
    return dict(zip(built.items["promotion_id"], reach, strict=True))


def test_each_campaign_costs_what_it_did_at_what_it_bought(built: BuiltWorld) -> None:
    world, reach = built.world, daily(built)
    for at, name in enumerate(built.items["promotion_id"]):
        if name == "new":
            continue
        usual, ctr, cpc, _, _ = CAMPAIGNS[name]
        given = np.array([min(usual, 0.95 * reach[name])]), world.unit_cost[[at]]
        money = response.cost(*given, np.array([reach[name]]), world.dynamics.saturation)[0]
        assert money / given[0][0] == pytest.approx(ctr * cpc, rel=0.2), name
    assert "each line item's own" in built.sources["price of search"]


def test_what_one_campaign_can_have_is_no_other_s(built: BuiltWorld) -> None:
    found = daily(built)
    for name, (usual, *_, share) in CAMPAIGNS.items():
        assert found[name] == pytest.approx(usual / share, rel=0.15), name
    others = [found[name] for name in CAMPAIGNS]
    assert min(others) < found["new"] < max(others)  # the median, as nothing is known of it
    assert "eligible impressions" in built.sources["own supply"]


def test_no_budget_makes_the_brand_be_searched_for_more_often(built: BuiltWorld) -> None:
    world = replace(built.world, budget=50 * built.world.budget)
    market = Market(world)
    market.reset(0, np.arange(8))
    policy, brand = Replanner(world), list(built.items["promotion_id"]).index("brand")
    shown = np.zeros(8)
    for _ in range(built.world.days):
        shown += market.step(policy.spend(market)).impressions[:, brand]
    assert shown.mean() / built.world.days < 1.3 * 400 / 0.9


def test_without_impression_shares_there_is_room_for_the_stated_headroom() -> None:
    given = account()
    rows = given.performance.drop(columns="eligible_impressions")
    built = build(replace(given, performance=rows), assumptions={"supply_headroom": 2.0})
    for name, (usual, *_) in CAMPAIGNS.items():
        assert daily(built)[name] == pytest.approx(2 * usual, rel=0.15), name
    assert "x 2 (assumption: supply_headroom)" in built.sources["own supply"]


def test_where_supply_is_shared_all_can_have_it_all() -> None:
    given = account()
    shared = replace(given, placements=given.placements.drop(columns="own_supply"))
    found = daily(build(shared))
    assert found["brand"] == pytest.approx(found["generic"])
    assert "own supply" not in build(shared).sources


def with_video(name: str, **columns: object) -> Tables:
    """The account with one campaign on a second placement; more columns for its placements."""
    given = account()
    both = pd.DataFrame({"placement_id": ["search", "video"], "text": "", "own_supply": 1.0})
    rows = given.performance.copy()
    rows.loc[rows["promotion_id"] == name, "placement_id"] = "video"
    return replace(given, placements=both.assign(**columns), performance=rows)


def with_ends(given: Tables, ended: list[str]) -> Tables:
    """These campaigns end with the recorded days."""
    ends = given.promotions["promotion_id"].map(dict.fromkeys(ended, DAYS[-1]))
    return replace(given, promotions=given.promotions.assign(end_date=pd.to_datetime(ends)))


def test_a_campaign_that_ran_elsewhere_is_not_offered_here() -> None:
    items = build(with_video("rival")).items
    where = items.groupby("promotion_id")["placement_id"].agg(set).to_dict()
    assert where["rival"] == {"video"}
    assert where["brand"] == {"search"}
    assert where["new"] == {"search", "video"}


def test_a_new_campaign_can_have_what_ended_ones_had() -> None:
    built = build(with_ends(with_video("generic"), ["generic"]))
    items, world = built.items, built.world
    reach = world.reach_share * world.supply.mean(axis=0)[world.catalog.pool]
    new_on_video = (items["promotion_id"] == "new") & (items["placement_id"] == "video")
    assert reach[new_on_video] == pytest.approx(8000 / 0.3, rel=0.15)


def test_a_placement_that_is_said_to_have_nothing_is_not_offered() -> None:
    items = build(with_video("rival", daily_supply=[np.nan, 0.0])).items
    assert set(items["placement_id"]) == {"search"}
    assert "rival" not in set(items["promotion_id"])


def test_where_no_campaign_can_be_shown_anywhere_the_flight_is_refused() -> None:
    given = with_video("rival", daily_supply=[np.nan, 0.0])
    with pytest.raises(ConfigError, match="there is nothing to buy"):
        build(with_ends(given, ["brand", "generic", "late", "new"]))


def test_a_day_s_total_that_the_table_states_is_kept_to() -> None:
    given = account()
    placements = given.placements.assign(daily_supply=10_000.0)
    world = build(replace(given, placements=placements)).world
    assert world.supply.mean() == pytest.approx(10_000, rel=0.05)


def test_a_day_s_total_that_was_only_estimated_cuts_nobody_short() -> None:
    given = account()
    stated = replace(
        given,
        placements=given.placements.assign(daily_supply=1000.0),
        sources={"placements.daily_supply": "estimate: busy days"},
    )
    assert daily(build(stated))["generic"] == pytest.approx(8000 / 0.3, rel=0.15)


def test_a_campaign_alone_with_its_audience_is_offered_after_a_pause() -> None:
    given = account()
    rows = given.performance.copy()
    brand = rows["promotion_id"] == "brand"
    rows.loc[brand, "segment_id"] = "fans"
    paused = brand & (rows["date"] > DAYS[-36])
    both = pd.DataFrame({"segment_id": ["all", "fans"], "text": ["All", "Fans"]})
    built = build(replace(given, segments=both, performance=rows[~paused]))
    items = built.items.set_index("promotion_id")["segment_id"]
    assert items["brand"] == "fans"
    assert daily(built)["brand"] == pytest.approx(400 / 0.9, rel=0.2)
    assert set(items["new"]) == {"all", "fans"}


def test_where_single_days_vary_widely_the_sum_of_what_was_paid_is_met() -> None:
    given = account()
    rows = given.performance.copy()
    rows["spend"] *= np.exp(np.random.default_rng(2).normal(0, 0.6, len(rows)))
    built = build(replace(given, performance=rows))
    world, reach = built.world, daily(built)
    paid = rows.groupby("promotion_id")["spend"].sum()
    asked = 0.0
    for at, name in enumerate(built.items["promotion_id"]):
        if name != "new":
            shown = rows.loc[rows["promotion_id"] == name, "impressions"].to_numpy(dtype=float)
            shown = np.minimum(shown, 0.95 * reach[name])
            of = np.full(len(shown), reach[name])
            asked += response.cost(
                shown, np.full(len(shown), world.unit_cost[at]), of, world.dynamics.saturation
            ).sum()
    assert asked == pytest.approx(paid.sum(), rel=0.05)


@pytest.mark.parametrize(("source", "kept"), [("data", True), ("estimate: from spend", False)])
def test_a_price_that_was_only_estimated_yields_to_what_was_paid(source: str, kept: bool) -> None:
    given = account()
    stated = replace(
        given, placements=given.placements.assign(cpm=7.0), sources={"placements.cpm": source}
    )
    assert np.allclose(build(stated).world.unit_cost, 0.007) is kept


def miss(given: Tables) -> float:
    """Mean miss of the last 14 days' orders by campaign, as a share of them."""
    given = replace(given, promotions=given.promotions[given.promotions["promotion_id"] != "new"])
    cut = DAYS[-14]
    config = make_config({"backtest": {"flights": 64}})
    then = make_config(
        {"flight": {"start": cut.date().isoformat(), "days": 14}, "budget": {"total": 1.0}}
    )
    before = replace(given, performance=given.performance[given.performance["date"] < cut])
    host = Averages(given, cut)
    return judged(before, given, host, then, cut.date(), config)["wape_by_promotion"]


def test_the_last_weeks_of_every_campaign_are_foreseen_from_its_spend() -> None:
    given = account()
    assert miss(given) < 0.25
    one_price = replace(
        given, placements=given.placements.assign(cpc=1.0), sources={"placements.cpc": "data"}
    )
    assert miss(one_price) > 0.4


class ByPromotion(Fixed):
    """Predicts 1 % clicks, and 4 % for the brand."""

    def predict(self, rows):
        plain = super().predict(rows)
        brand = rows.promotion == list(CAMPAIGNS).index("brand")
        return replace(plain, ctr=np.where(brand, 0.04, 0.01))


def test_a_price_per_click_costs_each_line_item_its_own_click_rate(monkeypatch) -> None:
    given = account()
    bare = replace(
        given,
        placements=given.placements.assign(cpc=0.5),
        performance=given.performance.drop(columns="spend"),
    )
    monkeypatch.setattr("tests.test_world_builder.Fixed", ByPromotion)
    built = build(bare, budget={"total": 1000.0})
    cost = dict(zip(built.items["promotion_id"], built.world.unit_cost, strict=True))
    assert cost["brand"] == pytest.approx(0.5 * 0.04)
    assert cost["generic"] == pytest.approx(0.5 * 0.01)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "placements.csv",
            "placement_id,text,own_supply\nhome,Home,maybe\n",
            "placements.csv, row 2, column own_supply: 'maybe' must be true or false",
        ),
        (
            "performance.csv",
            "date,promotion_id,impressions,eligible_impressions\n2025-01-06,a,10,9\n",
            "must not be less than impressions",
        ),
    ],
)
def test_wrong_cells_are_named(tmp_path: Path, file: str, text: str, said: str) -> None:
    (tmp_path / "promotions.csv").write_text("promotion_id,text\na,Pizza\n")
    (tmp_path / file).write_text(text)
    result = CliRunner().invoke(app, ["data", "check", str(tmp_path)])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
