"""`promopilot update` as an analyst meets it: files, faults, second thoughts, the last day."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from promopilot.agents.replanner import Replanner
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.cli.app import app
from promopilot.experiments.plan.columns import COLUMNS
from promopilot.experiments.report.said import untold
from promopilot.experiments.update.actuals_file import COLUMNS as READ
from promopilot.experiments.update.ledger import Ledger, added, latest_readings
from tests.update_flights import Flight, fly, small_run, told, updated

WORLD = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=5))
KEPT = {"actuals.csv", "columns.md", "plan.csv", "plan_summary.csv", "update.html", "update.json"}
runner = CliRunner()


@pytest.fixture(scope="module")
def flight() -> Flight:
    return fly(WORLD, Replanner(WORLD), seed=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("made") / "run", WORLD, Replanner(WORLD))


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_it_writes_what_it_says_and_says_what_it_writes(run: Path, flight: Flight) -> None:
    update = told(run, flight.export(1))
    folder = run / "updates" / "2024-01-03"
    assert {p.name for p in folder.iterdir()} == KEPT
    assert json.loads((folder / "update.json").read_text()) == update
    plan = pd.read_csv(folder / "plan.csv")
    assert list(plan.columns) == list(COLUMNS)
    assert sorted(plan["date"].unique()) == ["2024-01-03", "2024-01-04", "2024-01-05"]
    summary = pd.read_csv(folder / "plan_summary.csv").set_index("promotion_id")
    assert summary.loc["TOTAL", "planned_budget"] == update["planned"]["rest"]
    assert plan["planned_budget"].sum() == pytest.approx(update["planned"]["rest"], abs=1e-6)
    assert update["planned"]["rest"] <= update["budget"]["left"]
    page = (folder / "update.html").read_text(encoding="utf-8")
    assert "of 5 days are over" in page
    assert 'http-equiv="Content-Security-Policy"' in page
    first = update["promotions"][0]
    assert first["rate_before"]["low"] < first["rate_before"]["mean"] < first["rate_before"]["high"]
    # What is learnt makes a belief narrower.
    width = [r["high"] / r["low"] for r in (first["rate_before"], first["rate_now"])]
    assert width[1] < width[0]


def test_the_text_for_a_person(run: Path, flight: Flight) -> None:
    result = updated(run, flight.export(1))
    spent = sum(o.spend.sum() for o in flight.outcomes[:2])
    last = result.stdout.strip().splitlines()
    assert f"2 of 5 days are over: {spent:,.2f} USD spent" in last[-2]
    assert last[-1].startswith(f"Wrote {run / 'updates' / '2024-01-03'}: from 2024-01-03 on")


def test_the_same_rows_again_change_nothing(run: Path, flight: Flight) -> None:
    first = told(run, flight.export(1))
    files = {p.name: p.read_bytes() for p in (run / "updates/2024-01-03").iterdir()}
    again = told(run, flight.export(1))
    assert again["taken"]["unchanged"] == first["taken"]["added"]
    assert again["taken"]["added"] == 0
    for name in KEPT - {"update.json", "update.html"}:  # which say what the file held
        assert (run / "updates/2024-01-03" / name).read_bytes() == files[name]


def test_only_new_days_go_on_where_the_last_update_stopped(run: Path, flight: Flight) -> None:
    told(run, flight.export(1))
    rows = flight.export(2)
    update = told(run, rows[rows["date"] == "2024-01-03"])
    assert (update["days_taken"], update["date"]) == (3, "2024-01-04")
    spent = sum(o.spend.sum() for o in flight.outcomes[:3])
    assert update["budget"]["spent"] == pytest.approx(spent, abs=0.005)


def test_a_later_reading_raises_earlier_days(run: Path, flight: Flight) -> None:
    early = told(run, flight.export(1))
    rows = flight.export(2)
    late = told(run, rows[rows["date"] < "2024-01-03"])
    assert late["taken"]["read_again"] == early["taken"]["added"]
    assert late["date"] == early["date"]
    count = [sum(p["conversions"] for p in u["promotions"]) for u in (early, late)]
    assert count[1] == rows[rows["date"] < "2024-01-03"]["conversions"].sum() > count[0]


def test_a_corrected_file_takes_the_place_of_the_first(run: Path, flight: Flight) -> None:
    told(run, flight.export(1))
    update = told(run, flight.export(1).assign(spend=2.0))
    assert update["taken"]["corrected"] == len(flight.export(1))
    assert update["budget"]["spent"] == 2.0 * len(flight.export(1))


def test_a_budget_that_is_gone_leaves_nothing_to_plan(run: Path, flight: Flight) -> None:
    rows = flight.export(1)
    update = told(run, rows.assign(spend=WORLD.budget / len(rows) * 1.25))
    assert update["budget"]["left"] == update["planned"]["rest"] == 0
    assert update["budget"]["overspent"] == pytest.approx(0.25 * WORLD.budget, abs=0.01)
    assert "more than the budget are gone" in (run / "updates/2024-01-03/update.html").read_text(
        encoding="utf-8"
    )


def test_a_flight_that_is_over_has_an_account_and_no_plan(run: Path, flight: Flight) -> None:
    result = updated(run, flight.export(4))
    assert result.exit_code == 0, result.stderr
    assert "the flight is over, nothing is left to plan" in result.stdout
    files = {p.name for p in (run / "updates" / "2024-01-06").iterdir()}
    assert files == {"actuals.csv", "update.html", "update.json"}


def test_without_spend_it_is_estimated_and_says_so(run: Path, flight: Flight) -> None:
    rows = flight.export(1)
    update = told(run, rows.drop(columns="spend"))
    assert update["taken"]["spend"] == "estimated"
    assert any("no spend is recorded" in note for note in update["taken"]["notes"])
    assert update["budget"]["spent"] == pytest.approx(rows["spend"].sum(), rel=0.5)


def test_rows_that_are_not_of_this_flight_are_left_out_and_named(run: Path, flight: Flight) -> None:
    rows = flight.export(1)
    other = rows.head(1).assign(promotion_id="promotion-of-another-plan", spend=70.0)
    before = rows.head(2).assign(date="2023-12-30")
    running = rows.head(3).assign(date="2024-01-03", as_of="2024-01-03")
    update = told(run, pd.concat([rows, other, before, running]))
    notes = " ".join(update["taken"]["notes"])
    assert "rows outside 2024-01-01 to 2024-01-05 are left out: 2" in notes
    assert "rows read on their own day (as_of), which was not over, are left out: 3" in notes
    assert "promotions that this plan does not hold are left out: 1, with 70.00 USD" in notes
    assert update["budget"]["spent"] == pytest.approx(rows["spend"].sum(), abs=0.005)


def test_spend_of_a_promotion_where_the_plan_may_not_fund_it_is_off_the_budget(
    run: Path, flight: Flight
) -> None:
    rows = flight.export(1)
    elsewhere = rows.head(1).assign(segment_id="segment-of-another-plan", spend=40.0)
    update = told(run, pd.concat([rows, elsewhere]))
    assert update["budget"]["spent"] == pytest.approx(rows["spend"].sum() + 40, abs=0.005)
    assert any("40.00 USD were spent on line items" in n for n in update["taken"]["notes"])


def test_days_that_were_read_late_are_told_and_where_the_plan_begins(
    run: Path, flight: Flight
) -> None:
    early = told(run, flight.export(1), "--out", str(run.parent / "early"))
    assert not any(note.startswith("read on") for note in early["taken"]["notes"])
    rows = flight.export(3)
    late = told(run, rows[rows["date"] < "2024-01-03"])
    (note,) = (note for note in late["taken"]["notes"] if note.startswith("read on"))
    assert "read on 2024-01-05 (as_of), later than the day after the last day given" in note
    assert "2024-01-02: what is foreseen allows for that, and the plan begins on" in note
    assert late["date"] in note
    assert untold(note, "zh") == []


def test_a_delay_that_is_assumed_is_told_with_the_way_to_measure_it(
    run: Path, flight: Flight
) -> None:
    sources = run / "market" / "sources.json"
    told_of = "36% within hours, the rest after 4.0 days on average"
    said = {
        "prior": f"prior: {told_of} (a source); no reading dates (as_of) are recorded",
        "data": f"data: several readings of the same days; {told_of}",
    }
    for kind, text in said.items():
        sources.write_text(json.dumps({"delay of conversions": text}), encoding="utf-8")
        printed = updated(run, flight.export(1)).stdout
        page = (run / "updates/2024-01-03/update.html").read_text(encoding="utf-8")
        for found in (printed, page):
            assert ("how late orders come in is an assumption" in found) == (kind == "prior")
        if kind == "prior":
            (note,) = (line for line in printed.splitlines() if told_of in line)
            assert "each export with its day in the column as_of" in note
            assert untold(note.removeprefix("note: "), "zh") == []


def test_orders_that_leave_their_range_together_are_told_without_a_warning(
    run: Path, flight: Flight
) -> None:
    rows = flight.export(1)
    rows = rows.assign(conversions=(0.5 * rows["conversions"]).astype(int))
    result = updated(run, rows)
    assert result.exit_code == 0, result.stderr
    assert "nothing differs from day to day so much that a warning is due" in result.stdout
    whole = f"All orders together are {rows['conversions'].sum():,}, below the "
    assert whole in result.stdout
    assert whole in (run / "updates/2024-01-03/update.html").read_text(encoding="utf-8")


def test_limits_that_clash_are_refused_by_a_day_that_is_left(run: Path, flight: Flight) -> None:
    limits = run.parent / "bad.yaml"
    limits.write_text(
        "bounds: [{promotion: promotion-0, min: 9}]\nbudget: {per_day: {max: 5}}\n",
        encoding="utf-8",
    )
    result = updated(run, flight.export(1), "--limits", str(limits))
    assert result.exit_code == 2
    assert "cannot all hold on 2024-01-03: a day may spend at most 5" in result.stderr
    assert not (run / "updates").exists()


def test_undated_readings_are_taken_to_be_of_the_next_morning(run: Path, flight: Flight) -> None:
    dated = told(run, flight.export(1))
    bare = told(run, flight.export(1).drop(columns="as_of"))
    notes = " ".join(bare["taken"]["notes"])
    assert "are taken to have been read on 2024-01-03, the day after the file's last" in notes
    assert bare["planned"] == dated["planned"]


def test_out_writes_elsewhere_and_leaves_the_run_alone(run: Path, flight: Flight) -> None:
    there = run.parent / "elsewhere"
    told(run, flight.export(1), "--out", str(there))
    assert {p.name for p in there.iterdir()} == KEPT
    assert not (run / "updates").exists()


def test_another_seed_moves_expectations_and_no_money(run: Path, flight: Flight) -> None:
    ours = told(run, flight.export(1))
    other = told(run, flight.export(1), "--seed", "9")
    assert ours["planned"]["promotions"] == other["planned"]["promotions"]
    assert ours["planned"]["expected_profit"] != other["planned"]["expected_profit"]


def test_ctrl_c_leaves_nothing_half_written(
    run: Path, flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("promopilot.experiments.update.writing.write_plan", stop)
    result = updated(run, flight.export(1))
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert list((run / "updates").iterdir()) == []


Change = Callable[[pd.DataFrame], pd.DataFrame | bytes]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: b"", "export.csv must have a header and at least one row"),
        (
            lambda rows: rows.rename(columns={"impressions": "Impressionen"}),
            "export.csv, column impressions is a required column; the file has",
        ),
        (
            lambda rows: rows.rename(columns={"date": "Tag"}),
            "`promopilot data import` brings a platform's export into these columns",
        ),
        (
            lambda rows: rows.assign(promotion_id="pizza-03"),
            "export.csv, row 2, column promotion_id: 'pizza-03' must be an id of promotions.csv",
        ),
        (
            lambda rows: rows[rows["date"] != "2024-01-01"],
            "export.csv, column date: '2024-01-01' must have a row for every day from the flight's "
            "first on, and has none for this one; export every day from 2024-01-01",
        ),
        (
            lambda rows: rows.head(1).assign(date="2025-01-01", as_of="2025-01-02"),
            "must have days of the flight, 2024-01-01 to 2024-01-05, that are over",
        ),
        (
            lambda rows: rows.assign(spend=[None, *rows["spend"].iloc[1:]]),
            "export.csv, row 2, column spend must be filled where other rows are",
        ),
        (
            lambda rows: rows.rename(columns={"spend": "spnd"}),
            "export.csv, column spnd is not known here, and spend is missing; write spend, or drop",
        ),
        (lambda rows: rows.assign(spend=-1.0), "row 2, column spend: '-1.0' must be a finite"),
        (
            lambda rows: rows.drop(columns="conversions"),
            "export.csv, column conversions must be filled: the run's plan rests on it",
        ),
        (lambda rows: rows.drop(columns="clicks"), "export.csv, column clicks must be filled"),
        (lambda rows: rows.assign(clicks=10**9), "column clicks, impressions: '1000000000, "),
        (
            lambda rows: pd.concat([rows, rows.head(1)]),
            "must be one row per day and line item, but repeats an earlier row",
        ),
        (lambda rows: rows.assign(as_of="2023-12-31"), "must not be before the day that it tells"),
    ],
)
def test_bad_files_are_refused_in_one_sentence_and_nothing_is_written(
    run: Path, flight: Flight, change: Change, message: str
) -> None:
    result = updated(run, change(flight.export(1)))
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (run / "updates").exists()


def test_a_day_is_missing_between_an_update_and_the_next_file(run: Path, flight: Flight) -> None:
    told(run, flight.export(1))
    rows = flight.export(3)
    result = updated(run, rows[rows["date"] == "2024-01-04"])
    assert result.exit_code == 2
    assert "'2024-01-03' must have a row for every day" in result.stderr
    nothing = rows.head(1).assign(
        date="2024-01-03", impressions=0, clicks=0, conversions=0, spend=0.0
    )
    update = told(run, pd.concat([rows[rows["date"] == "2024-01-04"], nothing]))
    assert update["days_taken"] == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.csv", "cannot be read"), ("export.xlsx", "must end in .csv or .parquet")],
)
def test_a_file_that_is_not_there_or_of_another_kind(run: Path, name: str, message: str) -> None:
    result = runner.invoke(app, ["update", str(run), "--actuals", str(run / name)])
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_folder_without_a_plan(tmp_path: Path, flight: Flight, made: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    (run / "plan.csv").unlink()
    result = updated(run, flight.export(0))
    assert result.exit_code == 2
    assert "has no plan yet; finish it with `promopilot run … --resume`" in result.stderr


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("2024-01-02,placement-0,5.0", "must have prices of 2024-01-03, the first day that is"),
        ("2024-01-03,placement-9,5.0", "column placement_id: 'placement-9' must be an id of"),
        ("2024-01-03,placement-0,0", "column cpm: '0' must be a finite number above 0"),
        (
            "2024-01-03,placement-0,5,10\n2024-01-03,placement-1,6.2",
            "prices.csv, row 2: '2024-01-03,placement-0,5,10' must have 3 cells, but has 4",
        ),
        (
            "2024-01-03,placement-0,5\n2024-01-03,placement-0,6",
            "must be one row per day and placement",
        ),
    ],
)
def test_bad_prices(run: Path, flight: Flight, rows: str, message: str) -> None:
    prices = run.parent / "prices.csv"
    prices.write_text(f"date,placement_id,cpm\n{rows}\n", encoding="utf-8")
    result = updated(run, flight.export(1), "--prices", str(prices))
    assert result.exit_code == 2
    assert message in result.stderr


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(4)), st.randoms(use_true_random=False))
def test_files_may_come_in_any_order_and_overlap(order: list[int], random: Any) -> None:
    """The latest reading of a day counts, whichever file brought it last."""
    parts = []
    for at in range(4):
        days = [f"2024-01-0{day + 1}" for day in range(at + 1)]
        rows = pd.DataFrame({"date": days, "promotion_id": "a", "placement_id": "b"})
        rows = rows.assign(segment_id="c", as_of=f"2024-01-0{at + 2}").reindex(columns=list(READ))
        amounts = [c for c in READ if rows[c].isna().all()]
        rows[amounts] = np.nan
        rows["conversions"] = [float(10 * day + at) for day in range(at + 1)]
        for name in ("date", "as_of"):
            rows[name] = pd.to_datetime(rows[name])
        parts.append(rows)
    in_turn, mixed = Ledger(pd.DataFrame()), Ledger(pd.DataFrame())
    for rows in parts:
        in_turn = added(in_turn, rows)
    for at in [*order, random.choice(order)]:
        mixed = added(mixed, parts[at])
    pd.testing.assert_frame_equal(mixed.readings, in_turn.readings)
    latest = latest_readings(mixed.readings).set_index("date")["conversions"]
    assert latest.tolist() == [3.0, 13.0, 23.0, 33.0]
