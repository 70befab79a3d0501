"""The made-up shop: its tables are in order, and everything said to be true of it is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.special import expit, logit
from typer.testing import CliRunner

from promopilot.envs import response
from promopilot.envs.dynamics import Delay
from promopilot.envs.market import Market
from promopilot.envs.response import Saturation
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.atomic import digests
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import make_config
from promopilot.experiments.config_comments import comments_of
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.sources.synthetic import build as source
from promopilot.experiments.sources.synthetic import tables as shop_tables
from promopilot.experiments.sources.synthetic.build import build
from promopilot.experiments.sources.synthetic.places import placements, segments
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings
from promopilot.experiments.sources.synthetic.texts import STAGES, draw_copy
from promopilot.experiments.tables import Tables, check_tables, read_tables

ITEM = ["promotion_id", "placement_id", "segment_id"]
# Everything that moves is on.
LIVELY = SyntheticSettings(
    promotions=8,
    placements=3,
    segments=2,
    days=60,
    flight_days=10,
    new=0.2,
    drift_sd=0.03,
    shock_probability=0.005,
    stock_days=0.0,
    stocked=0.5,
)


@dataclass(frozen=True)
class Built:
    folder: Path
    settings: SyntheticSettings

    @property
    def tables(self) -> Tables:
        return read_tables(self.folder)

    @property
    def readings(self) -> pd.DataFrame:
        rows = pd.read_csv(self.folder / "performance.csv", parse_dates=["date", "as_of"])
        return rows.assign(age=(rows["as_of"] - rows["date"]).dt.days)

    @property
    def world(self) -> World:
        return load_world(self.folder / "truth" / "world")

    @property
    def parameters(self) -> dict[str, Any]:
        truth = json.loads((self.folder / "truth" / "truth.json").read_text())
        return {name: part["value"] for name, part in truth["parameters"].items()}

    def truth(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "truth" / f"{name}.parquet")


def built(folder: Path, settings: SyntheticSettings, seed: int = 0) -> Built:
    build(folder, settings, seed)
    return Built(folder, settings)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return built(tmp_path_factory.mktemp("shop") / "data", LIVELY, seed=4)


def changed(**values: Any) -> SyntheticSettings:
    return SyntheticSettings.model_validate(LIVELY.model_dump() | values)


# ---- the tables ----


def test_tables_are_in_order_and_as_large_as_asked_for(shop: Built) -> None:
    report = check_tables(shop.folder)
    assert report.problems == []
    assert any("truth" in note and "ignored" in note for note in report.notes)
    tables = shop.tables
    assert [len(t) for t in (tables.promotions, tables.placements, tables.segments)] == [8, 3, 2]
    assert tables.performance["date"].nunique() == 60
    assert tables.promotions["text"].is_unique
    assert len(tables.lift_tests) == 1 + 1  # a quarter of the seven that ran, and a placement
    assert len(tables.events) == 4
    last = tables.performance["date"].max()
    assert (tables.events["date"] > last).sum() == 1
    starts = tables.promotions["start_date"]
    assert (starts > last).sum() == 1  # the new one, without a history
    assert not set(tables.promotions["promotion_id"][starts > last]) & set(
        tables.performance["promotion_id"]
    )


def test_spend_varies_tenfold(shop: Built) -> None:
    spend = shop.truth("books")["spend"]
    assert spend.quantile(0.95) / spend.quantile(0.05) > 10
    usual = shop.truth("curves")["usual_spend"]
    assert usual[usual > 0].max() / usual[usual > 0].min() > 4


def test_promotions_run_only_between_their_dates(shop: Built) -> None:
    rows = shop.tables.performance.merge(shop.tables.promotions, on="promotion_id")
    assert not (rows["date"] < rows["start_date"]).any()
    assert not (rows["date"] > rows["end_date"]).any()
    assert rows["end_date"].notna().any()


def test_texts_say_what_is_offered() -> None:
    copies = draw_copy(300, np.random.default_rng(1))
    assert len({copy.text for copy in copies}) == 300
    for copy in copies:
        assert copy.product in copy.text.lower()
        assert not copy.discount or f"{100 * copy.discount:.0f}%" in copy.text
        assert not copy.text[0].islower()
        assert "{" not in copy.text


def test_there_are_placements_and_segments_of_any_number() -> None:
    for made in (placements(200), segments(200)):
        assert len({one.id for one in made}) == len({one.text for one in made}) == 200
        assert len({one.click for one in made}) > 10


# ---- the truth ----


def test_books_and_readings_agree(shop: Built) -> None:
    latest, books = shop.tables.performance, shop.truth("books")
    assert len(latest) == len(books)
    assert latest[ITEM].to_numpy().tolist() == books[ITEM].to_numpy().tolist()
    for name in ("impressions", "clicks", "conversions"):
        assert (latest[name] == books[name]).all()
    assert np.allclose(latest["spend"], books["spend"], atol=0.0051)
    money = latest.merge(shop.tables.promotions, on="promotion_id")
    paid = money["conversions"] * (money["price"] - money["unit_subsidy"])
    assert np.allclose(money["conversion_value"], paid, atol=0.0051)
    assert np.allclose(money["subsidy"], money["conversions"] * money["unit_subsidy"], atol=0.0051)


def test_stock_is_what_was_there_less_what_was_sold(shop: Built) -> None:
    start = shop.truth("promotions").set_index("promotion_id")["stock_at_start"].dropna()
    sold = shop.truth("books").groupby("promotion_id")["conversions"].sum()
    left = shop.tables.promotions.set_index("promotion_id")["stock"].dropna()
    assert len(start) in (3, 4)  # half of eight; the new one has no stock to run down
    assert shop.truth("books")["lost"].sum() > 0
    assert (start - sold.reindex(start.index) == left.reindex(start.index)).all()
    world = shop.world
    finite = np.isfinite(world.catalog.stock)
    assert (world.catalog.stock[finite] == left.reindex(world.catalog.promotion_ids)[finite]).all()


@pytest.mark.parametrize("family", ["exponential", "michaelis_menten", "hill"])
def test_impressions_are_those_of_the_curve_at_the_day_s_price(
    family: str, shop: Built, tmp_path: Path
) -> None:
    if family != "exponential":
        shop = built(tmp_path / "data", changed(saturation=family, days=20))
    rows = shop.tables.performance.assign(date=lambda t: t["date"].dt.strftime("%Y-%m-%d"))
    rows = rows.merge(shop.truth("pools")).merge(shop.truth("curves"), on=ITEM)
    slope = shop.settings.hill_slope if family == "hill" else 1.0
    assert rows["family"].eq(family).all()
    assert rows["slope"].eq(slope).all()
    cost = (rows["unit_cost"] * rows["price_factor"]).to_numpy()
    reach = (rows["reach_share"] * rows["supply"]).to_numpy()
    given = (cost, reach, Saturation(family, slope))
    bounds = [
        response.impressions(rows["spend"].to_numpy() + off, *given) for off in (-0.0051, 0.0051)
    ]
    assert (rows["impressions"] > bounds[0] - 1).all()
    assert (rows["impressions"] < bounds[1] + 1).all()
    bought = rows.groupby(["date", "placement_id", "segment_id"])
    assert (bought["impressions"].sum() <= bought["supply"].first()).all()


def standing(shop: Built) -> pd.DataFrame:
    """Books with the true rates of their day and the factor of fatigue."""
    rows = shop.truth("books").merge(shop.truth("rates"), on=["date", *ITEM])
    return rows.merge(shop.truth("fatigue"), on=["date", "promotion_id", "segment_id"])


def scores(rows: pd.DataFrame, trials: str, events: pd.Series, rate: pd.Series) -> np.ndarray:
    """How many standard errors each line item lies from its truth."""
    counted = rows[ITEM].assign(
        events=events, mean=rows[trials] * rate, variance=rows[trials] * rate * (1 - rate)
    )
    total = counted.groupby(ITEM).sum()
    total = total[total["variance"] > 10]
    assert len(total) > 20
    return ((total["events"] - total["mean"]) / np.sqrt(total["variance"])).to_numpy()


def test_clicks_and_conversions_come_from_the_true_rates(shop: Built) -> None:
    rows = standing(shop)
    demand = rows["conversions"] + rows["lost"]
    for z in (
        scores(rows, "impressions", rows["clicks"], rows["ctr"] * rows["factor"]),
        scores(rows, "clicks", demand, rows["cvr"]),
    ):
        assert np.abs(z).max() < 4
        assert 0.6 < z.std() < 1.4


def test_where_no_clicks_are_recorded_conversions_come_from_the_one_true_rate(
    tmp_path: Path,
) -> None:
    bare = built(tmp_path / "data", changed(clicks=False, delay=False))
    assert "clicks" not in bare.tables.performance
    assert "as_of" not in bare.tables.performance
    assert check_tables(bare.folder).problems == []
    rows = standing(bare)
    assert "ctr" not in rows
    z = scores(
        rows, "impressions", rows["conversions"] + rows["lost"], rows["ctcvr"] * rows["factor"]
    )
    assert np.abs(z).max() < 4
    assert 0.6 < z.std() < 1.4
    assert not bare.world.rates.has_clicks
    assert bare.world.initial.pending.sum() == 0


def test_rates_are_the_sum_of_the_effects_that_the_truth_names(tmp_path: Path) -> None:
    still = built(
        tmp_path / "data",
        changed(drift_sd=0, shock_probability=0, rate_walk_sd=0, text_effect=0.5, days=14),
    )
    numbers, promotions = still.parameters, still.truth("promotions")
    rates = still.truth("rates").merge(promotions, on="promotion_id")
    rates = rates.merge(still.truth("curves"), on=ITEM, suffixes=("", "_item"))
    base = {"click": ("rates.click", "ctr"), "conversion": ("rates.conversion", "cvr")}
    for stage in STAGES:
        effect = numbers[f"text.{stage}"]
        total = logit(numbers[base[stage][0]]) + rates["discount"] * effect["discount"]
        for part in ("category", "offer", "urgency", "tone"):
            total = total + (part + "=" + rates[part]).map(effect)
        total = total + rates["placement_id"].map(numbers[f"placements.{stage}"])
        total = total + rates["segment_id"].map(numbers[f"segments.{stage}"])
        total = total + rates[f"{stage}_own"] + rates[f"{stage}_own_item"]
        if stage == "click":
            total = total + pd.to_datetime(rates["date"]).dt.day_name().map(
                numbers["rates.weekday_click"]
            )
        name = base[stage][1]
        assert np.allclose(rates[f"{name}_log_odds"], total, atol=1e-9)
        assert np.allclose(rates[name], expit(total), atol=1e-12)


def test_readings_rise_and_follow_the_law_of_the_delay(tmp_path: Path) -> None:
    shop = built(tmp_path / "data", changed(daily_supply=20_000, segment_size=1e6, stocked=0))
    rows = shop.readings
    settings, delay = shop.settings, shop.world.dynamics.delay
    assert delay == Delay(
        settings.delay_fast_share, settings.delay_fast_days, settings.delay_slow_days
    )
    wide = rows.pivot(index=["date", *ITEM], columns="age", values="conversions")
    recent = wide.dropna()
    assert list(wide.columns) == [*settings.readings, settings.settled_days]
    assert recent.index.get_level_values("date").nunique() == settings.settled_days
    assert wide[settings.settled_days].notna().all()
    assert (np.diff(recent.to_numpy(), axis=1) >= 0).all()
    booked = recent[settings.settled_days].sum()
    assert booked > 20_000
    for age in settings.readings:
        share, true = recent[age].sum() / booked, float(delay.seen(np.array(age)))
        assert abs(share - true) < 4 * np.sqrt(true * (1 - true) / booked)
    # What is pending when the flight starts lies between the readings before and after that day.
    flight = pd.Timestamp(shop.world.start)
    age = (flight - rows["date"]).dt.days
    known, later = rows[rows["age"] <= age], rows[rows["age"] >= age]
    pending = pd.Series(
        shop.world.initial.pending.sum(axis=0), index=pd.MultiIndex.from_frame(item_ids(shop))
    )
    total = wide[settings.settled_days]
    seen_before = known.groupby(["date", *ITEM])["conversions"].max().reindex(total.index).fillna(0)
    seen_after = later.groupby(["date", *ITEM])["conversions"].min().reindex(total.index)
    most, least = ((total - seen).groupby(ITEM).sum() for seen in (seen_before, seen_after))
    assert (pending.reindex(most.index) <= most).all()
    assert (pending.reindex(least.index) >= least).all()
    assert pending.sum() > 0


def item_ids(shop: Built) -> pd.DataFrame:
    return shop.truth("curves")[ITEM]


def test_supply_has_the_weekday_factors_and_events_that_the_truth_names(tmp_path: Path) -> None:
    calm = built(tmp_path / "data", changed(supply_sd=0.01, supply_walk_sd=0.0, supply_trend=0.0))
    pools = calm.truth("pools")
    level = pools["placement_id"] + " x " + pools["segment_id"]
    factor = pools["date"].map(calm.parameters["events"]).fillna(1.0)
    relative = pools["supply"] / level.map(calm.parameters["supply.level"]) / factor
    weekday = pd.to_datetime(pools["date"]).dt.day_name()
    for day, true in calm.parameters["supply.weekday"].items():
        assert relative[weekday == day].mean() == pytest.approx(true, rel=0.01)
    assert factor.gt(1).any()


def test_lift_tests_measure_what_is_true(shop: Built, tmp_path: Path) -> None:
    many = built(tmp_path / "data", changed(days=14, lift_tests=6, placement_lift_tests=3))
    truth = json.loads((many.folder / "truth" / "truth.json").read_text())["lift_tests"]
    assert len(truth) == 9
    caused = many.parameters["incrementality"]
    for test in truth:
        assert abs(test["incrementality"] - test["truth"]) < 4 * test["se"]
        if test["promotion_id"]:
            assert test["truth"] == caused[test["promotion_id"]]
        else:
            assert min(caused.values()) < test["truth"] < max(caused.values())
    assert len(many.tables.lift_tests) == 9
    assert "incrementality" not in many.tables.promotions  # tests are how one learns of it


def test_the_world_of_the_flight_goes_on_where_the_history_ended(shop: Built) -> None:
    world, catalog = shop.world, shop.world.catalog
    assert world.start == shop.tables.performance["date"].max().date() + pd.Timedelta(days=1)
    assert world.days == 10
    fatigue = shop.truth("fatigue")
    ahead = fatigue[fatigue["date"] == world.start.isoformat()]
    assert np.array_equal(world.initial.fatigue, ahead["recent_exposures"])
    rates = shop.truth("rates")
    coming = rates[rates["date"] >= world.start.isoformat()]
    assert np.allclose(world.rates.first.ravel(), coming["ctr"])
    assert np.allclose(world.rates.second.ravel(), coming["cvr"])
    for stage in world.rates.stages:
        assert not stage.shared_sd.any()
        assert not stage.own_sd.any()
    pools = shop.truth("pools")
    last = (
        pools[pools["date"] == pools["date"].max()].groupby("placement_id")["price_factor"].first()
    )
    price = np.exp(world.initial.log_price - world.dynamics.price_sd**2 / 2)
    assert np.allclose(price, last.reindex(catalog.placement_ids))
    assert world.budget == pytest.approx(world.current_mix.sum(), abs=0.01)
    market = Market(world)
    market.reset(1, np.arange(2))
    while not market.done:
        outcome = market.step(np.tile(world.current_mix[market.day], (2, 1)))
    assert outcome.spend.sum() > 0


def test_the_log_tells_the_true_worth_of_what_was_chosen(shop: Built) -> None:
    log, worth = shop.truth("log"), shop.truth("log_q")
    assert log["decision_id"].is_unique
    assert log["propensity"].between(0, 1, inclusive="right").all()
    assert set(log["action"]) <= {*shop.tables.promotions["promotion_id"], "none"}
    chosen = log.merge(worth, on=["decision_id", "action"], validate="one_to_one")
    assert len(chosen) == len(log)
    luck = chosen["reward"] - chosen["q"]
    assert abs(luck.mean()) < 4 * luck.std() / np.sqrt(len(luck))


def test_every_parameter_has_a_unit(shop: Built) -> None:
    truth = json.loads((shop.folder / "truth" / "truth.json").read_text())
    assert truth["settings"] == LIVELY.model_dump(mode="json")
    assert all(part["unit"] for part in truth["parameters"].values())
    assert {"fatigue.exponent", "delay.slow_days", "price.cpm", "text.click"} <= set(
        truth["parameters"]
    )


# ---- building ----


def test_the_same_seed_gives_the_same_bytes(shop: Built, tmp_path: Path) -> None:
    again = built(tmp_path / "again", LIVELY, seed=4)
    assert digests(again.folder) == digests(shop.folder)
    other = built(tmp_path / "other", changed(days=14), seed=5)
    assert digests(other.folder)["promotions.csv"] != digests(shop.folder)["promotions.csv"]


def test_a_large_table_is_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_tables, "CSV_ROWS", 100)
    large = built(tmp_path / "data", changed(days=14))
    assert (large.folder / "performance.parquet").is_file()
    assert (large.folder / "promotions.csv").is_file()
    assert check_tables(large.folder).problems == []


def test_the_smallest_shop(tmp_path: Path) -> None:
    one = SyntheticSettings(
        promotions=1, placements=1, segments=1, days=14, flight_days=1, events=0, log_flights=0
    )
    folder = built(tmp_path / "data", one).folder
    assert check_tables(folder).problems == []
    assert not (folder / "truth" / "log.parquet").exists()
    assert not (folder / "events.csv").exists()


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(RunFolderError, match="is not an empty folder; name another --out"):
        build(tmp_path, LIVELY)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, stop: type[BaseException]) -> None:
    def interrupt(what: str, share: float) -> None:
        if what.startswith("writing the truth"):
            raise stop

    with pytest.raises(stop):
        build(tmp_path / "data", changed(days=14), progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_shop_that_does_not_fit_into_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_BYTES_PER_CELL", 10**12)
    with pytest.raises(ConfigError, match=r"48 line items x 70 days need about .* GiB of memory"):
        build(tmp_path / "data", LIVELY)
    assert list(tmp_path.iterdir()) == []


def test_a_shop_that_buys_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"buys nothing .* raise `\$\.data\.synthetic\.daily_supply`"
    ):
        build(tmp_path / "data", changed(days=14, daily_supply=0.01))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"promotions": 0}, "greater than or equal to 1"),
        ({"days": 13}, "greater than or equal to 14"),
        ({"lift_tests": 8}, "there are 8 tests of 7 promotions"),
        ({"placement_lift_tests": 4}, "they are 4 and 3"),
        ({"events": 61}, "events must not exceed days, but they are 61 and 60"),
        ({"readings": [3, 1]}, "readings must rise"),
        ({"readings": [1, 40]}, "below settled_days"),
        ({"saturation": "logistic"}, "'exponential', 'michaelis_menten' or 'hill'"),
        ({"spend_noise": float("inf")}, "finite number"),
        ({"promotion": 3}, "Extra inputs"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        changed(**wrong)


def test_a_config_can_ask_for_a_shop() -> None:
    document = {"data": {"build": "synthetic", "synthetic": {"promotions": 3, "days": 30}}}
    config = make_config(document)
    assert (config.data.build, config.data.synthetic.running) == ("synthetic", 3)
    with pytest.raises(ConfigError, match=r"\$\.data\.synthetic.*there are 9 tests of 3"):
        make_config(document, ["data.synthetic.lift_tests=9"])


def test_the_command(tmp_path: Path) -> None:
    sets = ("promotions=3", "days=14", "log_flights=0")
    arguments = [
        "data",
        "build",
        "synthetic",
        "--out",
        str(tmp_path / "d"),
        "--seed",
        "3",
        "--json",
    ]
    for one in sets:
        arguments += ["--set", f"data.synthetic.{one}"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["flight_start"] == "2025-01-20"
    assert summary["seed"] == 3
    assert "truth" in summary["files"]
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "is not an empty folder" in again.stderr


def test_every_setting_says_what_it_is() -> None:
    comments = comments_of(SyntheticSettings)
    assert [name for name in SyntheticSettings.model_fields if not comments.get(name)] == []
