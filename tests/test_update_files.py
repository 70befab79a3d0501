"""Files around an update: platforms' exports in, bulk files out, and what is never overwritten."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from promopilot.agents.replanner import Replanner
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from tests.chinese import english_left
from tests.update_flights import Flight, fly, small_run, updated

WORLD = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=5))
GOOGLE = "Day,Campaign,Campaign ID,Currency code,Impr.,Clicks,Cost,Conversions,Conv. value\n"
GOOGLE_ROW = '2024-01-01,Tea,11,USD,"1,187",15,2.34,1.00,11.20\n'
META = "Campaign name,Day,Impressions,Reach,Link clicks,Results,Amount spent (USD)\n"
META_ROW = "Tea,2024-01-01,1187,900,15,1,2.34\n"


@pytest.fixture(scope="module")
def flight() -> Flight:
    return fly(WORLD, Replanner(WORLD), seed=0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return small_run(tmp_path / "run", WORLD, Replanner(WORLD))


def with_campaigns(run: Path) -> Path:
    items = run / "market" / "line_items.csv"
    rows = pd.read_csv(items, dtype=str)
    rows.assign(campaign_id="c-" + rows["promotion_id"]).to_csv(items, index=False)
    return run


@pytest.mark.parametrize(
    ("content", "platform", "columns"),
    [
        (
            (GOOGLE + GOOGLE_ROW).encode(),
            "google-ads",
            "Day, Campaign, Campaign ID, Currency code, …",
        ),
        (
            ('Campaign report\n"January 1, 2024"\n' + GOOGLE + GOOGLE_ROW).encode("utf-16"),
            "google-ads",
            "Day",
        ),
        ((META + META_ROW).encode(), "meta-ads", "Campaign name"),
        (
            "Tag;Kampagne;Kampagnen-ID;Impr.;Klicks;Kosten\n2024-01-01;Tee;1;5;1;0,1\n".encode(
                "cp1252"
            ),
            "google-ads",
            "Tag",
        ),
        (
            b"AdsetId;Day;Currency;Displays;Clicks;AdvertiserCost\n1;2024-01-01;EUR;5;1;0.1\n",
            "criteo",
            "AdsetId",
        ),
    ],
)
def test_a_platforms_export_is_sent_through_import_first(
    run: Path, content: bytes, platform: str, columns: str
) -> None:
    result = updated(run, content)
    assert result.exit_code == 2, result.output
    told = " ".join(result.stderr.split())
    assert "export.csv looks like an export as a platform makes it" in told
    assert columns in told
    assert f"`promopilot data import --platform {platform} export.csv --out FOLDER`" in told
    assert not (run / "updates").exists()


def test_the_ending_of_a_files_name_may_be_in_capitals(run: Path, flight: Flight) -> None:
    result = updated(run, flight.export(1), name="EXPORT.CSV")
    assert result.exit_code == 0, result.stderr


def test_a_platforms_bulk_files_hold_the_money_of_the_days_left(run: Path, flight: Flight) -> None:
    result = updated(with_campaigns(run), flight.export(1), "--format", "google-ads")
    assert result.exit_code == 0, result.stderr
    folder = run / "updates" / "2024-01-03" / "google-ads"
    assert f"upload the files in {folder}" in result.stdout
    assert "README.txt" in {p.name for p in folder.iterdir()}
    plan = pd.read_csv(run / "updates" / "2024-01-03" / "plan.csv")
    tomorrow = pd.read_csv(folder / "google-ads-2024-01-03.csv", dtype={"Campaign ID": str})
    money = plan[plan["date"] == "2024-01-03"].groupby("campaign_id")["planned_budget"].sum()
    told = tomorrow.set_index("Campaign ID")["Budget"].astype(float)
    assert told[told > 0].to_dict() == pytest.approx(money[money > 0].round(2).to_dict())


def test_bulk_files_need_campaigns_and_nothing_is_half_written(run: Path, flight: Flight) -> None:
    result = updated(run, flight.export(1), "--format", "meta-ads")
    assert result.exit_code == 2
    assert "column campaign_id is empty for promotion-0" in result.stderr
    assert list((run / "updates").iterdir()) == []


def test_a_folder_of_something_else_is_never_replaced(run: Path, flight: Flight) -> None:
    other = run.parent / "holiday"
    other.mkdir()
    (other / "photo.jpg").write_bytes(b"kept")
    result = updated(run, flight.export(1), "--out", str(other))
    assert result.exit_code == 2
    assert "holds other files, and an update takes the place of all that is there" in result.stderr
    assert (other / "photo.jpg").read_bytes() == b"kept"


def test_a_place_that_cannot_be_written_to_is_said(run: Path, flight: Flight) -> None:
    (run.parent / "note.txt").write_text("kept", encoding="utf-8")
    result = updated(run, flight.export(1), "--out", str(run.parent / "note.txt" / "new"))
    assert result.exit_code == 2, result.output
    assert "new (not a directory); name a place in a folder" in " ".join(result.stderr.split())


def chinese(run: Path) -> Path:
    config = run / "config.yaml"
    text = config.read_text(encoding="utf-8")
    assert "language: en" in text
    config.write_text(text.replace("language: en", "language: zh"), encoding="utf-8")
    return run


def page_of(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return (Path(json.loads(result.stdout)["folder"]) / "update.html").read_text(encoding="utf-8")


def test_a_page_in_chinese_follows_the_runs_config(run: Path, flight: Flight) -> None:
    """Warnings, notes of every kind, a budget that is gone, a flight that is over."""
    rows = flight.export(1).drop(columns="as_of")
    other = rows.head(1).assign(promotion_id="promotion-of-another-plan")
    there = rows.head(1).assign(segment_id="segment-of-another-plan")
    past = rows.head(1).assign(date="2023-12-30")
    (run.parent / "new.yaml").write_text("targets: {roas: 0.5}\n", encoding="utf-8")
    limits = ("--limits", str(run.parent / "new.yaml"))
    chinese(run)
    for given, more in (
        (pd.concat([rows.assign(conversions=0), other, there, past]), limits),
        (rows.drop(columns="spend"), ()),
        (quiet_case(flight, 0.4).assign(spend=WORLD.budget), ()),
        (rows.assign(conversion_value=9.5), limits),
        (flight.export(4), ()),
    ):
        page = page_of(updated(run, given, "--json", *more))
        assert english_left(page) == []


def quiet_case(flight: Flight, factor: float) -> pd.DataFrame:
    """Every promotion converts by a factor, from the first day on."""
    rows = flight.export(1)
    return rows.assign(conversions=(factor * rows["conversions"]).astype(int))


def test_no_warning_and_ranges_that_were_left_are_one_true_sentence(
    run: Path, flight: Flight
) -> None:
    """Ranges are of the belief before the flight, warnings of that of each morning."""
    for factor, out in ((1.0, 0), (0.4, 2)):
        result = updated(run, quiet_case(flight, factor), "--json")
        document = json.loads(result.stdout)
        assert document["alarms"] == []
        assert document["outside"] == {"promotions": 3, "outside": out}
        text = updated(run, quiet_case(flight, factor)).stdout
        page = page_of(result)
        whole = "No warning: what came so far lies within what was foreseen."
        assert (whole in page) == (whole in text) == (out == 0)
        told = "{outside} of {promotions} promotions lie outside the range".format(
            **document["outside"]
        )
        assert (told in text) == (told in page) == (out > 0)
