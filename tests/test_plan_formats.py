"""A plan as platforms' bulk files and as an Excel workbook."""

import csv
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from promopilot.agents.replanner import Replanner
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.errors import ConfigError, DataError, RunFolderError
from promopilot.experiments.importing.budgets import import_budgets
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.plan.asked import Asked
from promopilot.experiments.plan.export import Plan, make_plan, write_plan
from promopilot.experiments.plan.platforms.campaigns import budget_changes
from promopilot.experiments.plan.platforms.files import PLATFORMS, README, write_platform_files

WORLD = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=5))


@pytest.fixture(scope="module")
def plan() -> Plan:
    c = WORLD.catalog
    items = pd.DataFrame(
        {
            "promotion_id": [c.promotion_ids[i] for i in c.promotion],
            "placement_id": [c.placement_ids[i] for i in c.placement],
            "segment_id": [c.segment_ids[i] for i in c.segment],
            "name": ["=1+1"] * 2 + ["Tea\x01"] * 2 + ["火锅"] * 2,
            "campaign_id": ["100200300400500600"] * 4 + ["7"] * 2,
            "basis": "data",
        }
    )
    return make_plan(Replanner(WORLD), WORLD, items, seed=1, flights=4)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def carried(rows: list[tuple[str, str, int]], days: list[str]) -> int:
    """Cents of all days, each budget holding until the campaign's next."""
    total = 0
    for campaign in {row[1] for row in rows}:
        own = {date: cents for date, one, cents in rows if one == campaign}
        now = 0
        for day in days:
            now = own.get(day, now)
            total += now
    return total


@pytest.mark.parametrize("platform", PLATFORMS)
def test_bulk_files_hold_the_plan_s_money(plan: Plan, platform: str, tmp_path: Path) -> None:
    *files, readme = write_platform_files(plan.frame, platform, tmp_path / "up")
    assert readme.name == README
    told = readme.read_text(encoding="utf-8")
    assert "more than a daily budget" in told or "2 times a daily budget" in told
    rows = [row for file in files for row in rows_of(file)]
    assert all(tuple(row) == PLATFORMS[platform].columns for row in rows)
    budget = "Budget" if platform == "google-ads" else "Campaign Daily Budget"
    changes = [
        (row["Start date"], row["Campaign ID"], round(float(row[budget] or 0) * 100))
        for row in rows
    ]
    days = sorted(plan.frame["date"].unique())
    assert carried(changes, days) == round(plan.frame["planned_budget"].sum() * 100)
    assert len({change[:2] for change in changes}) == len(changes)
    assert {row["Currency code"] for row in rows} == {"USD"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_data_import_reads_back_the_same_money(plan: Plan, platform: str, tmp_path: Path) -> None:
    *files, _ = write_platform_files(plan.frame, platform, tmp_path / "up")
    import_budgets(files, Platform(platform), Mapping(), tmp_path / "back")
    back = pd.read_csv(tmp_path / "back" / "budgets.csv", dtype=str)
    changes = [
        (str(date), campaign, round(float(budget) * 100))
        for date, campaign, budget in zip(
            back["date"], back["campaign_id"], back["daily_budget"], strict=True
        )
    ]
    days = sorted(plan.frame["date"].unique())
    assert carried(changes, days) == round(plan.frame["planned_budget"].sum() * 100)
    assert set(back["currency"]) == {"USD"}


def test_only_campaigns_whose_budget_changes_are_written(plan: Plan) -> None:
    flat = plan.frame.copy()
    flat["planned_budget"] = np.where(flat["campaign_id"] == "7", 2.0, flat["planned_budget"])
    begin, *later = budget_changes(flat, 1)
    assert begin.campaigns == ("100200300400500600", "7")
    assert later
    assert all("7" not in change.campaigns for change in later)


STATUS = {"google-ads": "Campaign status", "meta-ads": "Campaign Status"}
BUDGET = {"google-ads": "Budget", "meta-ads": "Campaign Daily Budget"}


def with_days(plan: Plan, of_seven: list[float]) -> pd.DataFrame:
    """The plan with other money on each day of campaign 7."""
    frame = plan.frame.copy()
    first = frame[frame["campaign_id"] == "7"].groupby("date").head(1).index
    frame.loc[frame["campaign_id"] == "7", "planned_budget"] = 0.0
    frame.loc[first, "planned_budget"] = of_seven
    return frame


def of_seven(files: list[Path], platform: str) -> list[tuple[str, str]]:
    """Budget and status of campaign 7 in every file that has it."""
    rows = [row for file in files for row in rows_of(file) if row["Campaign ID"] == "7"]
    return [(row[BUDGET[platform]], row[STATUS[platform]]) for row in rows]


@pytest.mark.parametrize(
    ("platform", "paused", "active"),
    [("google-ads", "Paused", "Enabled"), ("meta-ads", "PAUSED", "ACTIVE")],
)
def test_a_campaign_pauses_on_days_without_money_and_runs_again_after(
    plan: Plan, platform: str, paused: str, active: str, tmp_path: Path
) -> None:
    frame = with_days(plan, [5.0, 0.0, 0.0, 7.5, 7.5])
    *files, readme = write_platform_files(frame, platform, tmp_path / "up")
    assert of_seven(files, platform) == [("5.00", ""), ("", paused), ("7.50", active)]
    assert f"paused (status {paused})" in readme.read_text(encoding="utf-8")
    import_budgets(files, Platform(platform), Mapping(), tmp_path / "back")
    back = pd.read_csv(tmp_path / "back" / "budgets.csv", dtype=str)
    assert back.loc[back["campaign_id"] == "7", "daily_budget"].tolist() == ["5.00", "0.00", "7.50"]


def test_a_budget_that_may_be_refused_pauses_and_its_money_is_told(
    plan: Plan, tmp_path: Path
) -> None:
    frame = with_days(plan, [5.0, 0.01, 5.0, 0.99, 1.0])
    *files, readme = write_platform_files(frame, "meta-ads", tmp_path / "meta")
    assert of_seven(files, "meta-ads") == [
        *(("5.00", ""), ("", "PAUSED"), ("5.00", "ACTIVE"), ("", "PAUSED"), ("1.00", "ACTIVE")),
    ]
    told = " ".join(readme.read_text(encoding="utf-8").split())
    assert "1.00 USD of the plan are not in these files" in told
    assert f"{frame['planned_budget'].sum() - 1:.2f} USD in all" in told
    *files, readme = write_platform_files(frame, "google-ads", tmp_path / "google")
    assert ("0.01", "") in of_seven(files, "google-ads")
    assert "not in these files" not in readme.read_text(encoding="utf-8")


def test_promotions_without_a_campaign_are_named(plan: Plan, tmp_path: Path) -> None:
    lost = plan.frame.assign(campaign_id="")
    with pytest.raises(DataError, match=r"campaign_id is empty for promotion-0, promotion-1"):
        write_platform_files(lost, "meta-ads", tmp_path / "up")
    assert not (tmp_path / "up").exists()


def test_files_of_another_plan_are_not_mixed_in(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "google-ads-1999-01-01.csv").write_text("old")
    with pytest.raises(RunFolderError, match=r"google-ads-1999-01-01\.csv"):
        write_platform_files(plan.frame, "google-ads", tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunFolderError, match="name a folder"):
        write_platform_files(plan.frame, "google-ads", tmp_path / "file")


def test_a_workbook_holds_the_plan_as_numbers(plan: Plan, tmp_path: Path) -> None:
    write_plan(plan, WORLD, tmp_path / "plan.xlsx")
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    assert book.sheetnames == ["Plan", "By promotion", "By day", "Columns"]
    sheet = book["Plan"]
    head = [cell.value for cell in sheet[1]]
    at = head.index("planned_budget")
    money = [row[at].value for row in sheet.iter_rows(min_row=2)]
    assert sum(money) == pytest.approx(plan.frame["planned_budget"].sum())
    assert sheet[2][at].number_format == '#,##0.00 "USD"'
    assert sheet.freeze_panes == "A2"
    names = {row[head.index("promotion_name")].value for row in sheet.iter_rows(min_row=2)}
    assert names == {"=1+1", "Tea", "火锅"}
    assert all(row[2].data_type == "s" for row in sheet.iter_rows(min_row=2))
    days = [row[2].value for row in book["By day"].iter_rows(min_row=2)]
    assert sum(days) == pytest.approx(plan.frame["planned_budget"].sum())
    explained = {row[0].value for row in book["Columns"].iter_rows(min_row=2)}
    assert set(head) | {cell.value for cell in book["By promotion"][1]} <= explained
    write_plan(plan, WORLD, tmp_path / "again.XLSX")
    assert (tmp_path / "again.XLSX").read_bytes() == (tmp_path / "plan.xlsx").read_bytes()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(budget=-1.0), "--budget is -1"),
        (Asked(format="google-ads", by="week"), "leave out --by and --level"),
        (Asked(format="xlsx", out=Path("plan.csv")), r"end its name in \.xlsx"),
        (Asked(out=Path("plan.xlsx")), r"end its name in \.csv"),
        (Asked(limits=Path("none.yaml")), "none.yaml"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_any_work(asked: Asked, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        asked.check()


def test_only_a_plan_without_options_is_the_run_s_own() -> None:
    assert Asked(out=Path("x.csv")).is_own
    assert not Asked(days=7).is_own
    assert not Asked(by="week").is_own
