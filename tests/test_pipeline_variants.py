"""Shops of other kinds: each run ends with a plan, valid JSON and a report, or one sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.envs.world_files import load_world
from promopilot.experiments.cli.app import app
from tests.small_shop import write_small_shop

runner = CliRunner()
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_shop(tmp_path_factory.mktemp("variants"))


def some_spend_missing(frames: Frames) -> None:
    frames["performance"].loc[::2, "spend"] = np.nan


def nothing_spent(frames: Frames) -> None:
    frames["performance"]["spend"] = 0.0


def scarce(frames: Frames) -> None:
    frames["promotions"]["stock"] = 30


def losing(frames: Frames) -> None:
    frames["promotions"]["margin"] = 0.0
    frames["promotions"]["discount"] = 0.5


def starts_mid_flight(frames: Frames) -> None:
    frames["promotions"]["start_date"] = [None] * 7 + ["2025-04-25"]


def brand_new(frames: Frames) -> None:
    new = {"promotion_id": "new-1", "text": "全新商品 限时优惠", "price": 9.0, "discount": 0.1}
    frames["promotions"] = pd.concat([frames["promotions"], pd.DataFrame([new])])


def priced_by_click(frames: Frames) -> None:
    frames["placements"]["cpc"] = 0.4
    frames["placements"] = frames["placements"].drop(columns="cpm", errors="ignore")


def one_of_everything(frames: Frames) -> None:
    performance = frames["performance"]
    for name in ("promotion", "placement", "segment"):
        keep = performance[f"{name}_id"].iloc[0]
        performance = performance[performance[f"{name}_id"] == keep]
    frames["performance"] = performance.drop(columns=["placement_id", "segment_id"])
    frames["promotions"] = frames["promotions"].head(1)
    del frames["placements"], frames["segments"]


def same(frames: Frames) -> None:
    """As the example is."""


VARIANTS: list[tuple[str, Callable[[Frames], None], list[str]]] = [
    ("some-spend-missing", some_spend_missing, []),
    ("nothing-spent", nothing_spent, ["budget.total=500"]),
    ("scarce", scarce, []),
    ("losing", losing, []),
    ("starts-mid-flight", starts_mid_flight, []),
    ("brand-new", brand_new, []),
    ("priced-by-click", priced_by_click, []),
    ("one-of-everything", one_of_everything, []),
    ("a-day", same, ["flight.days=1"]),
    ("a-month", same, ["flight.days=31"]),
    ("pennies", same, ["budget.total=0.01"]),
    ("riches", same, ["budget.total=1e9"]),
    ("limits", same, ["budget.per_day_max=20", "budget.per_line_item_max=3.333"]),
    ("revenue", same, ["objective=revenue"]),
    ("conversions", same, ["objective=conversions"]),
    ("profit", same, ["objective=profit"]),
]


@pytest.mark.parametrize(("name", "change", "sets"), VARIANTS, ids=[v[0] for v in VARIANTS])
def test_a_run_ends_with_a_plan_and_a_report(
    name: str, change: Callable[[Frames], None], sets: list[str], shop: Path, tmp_path: Path
) -> None:
    frames = {p.stem: pd.read_csv(p) for p in (shop.parent / "shop" / "data").glob("*.csv")}
    change(frames)
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    for table, frame in frames.items():
        frame.to_csv(data / f"{table}.csv", index=False)
    options = [o for s in [f"data.folder={data}", *sets] for o in ("--set", s)]
    result = runner.invoke(app, ["run", str(shop), "--out", str(run), *options])
    assert result.exit_code == 0, result.stderr

    def no_constant(value: str) -> float:
        raise AssertionError(f"{value} is not JSON")

    for path in run.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=no_constant)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["verdict"] in ("test_first", "insufficient_support")
    assert all(f.get("overspend_max", 0) <= 1e-6 for f in metrics["policies"].values())
    world = load_world(run / "market")
    plan = pd.read_csv(run / "plan.csv")
    by_day = plan.groupby("date")["planned_budget"].sum()
    assert by_day.sum() <= world.budget + 1e-6
    assert (by_day <= world.per_day_max + 1e-6).all()
    assert (plan["planned_budget"] <= world.max_spend.max() + 1e-6).all()
    assert (plan.groupby("date")["current_budget"].sum() <= world.per_day_max + 1e-6).all()
    assert "</html>" in (run / "report.html").read_text(encoding="utf-8")
    if name == "losing":
        assert plan["planned_budget"].sum() == 0
        assert metrics["recommended"] == "replanner"
    if name == "nothing-spent":
        assert "vs_current_mix_pct" not in metrics["plan"]


def test_a_price_per_click_needs_clicks(shop: Path, tmp_path: Path) -> None:
    frames = {p.stem: pd.read_csv(p) for p in (shop.parent / "shop" / "data").glob("*.csv")}
    priced_by_click(frames)
    frames["performance"] = frames["performance"].drop(columns=["clicks", "spend"])
    (tmp_path / "data").mkdir()
    for table, frame in frames.items():
        frame.to_csv(tmp_path / "data" / f"{table}.csv", index=False)
    options = ["--set", f"data.folder={tmp_path / 'data'}", "--out", str(tmp_path / "run")]
    result = runner.invoke(app, ["run", str(shop), *options])
    assert result.exit_code == 2
    assert "records no clicks" in result.stderr


def test_a_run_on_clicks_alone_says_what_it_lacks_before_any_work(
    shop: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(shop.parent / "shop" / "data", data)
    table = pd.read_csv(data / "performance.csv")
    table.drop(columns=["conversions", "conversion_value"]).to_csv(data / "performance.csv")
    options = ["--set", f"data.folder={data}", "--out", str(tmp_path / "run")]
    result = runner.invoke(app, ["run", str(shop), *options])
    assert result.exit_code == 2
    assert "performance, column conversions is needed by a plan" in result.stderr
    assert not (tmp_path / "run" / "predictor").exists()
