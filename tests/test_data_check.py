"""`data check`: what it says of each problem and warning, to a person and to a program."""

import json
import math
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.config import RunConfig, make_config
from promopilot.experiments.tables import Report, check_tables
from promopilot.experiments.tables.telling import LISTED, SHOWN, sentences_of, summary_of
from promopilot.experiments.tables.warnings.warning import TableWarning, figure

TODAY = date(2026, 4, 15)
PROMOTIONS = (
    "promotion_id,text,price,margin,discount\n"
    "a,10% off milk,4,0.4,0.1\nb,Bread,3,0.4,0\nc,Cheese,8,0.4,0.2\n"
)
PLACEMENTS = "placement_id,text,cpm,daily_supply\nhome,Home banner,4,9000\nmail,Newsletter,2,\n"
Frame = pd.DataFrame


def history(days: int = 60) -> Frame:
    """Every day from 2026-01-01: three promotions in two placements, nothing odd in it."""
    names = pd.MultiIndex.from_product(
        [
            pd.date_range("2026-01-01", periods=days).strftime("%Y-%m-%d"),
            list("abc"),
            ["home", "mail"],
        ],
        names=["date", "promotion_id", "placement_id"],
    )
    frame = names.to_frame(index=False)
    shown = 1000 + 10 * (np.arange(len(frame)) % 7)
    price = np.where(frame["placement_id"] == "home", 0.004, 0.002)
    return frame.assign(
        impressions=shown,
        clicks=30,
        conversions=3,
        spend=(shown * price).round(2),
        conversion_value=18.0,
    )


def checked(
    folder: Path,
    frame: Frame | None = None,
    promotions: str = PROMOTIONS,
    placements: str = PLACEMENTS,
    config: RunConfig | None = None,
) -> Report:
    write(folder, history() if frame is None else frame, promotions, placements)
    return check_tables(folder, config=config, today=TODAY)


def write(
    folder: Path, frame: Frame, promotions: str = PROMOTIONS, placements: str = PLACEMENTS
) -> None:
    frame.to_csv(folder / "performance.csv", index=False)
    (folder / "promotions.csv").write_text(promotions, encoding="utf-8")
    (folder / "placements.csv").write_text(placements, encoding="utf-8")


def test_a_good_history_has_no_warning(tmp_path: Path) -> None:
    report = checked(tmp_path)
    assert (report.problems, report.warnings) == ([], [])


def scaled(
    column: str, times: float, since: str, until: str = "2027", place: str = ""
) -> Callable[[Frame], Frame]:
    def change(frame: Frame) -> Frame:
        there = frame["date"].between(since, until)
        if place:
            there &= frame["placement_id"].eq(place)
        return frame.assign(**{column: frame[column].where(~there, frame[column] * times)})

    return change


def put(row: int, **values: object) -> Callable[[Frame], Frame]:
    """The cells of one row of the file, which counts from 2."""

    def change(frame: Frame) -> Frame:
        changed = frame.copy()
        for name, value in values.items():
            changed[name] = changed[name].astype(object)
            changed.loc[row - 2, name] = value
        return changed

    return change


def without(*days: str) -> Callable[[Frame], Frame]:
    return lambda frame: frame[~frame["date"].isin(days)]


ODD_HISTORY = {  # change, then kind, column, first row, rows, its days, part of what is said
    "cents since a day": (
        scaled("spend", 100, "2026-02-20"),
        *("level_jump", "spend", 302, 6, "2026-02-20", "2026-02-20"),
        "spend per impression is suddenly 100 times",
    ),
    "micros on one day, in one placement": (
        scaled("spend", 1e6, "2026-02-20", "2026-02-20", "mail"),
        *("level_jump", "spend", 303, 3, "2026-02-20", "2026-02-20"),
        "(mail 2,000 after 0.002), as if micros (millionths) stood beside units",
    ),
    "value in thousandths": (
        scaled("conversion_value", 0.001, "2026-02-25"),
        *("level_jump", "conversion_value", 332, 6, "2026-02-25", "2026-02-25"),
        "1/1,000 of what it was",
    ),
    "impressions in thousands": (
        lambda frame: scaled("spend", 1000, "2026-02-27", place="mail")(
            scaled("impressions", 1000, "2026-02-27", place="mail")(frame)
        ),
        *("level_jump", "impressions", 345, 3, "2026-02-27", "2026-02-27"),
        "impressions a day is suddenly 990 times",
    ),
    "a fee": (
        put(9, impressions=0, clicks=0, conversions=0, conversion_value=0),
        *("spend_without_impressions", "spend, impressions", 9, 1, "2026-01-02", "2026-01-02"),
        "spend of 2.00 and no impressions",
    ),
    "free impressions": (
        put(9, spend=0),
        *("impressions_without_spend", "spend, impressions", 9, 1, "2026-01-02", "2026-01-02"),
        "spend is 0 where impressions are paid for (mail)",
    ),
    "gaps": (
        without("2026-01-05", "2026-01-06", "2026-01-20"),
        *("days_missing", "date", None, 0, "2026-01-05", "2026-01-20"),
        "3 days without a row: 2026-01-05 to 2026-01-06, 2026-01-20",
    ),
    "next year": (
        put(9, date="2027-01-02"),
        *("date_in_future", "date", 9, 1, "2027-01-02", "2027-01-02"),
        "date is after today, 2026-04-15",
    ),
    "the last week only": (
        lambda frame: frame[frame["date"] > "2026-02-25"],
        *("short_history", "date", None, 0, "2026-02-26", "2026-03-01"),
        "impressions on 4 days",
    ),
    "ten days": (
        lambda frame: frame[frame["date"] <= "2026-01-10"],
        *("short_history", "date", None, 0, "2026-01-01", "2026-01-10"),
        "With fewer than 14 days season",
    ),
    "three weeks": (
        lambda frame: frame[frame["date"] <= "2026-01-21"],
        *("short_history", "date", None, 0, "2026-01-01", "2026-01-21"),
        "The current mix is the mean of 28 days",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "kind", "column", "row", "rows", "first", "last", "said"),
    ODD_HISTORY.values(),
    ids=ODD_HISTORY,
)
def test_odd_history_is_one_warning(
    tmp_path: Path,
    change: Callable[[Frame], Frame],
    kind: str,
    column: str,
    row: int | None,
    rows: int,
    first: str,
    last: str,
    said: str,
) -> None:
    placements = PLACEMENTS.replace(",9000", ",")
    report = checked(tmp_path, change(history()), placements=placements)
    assert report.problems == []
    (warning,) = [w for w in report.warnings if w.kind != "price_unlike_spend"]
    assert (warning.kind, warning.file, warning.column) == (kind, "performance.csv", column)
    assert (warning.row, warning.rows) == (row, rows)
    assert (str(warning.first_day), str(warning.last_day)) == (first, last)
    assert said in str(warning)


MILK = "a,10% off milk,4,0.4,0.1"
ODD_TABLES = {  # table, old and new content, kind, column, first row, rows, part of what is said
    "never shown": (
        *("promotions", "c,Cheese", "c,Cheese,8,0.4,0.2\nd,New"),
        *("promotion_without_history", "promotion_id", 5, 1, "never shown in the history: d"),
    ),
    "same words": (
        *("promotions", "c,Cheese", "c, bread "),
        *("text_repeated", "text", 4, 1, "the same text as an earlier promotion: c"),
    ),
    "price 0": (
        *("promotions", MILK, MILK.replace(",4,", ",0,")),
        *("price_zero", "price", 2, 1, "price is 0: a"),
    ),
    "discount above margin": (
        *("promotions", MILK, MILK.replace("0.1", "0.4")),
        *("never_profitable", "price, margin, discount", 2, 1, "as much as a sale earns"),
    ),
    "price per impression": (
        *("placements", ",4,", ",0.004,"),
        *("price_unlike_spend", "cpm", 2, 1, "home says 0.004 and paid 4"),
    ),
    "too little supply": (
        *("placements", "9000", "900"),
        *("supply_below_impressions", "daily_supply", 2, 1, "home has 900 and showed 3,090"),
    ),
}


@pytest.mark.parametrize(
    ("table", "old", "new", "kind", "column", "row", "rows", "said"),
    ODD_TABLES.values(),
    ids=ODD_TABLES,
)
def test_odd_tables_are_one_warning(
    tmp_path: Path,
    table: str,
    old: str,
    new: str,
    kind: str,
    column: str,
    row: int,
    rows: int,
    said: str,
) -> None:
    contents = {"promotions": PROMOTIONS, "placements": PLACEMENTS}
    assert old in contents[table]
    report = checked(tmp_path, **{**contents, table: contents[table].replace(old, new, 1)})
    assert report.problems == []
    (warning,) = report.warnings
    assert (warning.kind, warning.file, warning.column) == (kind, f"{table}.csv", column)
    assert (warning.row, warning.rows) == (row, rows)
    assert said in str(warning)
    assert warning.means
    assert warning.mend


FINE = {  # what only looks odd
    "not bought": ({"placements": PLACEMENTS.replace("9000", "0")}, []),
    "a panel": ({"placements": PLACEMENTS.replace("9000", "4000")}, []),
    "clicks paid for": (
        {"placements": "placement_id,text,cpc\nhome,Home,0.13\nmail,Mail,0.07\n"},
        ["assumptions.panel_projection=1"],
    ),
    "others pay": (
        {"promotions": PROMOTIONS.replace(MILK, MILK.replace("0.1", "0.4"))},
        ["assumptions.unit_subsidy_share=0.2"],
    ),
    "recorded discounts": (
        {"promotions": PROMOTIONS.replace(MILK, MILK.replace("0.1", "0.4"))},
        [],
    ),
    "revenue counts": (
        {"promotions": PROMOTIONS.replace(MILK, MILK.replace("0.1", "0.4"))},
        ["objective=revenue"],
    ),
}


@pytest.mark.parametrize(("tables", "overrides"), FINE.values(), ids=FINE)
def test_what_the_config_explains_is_no_warning(
    tmp_path: Path, tables: dict[str, str], overrides: list[str]
) -> None:
    frame = history()
    if "placements" in tables and "cpc" in tables["placements"]:  # not clicked, not paid
        frame = put(9, clicks=0, conversions=0, conversion_value=0, spend=0)(frame)
    if "0.4,0.4" in tables.get("promotions", "") and not overrides:
        frame = frame.assign(subsidy=1.0)
    report = checked(tmp_path, frame, config=make_config({}, overrides), **tables)
    assert report.warnings == []


def test_a_supply_in_people_of_a_panel_is_compared_in_the_business(tmp_path: Path) -> None:
    config = make_config({}, ["assumptions.panel_projection=10"])
    (warning,) = checked(tmp_path, config=config).warnings
    assert warning.items[0]["usual"] == 30_900


def test_weekly_rows_are_told_as_such(tmp_path: Path) -> None:
    frame = history(7 * 40)
    days = pd.date_range("2025-01-01", periods=280, freq="D").strftime("%Y-%m-%d")
    frame["date"] = frame["date"].map(dict(zip(frame["date"].unique(), days, strict=True)))
    (warning,) = checked(tmp_path, frame[frame["date"].isin(days[::7])]).warnings
    assert warning.kind == "weekly_rows"
    assert "as if each told of a week" in warning.found


def test_one_mistake_is_no_warning_too(tmp_path: Path) -> None:
    """A cell that breaks its rule is left out of what warnings look at."""
    report = checked(tmp_path, put(9, impressions="x")(history()))
    assert (len(report.problems), report.warnings) == (1, [])


# --- days that one campaign lacks ---

CAMPAIGNS = PROMOTIONS.replace("promotion_id,", "promotion_id,campaign_id,")
for _promotion, _campaign in (("a", "spring"), ("b", "spring"), ("c", "fair")):
    CAMPAIGNS = CAMPAIGNS.replace(f"\n{_promotion},", f"\n{_promotion},{_campaign},")


def lacking(names: str, first: int, last: int, every: int = 1) -> Callable[[Frame], Frame]:
    """Without the rows of some promotions on the days `first` to `last` from 2026-01-01."""

    def change(frame: Frame) -> Frame:
        days = pd.date_range("2026-01-01", periods=last).strftime("%Y-%m-%d")[first - 1 :: every]
        gone = frame["promotion_id"].isin(list(names)) & frame["date"].isin(days)
        return frame[~gone]

    return change


GAPS = {  # change, promotions, and what is said
    "three days": (
        lacking("b", 20, 22),
        PROMOTIONS,
        "3 days without a row of a campaign that ran before and after: b 2026-01-20 to 2026-01-22",
    ),
    "one day": (lacking("b", 20, 20), PROMOTIONS, "1 day without a row of a campaign"),
    "two weeks": (lacking("b", 20, 33), PROMOTIONS, "b 2026-01-20 to 2026-02-02"),
    "all of a campaign": (lacking("ab", 20, 22), CAMPAIGNS, "after: spring 2026-01-20 to"),
    "a part of a campaign": (lacking("a", 20, 22), CAMPAIGNS, None),
    "before it began": (lacking("b", 1, 22), PROMOTIONS, None),
    "after it ended": (lacking("b", 40, 60), PROMOTIONS, None),
    "a day a week off": (lacking("b", 3, 60, 7), PROMOTIONS, None),
    "others pause for weeks, too": (
        lambda frame: lacking("a", 8, 21)(lacking("b", 20, 33)(frame)),
        PROMOTIONS,
        None,
    ),
    "hardly ever shown": (
        lambda frame: lacking("b", 20, 22)(
            frame.assign(
                impressions=frame["impressions"].where(frame["promotion_id"].ne("b"), 9),
                clicks=0,
                conversions=0,
                conversion_value=0,
                spend=0.0,
            )
        ),
        PROMOTIONS,
        None,
    ),
}


@pytest.mark.parametrize(("change", "promotions", "said"), GAPS.values(), ids=GAPS)
def test_days_that_one_campaign_lacks(
    tmp_path: Path, change: Callable[[Frame], Frame], promotions: str, said: str | None
) -> None:
    report = checked(tmp_path, change(history()), promotions)
    found = [w for w in report.warnings if w.kind == "campaign_days_missing"]
    assert len(found) == (said is not None)
    if said is not None:
        assert said in str(found[0])
        assert found[0].items[0]["first_day"] == "2026-01-20"


# --- more than one currency ---


def test_a_currency_that_a_run_refuses_is_told_where_a_config_is_given(tmp_path: Path) -> None:
    write(tmp_path, history())
    (tmp_path / "sources.json").write_text('{"currency": "EUR"}')
    assert checked(tmp_path).warnings == []
    (warning,) = checked(tmp_path, config=make_config({}, ["currency=USD"])).warnings
    assert (warning.kind, warning.file) == ("currency_unlike_config", "sources.json")
    assert "the tables are in EUR, and the config's currency is USD" in str(warning)
    assert "Set `currency: EUR`" in str(warning)
    assert checked(tmp_path, config=make_config({}, ["currency=EUR"])).warnings == []
    done = CliRunner().invoke(app, ["data", "check", str(tmp_path), "--set", "currency=USD"])
    assert "A run will refuse them" in done.stdout


@pytest.mark.parametrize("column", ["currency", "Currency code"])
def test_a_column_of_several_currencies_is_told(tmp_path: Path, column: str) -> None:
    one = history().assign(**{column: "EUR"})
    assert checked(tmp_path, one).warnings == []
    (warning,) = checked(tmp_path, put(9, **{column: "usd"})(one)).warnings
    assert (warning.kind, warning.column) == ("several_currencies", column)
    assert "money in 2 currencies: EUR, USD" in str(warning)


# --- conversions that are still coming in ---


def arriving(days: int, *seen: int) -> Frame:
    """A history whose last days have only so many of 6 conversions in each row."""
    frame = history(days)
    frame["conversions"] = 6 + np.arange(len(frame)) // 6 % 3 - 1  # 5, 6, 7 from day to day
    for day, count in zip(sorted(frame["date"].unique())[-len(seen) :], seen, strict=True):
        frame.loc[frame["date"].eq(day), "conversions"] = count
    return frame


FALLING = {  # the last days, and how many of them are told
    "as usual": ((6, 5), 0),
    "one bad day": ((2,), 0),
    "fewer, within chance": ((4, 4), 0),
    "still coming in": ((4, 3, 2, 1), 4),
    "the last two": ((5, 6, 3, 1), 2),
    "hardly fewer": ((5, 4), 0),
}


@pytest.mark.parametrize(("seen", "told"), FALLING.values(), ids=FALLING)
def test_last_days_below_all_that_is_usual_are_told_without_as_of(
    tmp_path: Path, seen: tuple[int, ...], told: int
) -> None:
    frame = arriving(60, *seen)
    found = checked(tmp_path, frame).warnings  # weeks after the last day
    assert [w.kind for w in found] == ["conversions_falling"] * bool(told)
    if told:
        days = sorted(frame["date"].unique())[-told:]
        assert (str(found[0].first_day), str(found[0].last_day)) == (days[0], days[-1])
        assert [item["date"] for item in found[0].items] == days
        assert "as if they were still coming in" in found[0].found
    dated = checked(tmp_path, frame.assign(as_of="2026-04-14")).warnings
    assert dated == []  # it says itself when it was read
    early = make_config({}, [f"flight.start={sorted(frame['date'].unique())[-len(seen)]}"])
    assert checked(tmp_path, frame, config=early).warnings == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10_000))
def test_chance_alone_is_no_warning(tmp_path: Path, seed: int) -> None:
    frame = history()
    rng = np.random.default_rng(seed)
    frame["conversions"] = np.minimum(rng.poisson(3, len(frame)), frame["clicks"])
    assert [w for w in checked(tmp_path, frame).warnings if w.kind == "conversions_falling"] == []


def seen(days: float, fast: float, fast_days: float, slow_days: float) -> float:
    """The share of conversions that is seen within some days."""
    at_once = 1.0 if fast_days == 0 else 1 - math.exp(-days / fast_days)
    return fast * at_once + (1 - fast) * (1 - math.exp(-days / slow_days))


DELAYS = {  # config, window, and the delay: share and mean of the fast part, mean of the slow one
    "usual": ([], 30, (0.36, 0.3 / 24, 97 / 24)),
    "a short window": (["attribution.window_days=7"], 7, (0.36, 0.3 / 24, 97 / 24)),
    "half after two days": (
        [
            "market.delay_fast_share=0.5",
            "market.delay_fast_days=0",
            "market.delay_slow_days=2",
        ],
        30,
        (0.5, 0.0, 2.0),
    ),
}


@pytest.mark.parametrize(("overrides", "window", "delay"), DELAYS.values(), ids=DELAYS)
def test_conversions_still_coming_in_rise_by_the_delay(
    tmp_path: Path, overrides: list[str], window: int, delay: tuple[float, float, float]
) -> None:
    frame = history().assign(as_of="2026-03-02")  # the day after the last
    (warning,) = checked(tmp_path, frame, config=make_config({}, overrides)).warnings
    assert warning.kind == "conversions_still_coming"
    rises = [float(item["expected_rise_pct"]) for item in warning.items]
    for age, item in enumerate(reversed(warning.items), start=1):
        rise = seen(window, *delay) / seen(age, *delay)
        assert item["date"] == str(date(2026, 3, 2) - timedelta(days=age))
        assert item["conversions"] == 18
        assert item["expected_conversions"] == pytest.approx(18 * rise, abs=0.01)
        assert item["expected_rise_pct"] == pytest.approx(100 * (rise - 1), abs=0.1)
    assert rises[0] >= 1  # less is not worth a warning
    assert "a run counts on what is still to come" in warning.means


def test_conversions_that_are_seen_at_once_do_not_rise(tmp_path: Path) -> None:
    config = make_config({}, ["market.delay_fast_share=1"])
    assert checked(tmp_path, history().assign(as_of="2026-03-02"), config=config).warnings == []


def test_without_as_of_days_within_the_window_of_today_may_rise(tmp_path: Path) -> None:
    write(tmp_path, history())
    for today, kinds in (
        (date(2026, 3, 1), ["conversions_still_coming"]),
        (date(2026, 3, 31), []),  # after the window
    ):
        warnings = check_tables(tmp_path, today=today).warnings
        assert [w.kind for w in warnings] == kinds
    (warning,) = check_tables(tmp_path, today=date(2026, 3, 2)).warnings
    assert "without a column as_of a run takes them as final" in warning.means
    assert "at least about" in warning.found


def test_rows_without_a_reading_day_among_others_count_as_final(tmp_path: Path) -> None:
    frame = history().assign(as_of="2026-03-02")
    frame.loc[frame["promotion_id"] != "a", "as_of"] = ""
    frame = put(9, spend=0)(frame)  # which they are still looked at for
    kinds = {w.kind: w for w in checked(tmp_path, frame).warnings}
    assert set(kinds) == {"conversions_still_coming", "impressions_without_spend"}
    assert kinds["conversions_still_coming"].items[-1]["conversions"] == 6


def test_a_later_reading_is_the_one_that_counts(tmp_path: Path) -> None:
    early = history().assign(as_of="2026-03-02")
    late = history().assign(as_of="2026-04-14", conversions=6)
    assert checked(tmp_path, pd.concat([early, late])).warnings == []


def test_only_what_was_known_before_the_flight_counts_for_it(tmp_path: Path) -> None:
    early = history().assign(as_of="2026-02-20")
    early = early[early["date"] <= "2026-02-19"]
    late = history().assign(as_of="2026-04-14")
    config = make_config({}, ["flight.start=2026-02-20"])
    (warning,) = checked(tmp_path, pd.concat([early, late]), config=config).warnings
    assert warning.kind == "conversions_still_coming"
    assert str(warning.last_day) == "2026-02-19"


# --- what is said ---


def test_json_has_one_object_per_problem_and_warning_with_the_same_keys(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    frame = put(9, clicks="x")(put(12, spend=0)(history()))
    write(folder, frame, PROMOTIONS + "e,Egg,1,2,0\nf,Fig,1,1,0\n")
    out = tmp_path / "check.json"
    result = CliRunner().invoke(app, ["data", "check", str(folder), "--json", "--out", str(out)])
    assert result.exit_code == 2
    summary = json.loads(result.stdout)
    assert json.loads(out.read_text(encoding="utf-8")) == summary
    assert list(summary) == [
        *("data", "ok", "problem_count", "problems", "warnings", "notes", "rows"),
    ]  # fmt: skip
    assert (summary["ok"], summary["problem_count"]) == (False, 2)
    for problem in summary["problems"]:
        assert list(problem) == ["file", "row", "column", "value", "rule", "mend"]
    assert {w["kind"] for w in summary["warnings"]} == {
        *("impressions_without_spend", "promotion_without_history"),
    }
    for warning in summary["warnings"]:
        assert list(warning) == [
            *("kind", "file", "column", "row", "rows", "first_day", "last_day"),
            *("found", "means", "mend", "items"),
        ]
    assert summary["rows"] == {"promotions": 5, "placements": 2, "performance": 360}


def test_warnings_alone_exit_with_0(tmp_path: Path) -> None:
    write(tmp_path, put(9, spend=0)(history()))
    result = CliRunner().invoke(app, ["data", "check", str(tmp_path)])
    assert result.exit_code == 0
    assert "warning: performance.csv, row 9, 2026-01-02: spend is 0 where" in result.stdout
    assert result.stdout.endswith(f"{tmp_path} has no problem and 1 warning\n")


def test_the_config_is_taken_from_a_file_and_options(tmp_path: Path) -> None:
    write(tmp_path, history().assign(as_of="2026-03-02"))
    config = tmp_path / "c.yaml"
    config.write_text("attribution: {window_days: 7}\n")
    command = ["data", "check", str(tmp_path), "--json", "--config", str(config)]

    def window(*more: str) -> str:
        (warning,) = json.loads(CliRunner().invoke(app, [*command, *more]).stdout)["warnings"]
        return str(warning["means"])

    assert "within 7 days" in window()
    assert "within 14 days" in window("--set", "attribution.window_days=14")
    refused = CliRunner().invoke(app, [*command, "--set", "attribution.window_days=0"])
    assert refused.exit_code == 2
    assert (
        "`$.attribution.window_days` is 0: it must be greater than or equal to 1" in refused.stderr
    )


def test_problems_of_one_kind_are_one_line(tmp_path: Path) -> None:
    frame = history()
    frame["clicks"] = "x"
    frame = put(9, clicks=5, spend="-")(frame)
    report = checked(tmp_path, frame)
    lines = [line for line in sentences_of(report) if line.startswith("problem")]
    assert lines == [
        "problem: performance.csv, row 2, column clicks: 'x' must be a whole number of at least 0; "
        "write digits only, without separators or units (and 358 more rows like it)",
        "problem: performance.csv, row 9, column spend: '-' must be a finite number of at least 0; "
        "write a plain number, without separators or currency",
    ]
    assert len(summary_of(report)["problems"]) == 360


def test_a_broken_file_is_listed_up_to_a_limit(tmp_path: Path) -> None:
    frame = pd.concat([history()] * 40)  # every row but the first 360 repeats an earlier one
    summary = summary_of(checked(tmp_path, frame))
    assert summary["problem_count"] == 39 * 360
    assert len(summary["problems"]) == LISTED


def test_many_kinds_of_problems_are_cut_for_a_person_only(tmp_path: Path) -> None:
    columns = (
        *("discount", "price", "margin", "unit_subsidy", "start_date", "end_date", "stock"),
        "incrementality",
    )
    header, cells = ",".join(columns), ",".join("x" * len(columns))
    write(tmp_path, history(), f"promotion_id,text,{header}\na,Milk,{cells}\nb,Bread,{cells}\n")
    frame = pd.read_csv(tmp_path / "performance.csv", dtype="str")
    for name in frame.columns.drop(["promotion_id", "placement_id"]):
        frame.loc[0, name] = "y"
        frame.loc[1, name] = None
    frame.to_csv(tmp_path / "performance.csv", index=False)
    (tmp_path / "segments.csv").write_text("segment_id,text,size\n,x,x\n,,0\n")
    (tmp_path / "events.csv").write_text("date,name,factor\nx,,x\n,n,0\n")
    report = check_tables(tmp_path, today=TODAY)
    lines = [line for line in sentences_of(report) if line.startswith(("problem", "and "))]
    assert len(lines) == SHOWN + 1
    assert lines[-1].endswith("more kinds of problems; --json or --out has them")


@pytest.mark.parametrize("name", ["日付,プロモーション,表示回数\n", "Tag;Kampagne;Impr.\n"])
def test_headers_in_another_language_are_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, history())
    sign = ";" if ";" in name else ","
    (tmp_path / "performance.csv").write_text(name + sign.join("1a2") + "\n", encoding="utf-8")
    report = check_tables(tmp_path, today=TODAY)
    lacking = [p.column for p in report.problems if p.rule == "is a required column"]
    assert lacking == ["date", "promotion_id", "impressions"]
    assert report.warnings == []


CELLS = st.sampled_from(["", "x", "0", "-1", "1e9", "2026-13-01", "2026-02-01", "a", "nan", "0.5"])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_stands_in_the_cells_there_is_a_report(
    tmp_path: Path, data: st.DataObject
) -> None:
    frame = history(3).astype("str").assign(as_of="2026-03-02")
    for _ in range(data.draw(st.integers(1, 6))):
        column = data.draw(st.sampled_from(list(frame.columns)))
        frame.loc[data.draw(st.integers(0, len(frame) - 1)), column] = data.draw(CELLS)
    if data.draw(st.booleans()):
        frame = frame.drop(columns=data.draw(st.sampled_from(list(frame.columns))))
    promotions = PROMOTIONS.replace(data.draw(st.sampled_from(["a,", "4", "Bread"])), "", 1)
    report = checked(tmp_path, frame, promotions=promotions)
    json.dumps(summary_of(report))
    assert all("\n" in str(warning) for warning in report.warnings)


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0.00000000"), (2e-6, "0.00000200"), (0.004, "0.004"), (93.172, "93.17"), (2e4, "20,000")],
)
def test_figures_are_never_in_powers_of_ten(number: float, shown: str) -> None:
    assert figure(number) == shown


def test_where_a_warning_stands() -> None:
    days = date(2026, 1, 1), date(2026, 1, 3)
    place = TableWarning("k", "f.csv", "c", 7, 3, *days, "odd", "Bad", "Mend")
    assert str(place) == "f.csv, row 7 and 2 more, 2026-01-01 to 2026-01-03: odd\n    Bad. Mend."
