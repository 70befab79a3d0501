"""Plans and runs side by side, and a plan beside what then happened."""

import io
import json
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.agents.replanner import Replanner
from promopilot.envs.limits import Group, Limits
from promopilot.envs.market import Market
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.cli.app import app
from promopilot.experiments.comparing.document import (
    compared,
    compared_csv,
    held_against,
    held_csv,
)
from promopilot.experiments.comparing.paired import different_part
from promopilot.experiments.comparing.ranges import played_ranges, spend_table
from promopilot.experiments.comparing.side import read_sides
from promopilot.experiments.line_items import line_items
from promopilot.experiments.plan.export import make_plan, write_plan
from promopilot.experiments.plan.judgement import JUDGEMENT
from promopilot.experiments.seeds import Seeds
from tests.chinese import english_left
from tests.test_scenarios import SIZE, write_scenario_run

FLIGHTS = 16
WORLD = synthetic_world(SIZE)


def items_of(world: World) -> pd.DataFrame:
    names = np.where(world.catalog.promotion == 0, "Tea", "")
    return line_items(world).to_frame(index=False).assign(name=names, basis="data")


def write_compared(path: Path, world: World) -> np.ndarray:
    """Write a plan; return its objective on the test flights."""
    plan = make_plan(Replanner(world), world, items_of(world), Seeds.of(0).test, FLIGHTS)
    write_plan(plan, world, path)
    return np.asarray(plan.rollout.value)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `large.csv`, `small.csv`, and the runs `one` and `other` of the same plans."""
    folder = tmp_path_factory.mktemp("plans")
    for run, name, share in (("one", "large", 0.6), ("other", "small", 0.3)):
        world = WORLD.with_budget(round(WORLD.budget * share, 2))
        values = write_compared(folder / f"{name}.csv", world)
        place = write_scenario_run(folder / run, world)
        write_compared(place / "plan.csv", world)
        (place / JUDGEMENT).write_text(json.dumps({"values": values.tolist()}))
    return folder


def test_totals_promotions_and_days_are_sums_of_the_plans(plans: Path) -> None:
    document = compared([plans / "large.csv", plans / "small.csv"])
    assert document["sides"] == ["large", "small"]
    assert (document["first"], document["days"]) == (WORLD.start.isoformat(), SIZE.days)
    frames = [pd.read_csv(plans / f"{name}.csv") for name in document["sides"]]
    for row in document["rows"]:
        if row["measure"].endswith(("roas", "poas", "cpa", "net_profit")):
            continue
        column = {"promotion": "promotion_id", "day": "date"}.get(row["level"])
        parts = [f if column is None else f[f[column] == row["key"]] for f in frames]
        sums = [part[row["measure"]].sum() for part in parts]
        assert row["values"] == pytest.approx(sums, abs=0.51)
        assert row["differences"] == pytest.approx([sums[1] - sums[0]], abs=1.01)
    total = {row["measure"]: row["values"] for row in document["rows"] if row["level"] == "total"}
    profit, spend = (np.array(total[n]) for n in ("expected_profit", "planned_budget"))
    assert total["expected_poas"] == pytest.approx(profit / spend, abs=1e-4)
    assert total["expected_net_profit"] == pytest.approx(profit - spend, abs=0.011)


def test_promotions_that_move_most_stand_first(plans: Path) -> None:
    document = compared([plans / "large.csv", plans / "small.csv"])
    moved = [
        abs(row["differences"][0])
        for row in document["rows"]
        if row["level"] == "promotion" and row["measure"] == "planned_budget"
    ]
    assert moved == sorted(moved, reverse=True)
    assert document["names"]["promotion-0"] == "Tea"


def width(row: dict[str, Any]) -> float:
    low, high = row["ci95"]
    return float(high - low)


def test_runs_are_paired_flight_by_flight(plans: Path) -> None:
    found = compared([plans / "one", plans / "other"])["paired"]
    values = [json.loads((plans / n / JUDGEMENT).read_text())["values"] for n in ("one", "other")]
    gap = found["differences"]["other"]
    assert gap["mean"] == pytest.approx(np.mean(values[1]) - np.mean(values[0]), abs=0.011)
    assert gap["ci95"][0] <= gap["mean"] <= gap["ci95"][1]
    # Pairing takes away the luck that both share.
    assert width(gap) < sum(width(row) for row in found["values"].values())


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"budget": 1.0, "per_day_max": 2.0}, None),
        ({"unit_cost": WORLD.unit_cost * 2}, "unit cost"),
        ({"catalog": replace(WORLD.catalog, price=WORLD.catalog.price + 1)}, "catalog"),
    ],
)
def test_markets_that_differ_cannot_be_paired(change: dict[str, object], part: str | None) -> None:
    assert different_part(WORLD, replace(WORLD, **change)) == part


def test_plan_files_are_told_not_to_be_paired(plans: Path) -> None:
    found = compared([plans / "one", plans / "small.csv"])["paired"]
    assert "only finished runs" in found["why_not"]


def test_only_common_days_are_compared(plans: Path, tmp_path: Path) -> None:
    later = replace(WORLD, start=WORLD.start + timedelta(days=1))
    write_compared(tmp_path / "later.csv", later)
    document = compared([plans / "large.csv", tmp_path / "later.csv"])
    assert document["days"] == SIZE.days - 1
    assert document["notes"] == [
        "large: 1 day is not in every plan and left out",
        "later: 1 day is not in every plan and left out",
    ]


def altered(source: Path, target: Path, **columns: object) -> Path:
    pd.read_csv(source, dtype=str, keep_default_na=False).assign(**columns).to_csv(
        target, index=False
    )
    return target


def spoilt(plans: Path, folder: Path) -> None:
    """Files that cannot be compared with `large.csv`."""
    large = plans / "large.csv"
    altered(large, folder / "euro.csv", currency="EUR")
    altered(large, folder / "past.csv", date="2001-01-01")
    altered(large, folder / "wrong.csv", planned_budget="much")
    altered(large, folder / "odd.csv", expected_profit="so so")
    (folder / "empty.csv").write_text("")
    (folder / "other.csv").write_text("a,b\n1,2\n")
    (folder / "latin.csv").write_bytes("date\nüber".encode("latin-1"))
    weeks = WORLD.start + timedelta(days=7)
    frame = pd.read_csv(large, dtype=str, keep_default_na=False)
    half = frame["date"] == WORLD.start.isoformat()
    frame[half | (frame["date"] == frame["date"].max())].assign(
        date=lambda rows: np.where(
            rows["date"] == WORLD.start.isoformat(), rows["date"], weeks.isoformat()
        )
    ).to_csv(folder / "weekly.csv", index=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["euro.csv"], "large is in USD and euro in EUR; compare plans of one currency"),
        (["past.csv"], "have no day in common"),
        (["weekly.csv"], "large is by day and weekly by week; export both with the same --by"),
        (["wrong.csv"], "wrong.csv, row 2, column planned_budget: 'much'"),
        (["odd.csv"], "odd.csv, row 2, column expected_profit: 'so so' must be a number"),
        (["empty.csv"], "empty.csv must have a header and at least one row"),
        (["other.csv"], "must have the columns of a plan, and lacks date"),
        (["latin.csv"], "latin.csv, row 2 must be UTF-8 text"),
        (["gone.csv"], "gone.csv is not there; name a run folder or a plan.csv"),
        (["."], "is not a run folder"),
        ([], "name two plans or runs"),
    ],
)
def test_mistakes(
    plans: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    spoilt(plans, tmp_path)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["compare", str(plans / "large.csv"), *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "compare.html").exists()


def test_the_same_plan_twice_is_refused(plans: Path) -> None:
    result = CliRunner().invoke(app, ["compare", *[str(plans / "large.csv")] * 2])
    assert result.exit_code == 2
    assert "is named twice" in result.stderr


def test_the_command_writes_page_and_table(plans: Path, tmp_path: Path) -> None:
    arguments = ["compare", str(plans / "one"), str(plans / "other"), "--out", str(tmp_path / "o")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "On the same 16 simulated flights other brings" in result.stdout
    page = (tmp_path / "o" / "compare.html").read_text(encoding="utf-8")
    assert "http-equiv" in page
    assert "one and other" in page
    document = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    table = pd.read_csv(io.StringIO(compared_csv(document)), keep_default_na=False)
    assert len(table) == len(document["rows"])
    assert list(table.columns) == ["level", "key", "measure", "one", "other", "other - one"]


# ---- a plan and what then happened ----


def happened(plan: Path, days: int, factor: float = 1.0) -> pd.DataFrame:
    """One simulated flight of a run's plan, as performance has it."""
    side = read_sides([plan])[0]
    market, items, rows = Market(WORLD), line_items(WORLD).to_frame(index=False), []
    table = spend_table(side.rows, WORLD)
    market.reset(99, np.zeros(1, dtype=np.int64))
    for day in WORLD.dates[:days]:
        outcome = market.step(table[market.day][None])
        rows.append(
            items.assign(
                date=day.isoformat(),
                impressions=outcome.impressions[0].astype(int),
                clicks=outcome.clicks[0].astype(int),
                conversions=(outcome.conversions[0] * factor).astype(int),
                spend=outcome.spend[0].round(2),
            )
        )
    return pd.concat(rows, ignore_index=True)


def test_a_plan_beside_what_happened(plans: Path, tmp_path: Path) -> None:
    rows = happened(plans / "one", days=3)
    rows.to_csv(tmp_path / "seen.csv", index=False)
    document = held_against([plans / "one"], tmp_path / "seen.csv")
    assert (document["days"], document["days_planned"]) == (3, SIZE.days)
    by_promotion = rows.groupby("promotion_id")[["spend", "conversions"]].sum()
    for row in document["rows"][:-1]:
        for measure in ("spend", "conversions"):
            seen = by_promotion[measure][row["promotion_id"]]
            assert row[measure]["actual"] == pytest.approx(seen, abs=0.005)
        assert row["conversions"]["low"] <= row["conversions"]["high"]
        assert "low" not in row["spend"]  # what is spent is decided, not met
    total = document["rows"][-1]
    assert total["promotion_id"] == "TOTAL"
    assert total["spend"]["actual"] == pytest.approx(rows["spend"].sum(), abs=0.01)
    assert total["conversion_value"]["actual"] is None  # not recorded, and not 0
    assert "Days of the plan that seen.csv does not have: 1 of 4." in document["notes"]
    table = pd.read_csv(io.StringIO(held_csv(document)))
    assert len(table) == 4 * len(document["rows"])


def test_ranges_are_those_of_the_plan_as_it_stands(plans: Path, tmp_path: Path) -> None:
    """A market with a minimum of the flight would move a plan that comes to it late."""
    rows = pd.read_csv(plans / "one" / "plan.csv", parse_dates=["date"])
    rows.loc[rows["date"] < rows["date"].max(), "planned_budget"] /= 2
    world = WORLD.with_budget(round(WORLD.budget * 0.6, 2))
    of_tea = np.asarray(world.catalog.promotion == 0)
    least = float(spend_table(rows, world)[:, of_tea].sum())
    group = Group("Tea", of_tea, min=least, whole_flight=True)
    limits = replace(Limits.none(world.catalog.num_line_items), groups=(group,))
    free, bound = (
        played_ranges(
            write_scenario_run(tmp_path / name, market), rows, pd.Series(1.0, index=rows.index)
        )
        for name, market in (("free", world), ("bound", replace(world, limits=limits)))
    )
    for measure, ends in free.items():
        pd.testing.assert_frame_equal(bound[measure], ends)


def test_what_the_plan_does_not_have_is_told_and_in_no_sum(plans: Path, tmp_path: Path) -> None:
    rows = happened(plans / "one", days=3)
    ours, other = tmp_path / "ours.csv", tmp_path / "more.csv"
    rows.to_csv(ours, index=False)
    coffee = rows.head(2).assign(promotion_id="coffee", spend=35.0, conversions=0)
    past = rows.head(1).assign(date="2023-12-31")
    pd.concat([rows, coffee, past]).to_csv(other, index=False)
    plain, mixed = (held_against([plans / "large.csv"], path) for path in (ours, other))
    assert mixed["rows"] == plain["rows"]
    assert mixed["by_day"] == plain["by_day"]
    strangers = {"rows": 2, "spend": 70.0, "conversions": 0.0, "promotions": ["coffee"]}
    assert mixed["strangers"] == strangers
    told = " ".join(mixed["notes"])
    assert "in no figure here: 70.00 USD and 0 orders, of coffee." in told
    assert "rows outside 2024-01-01 to 2024-01-04 are left out: 1" in told


def test_orders_that_cannot_have_come_in_yet_are_not_missed(plans: Path, tmp_path: Path) -> None:
    """Read a day after the last, and read late: what is due grows with the time to come in."""
    rows = happened(plans / "one", days=3)
    due = {}
    for read in ("2024-01-04", "2024-06-30"):
        rows.assign(as_of=read).to_csv(tmp_path / "seen.csv", index=False)
        document = held_against([plans / "one"], tmp_path / "seen.csv")
        due[read] = document["rows"][-1]["conversions"]
    early, late = due.values()
    assert early["planned"] == late["planned"]
    assert early["due"] < 0.9 * early["planned"]
    assert late["due"] == pytest.approx(late["planned"], rel=1e-3)
    assert early["high"] < late["high"]
    delay = WORLD.dynamics.delay.seen(np.array([3.0, 2.0, 1.0]))
    plan = pd.read_csv(plans / "one" / "plan.csv").groupby("date")["expected_conversions"].sum()
    assert early["due"] == pytest.approx(float(delay @ plan.to_numpy()[:3]), abs=0.01)


def test_a_file_that_goes_on_after_the_flight_was_read_after_its_own_last_day(
    plans: Path, tmp_path: Path
) -> None:
    rows = happened(plans / "one", days=SIZE.days)
    after = [rows.tail(1).assign(date=f"2024-0{month}-28") for month in (1, 2, 3)]
    pd.concat([rows, *after]).to_csv(tmp_path / "on.csv", index=False)
    rows.assign(as_of="2024-03-29").to_csv(tmp_path / "read.csv", index=False)
    on, read = (held_against([plans / "one"], tmp_path / f"{n}.csv") for n in ("on", "read"))
    assert on["read_on"] == "2024-03-29"
    assert on["rows"] == read["rows"]
    assert any("read on 2024-03-29, the day after the file's last" in n for n in on["notes"])


def test_what_was_read_early_is_due_as_far_as_its_own_reading_goes(
    plans: Path, tmp_path: Path
) -> None:
    """One promotion was read again in June, the others were not."""
    rows = happened(plans / "one", days=3)
    again = rows["promotion_id"] == "promotion-0"
    readings = {
        "early": rows.assign(as_of="2024-01-04"),
        "late": rows.assign(as_of="2024-06-30"),
        "mixed": rows.assign(as_of=np.where(again, "2024-06-30", "2024-01-04")),
    }
    found = {}
    for name, frame in readings.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        found[name] = held_against([plans / "one"], tmp_path / f"{name}.csv")
    for at, row in enumerate(found["mixed"]["rows"][:-1]):
        like = found["late" if row["promotion_id"] == "promotion-0" else "early"]["rows"][at]
        for measure in ("spend", "conversions", "conversion_value", "profit"):
            assert row[measure]["due"] == like[measure]["due"]
        for end in ("low", "high"):
            assert row["conversions"][end] == pytest.approx(like["conversions"][end], rel=0.15)
    due = [day["due_conversions"] for day in found["mixed"]["by_day"]]
    total = found["mixed"]["rows"][-1]["conversions"]["due"]
    assert sum(due) == pytest.approx(total, abs=0.02)


def test_counts_of_a_panel_are_those_of_the_business(plans: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(plans / "one", tmp_path / "panel"))
    config = (run / "config.yaml").read_text(encoding="utf-8")
    assert "panel_projection: 1.0" in config
    (run / "config.yaml").write_text(
        config.replace("panel_projection: 1.0", "panel_projection: 100.0"), encoding="utf-8"
    )
    rows = happened(plans / "one", days=3)
    rows.to_csv(tmp_path / "seen.csv", index=False)
    document = held_against([run], tmp_path / "seen.csv")
    total = document["rows"][-1]
    assert total["conversions"]["actual"] == 100 * rows["conversions"].sum()
    assert total["spend"]["actual"] == pytest.approx(rows["spend"].sum(), abs=0.01)
    assert any("are taken 100 times" in note for note in document["notes"])


def test_pages_follow_the_runs_language(plans: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(plans / "one", tmp_path / "one"))
    config = (run / "config.yaml").read_text(encoding="utf-8")
    (run / "config.yaml").write_text(
        config.replace("language: en", "language: zh"), encoding="utf-8"
    )
    rows = happened(plans / "one", days=3)
    coffee = rows.head(1).assign(promotion_id="coffee")
    pd.concat([rows.assign(spend=2 * rows["spend"]), coffee]).to_csv(
        tmp_path / "seen.csv", index=False
    )
    asked = (
        [str(plans / "small.csv"), "--language", "zh"],
        [str(run / "plan.csv")],
    )
    for more in asked:
        arguments = ["compare", str(plans / "large.csv"), *more, "--out", str(tmp_path)]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        page = (tmp_path / "compare.html").read_text(encoding="utf-8")
        assert english_left(page) == []
    arguments = ["compare", str(run), "--actuals", str(tmp_path / "seen.csv")]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert english_left(page) == []
    arguments = ["compare", str(run), str(plans / "other"), "--out", str(tmp_path)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    page = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert english_left(page) == []


def test_what_leaves_its_range_is_told(plans: Path, tmp_path: Path) -> None:
    happened(plans / "one", SIZE.days, factor=0.1).to_csv(tmp_path / "few.csv", index=False)
    arguments = ["compare", str(plans / "one"), "--actuals", str(tmp_path / "few.csv")]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert re.search(r": orders [0-9,]+, below the", result.stdout)
    assert "below the" in (tmp_path / "compare.html").read_text(encoding="utf-8")


def test_a_plan_file_has_the_range_of_its_summary(plans: Path, tmp_path: Path) -> None:
    happened(plans / "one", SIZE.days).to_csv(tmp_path / "seen.csv", index=False)
    document = held_against([plans / "large.csv"], tmp_path / "seen.csv")
    summary = pd.read_csv(plans / "large_summary.csv").set_index("promotion_id")
    total = document["rows"][-1]["profit"]
    assert [total["low"], total["high"]] == list(summary.loc["TOTAL", ["profit_p10", "profit_p90"]])
    happened(plans / "one", SIZE.days - 1).to_csv(tmp_path / "seen.csv", index=False)
    part = held_against([plans / "large.csv"], tmp_path / "seen.csv")
    assert "low" not in part["rows"][-1]["profit"]  # it is of the whole flight


@pytest.mark.parametrize("summary", ["", "promotion_id,profit_p10\n", "a,b\n1,2,3\n"])
def test_a_summary_that_is_another_file_gives_no_range(
    plans: Path, tmp_path: Path, summary: str
) -> None:
    plan = Path(shutil.copy(plans / "large.csv", tmp_path))
    (tmp_path / "large_summary.csv").write_text(summary, encoding="utf-8")
    happened(plans / "one", SIZE.days).to_csv(tmp_path / "seen.csv", index=False)
    document = held_against([plan], tmp_path / "seen.csv")
    assert "low" not in document["rows"][-1]["profit"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not there; name a file with the columns of performance"),
        ("", "must have a header and at least one row"),
        ("date,promotion_id,impressions\n2024-01-01,a,5\n", "neither spend nor conversions"),
        ("日期,促销\n2024-01-01,a\n", "seen.csv, column date is a required column"),
        (
            "date,promotion_id,impressions,spend\n2001-01-01,a,5,1\n",
            "must have days of the flight, 2024-01-01 to 2024-01-04, that are over",
        ),
        (
            "Day,Campaign,Campaign ID,Impr.,Cost\n2024-01-01,Tea,1,5,1\n",
            "looks like an export as a platform makes it",
        ),
        ("date,promotion_id,impressions,spend\n2024-01-01,a,5,-1\n", "row 2, column spend: '-1'"),
        (
            "date,promotion_id,impressions,spend\n2024-01-01,a,5,1\n2024-01-01,a,6,1\n",
            "must be one row per day and line item",
        ),
    ],
)
def test_mistakes_in_what_happened(
    plans: Path, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "seen.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    arguments = ["compare", str(plans / "large.csv"), "--actuals", str(path)]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


def test_actuals_go_with_one_plan(plans: Path) -> None:
    names = [str(plans / "large.csv"), str(plans / "small.csv")]
    result = CliRunner().invoke(app, ["compare", *names, "--actuals", "seen.csv"])
    assert result.exit_code == 2
    assert "--actuals goes with one plan or run, and 2 were named" in result.stderr
