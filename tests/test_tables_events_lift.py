"""Lift tests and events, and what `data check` and `run` say about bad rows of any table."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.errors import DataError
from promopilot.experiments.manifest import input_digests
from promopilot.experiments.tables import check_tables, read_tables
from tests.small_shop import write_small_shop
from tests.test_tables import READ, swap, write

LIFT = (
    "promotion_id,placement_id,start_date,end_date,incrementality,se\n"
    "a,,2026-01-01,2026-01-14,0.4,0.05\n,home,2026-01-15,2026-01-15,1,0.2\n"
)
EVENTS = (
    "date,name,factor\n2026-11-27,Black Friday,2.5\n2026-11-27,Pay day,1.2\n2026-12-25,Closed,0.1\n"
)
LIFT_TYPES = {
    "promotion_id": "str",
    "placement_id": "str",
    "start_date": "datetime64[us]",
    "end_date": "datetime64[us]",
    "incrementality": "float64",
    "se": "float64",
}
EVENT_TYPES = {"date": "datetime64[us]", "name": "str", "factor": "float64"}


def types(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


def test_both_are_read_with_types(tmp_path: Path) -> None:
    folder = write(tmp_path, lift_tests=LIFT, events=EVENTS)
    report = check_tables(folder)
    assert (report.problems, report.notes) == ([], [])
    assert (report.rows["lift_tests"], report.rows["events"]) == (2, 3)
    tables = read_tables(folder)
    assert types(tables.lift_tests) == LIFT_TYPES
    assert tables.lift_tests["promotion_id"].isna().tolist() == [False, True]
    assert tables.lift_tests["placement_id"].tolist()[1] == "home"
    assert types(tables.events) == EVENT_TYPES
    assert tables.events["factor"].tolist() == [2.5, 1.2, 0.1]


def test_absent_they_have_their_columns_and_no_rows(tmp_path: Path) -> None:
    tables = read_tables(write(tmp_path))
    assert len(tables.lift_tests) == len(tables.events) == 0
    assert types(tables.lift_tests) == LIFT_TYPES
    assert types(tables.events) == EVENT_TYPES
    assert not check_tables(tmp_path).notes


@pytest.mark.parametrize(
    ("kept", "lacking", "tested"),
    [("promotion_id", "placement_id", "a"), ("placement_id", "promotion_id", "home")],
)
def test_one_column_of_ids_is_enough(tmp_path: Path, kept: str, lacking: str, tested: str) -> None:
    content = (
        f"{kept},start_date,end_date,incrementality,se\n{tested},2026-01-01,2026-01-14,0.4,0.05\n"
    )
    tests = read_tables(write(tmp_path, lift_tests=content)).lift_tests
    assert types(tests) == LIFT_TYPES
    assert tests[lacking].isna().all()


def test_one_placement_can_be_tested_without_a_table_of_them(tmp_path: Path) -> None:
    performance = "date,promotion_id,impressions\n2026-01-01,a,5\n"
    content = LIFT.replace(",home,", ",all,")
    folder = write(tmp_path, placements=None, performance=performance, lift_tests=content)
    assert not check_tables(folder).problems
    (folder / "lift_tests.csv").write_text(LIFT)
    (problem,) = check_tables(folder).problems
    assert (problem.row, problem.column, problem.value) == (3, "placement_id", "home")
    assert "needs a table placements" in problem.rule


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    folder = write(tmp_path, lift_tests=LIFT, events=EVENTS)
    from_csv = read_tables(folder)
    for name in ("lift_tests", "events"):
        frame = pd.read_csv(folder / f"{name}.csv")
        days = [column for column in frame if "date" in column]
        frame[days] = frame[days].apply(pd.to_datetime)
        frame.to_parquet(folder / f"{name}.parquet")
        (folder / f"{name}.csv").unlink()
    from_parquet = read_tables(folder)
    pd.testing.assert_frame_equal(from_csv.lift_tests, from_parquet.lift_tests)
    pd.testing.assert_frame_equal(from_csv.events, from_parquet.events)


@pytest.mark.parametrize("kind", ["float64", "Int64", "object"])
def test_numeric_ids_beside_empty_cells_keep_their_digits(tmp_path: Path, kind: str) -> None:
    long = 9007199254740992 if kind == "float64" else 23843000000000123
    promotions = f"promotion_id,text\n7,Milk\n{long},Bread\n"
    folder = write(tmp_path, promotions=promotions, performance=None)
    days = [date(2026, 1, 1)] * 3
    frame = pd.DataFrame(
        {
            "promotion_id": pd.Series([7, None, long], dtype=kind),
            "placement_id": [None, "home", None],
            "start_date": days,
            "end_date": days,
            "incrementality": [0.1, 0.2, 0.3],
            "se": 0.1,
        }
    )
    frame.to_parquet(folder / "lift_tests.parquet")
    assert read_tables(folder).lift_tests["promotion_id"].dropna().tolist() == ["7", str(long)]


def test_unknown_columns_are_kept_and_reported(tmp_path: Path) -> None:
    content = EVENTS.replace("factor\n", "factor,region\n").replace(".5\n", ".5,EU\n")
    content = content.replace("1.2\n", "1.2,\n").replace("0.1\n", "0.1,US\n")
    folder = write(tmp_path, events=content)
    note = "events.csv: column region is not part of the contract; it is kept"
    assert check_tables(folder).notes == [note]
    assert read_tables(folder).events["region"].dropna().tolist() == ["EU", "US"]


def test_they_are_inputs_of_a_run(tmp_path: Path) -> None:
    folder = write(tmp_path, lift_tests=LIFT, events=EVENTS)
    before = input_digests(folder)
    assert {"data/lift_tests.csv", "data/events.csv"} <= set(before)
    (folder / "events.csv").write_text(EVENTS.replace("2.5", "2.6"))
    after = input_digests(folder)
    assert {name for name in after if after[name] != before[name]} == {"data/events.csv"}


IDS = "promotion_id, placement_id"
BAD = {  # table, its content, then row, column, value and part of the rule
    "unknown promotion": ("lift_tests", ("a,,", "z,,"), 2, "promotion_id", "z", "promotions.csv"),
    "unknown placement": ("lift_tests", ("home", "tv"), 3, "placement_id", "tv", "placements.csv"),
    "both ids": ("lift_tests", ("a,,", "a,home,"), 2, IDS, "a, home", "exactly one of the two"),
    "no id": ("lift_tests", ("a,,", " ,,"), 2, IDS, " , ", "exactly one of the two"),
    "no id at all": ("lift_tests", ("a,,", ",,"), 2, IDS, None, "exactly one of the two"),
    "id column empty": (
        *("lift_tests", ("promotion_id,placement_id", "promotion_id,note")),
        *(3, "promotion_id", None, "because there is no column placement_id"),
    ),
    "no id column": (
        *("lift_tests", ("promotion_id,placement_id", "promotion,placement")),
        *(None, IDS, None, "must be there, one of the two at least"),
    ),
    "ends first": (
        *("lift_tests", ("2026-01-14", "2025-12-31")),
        *(2, "start_date, end_date", "2026-01-01, 2025-12-31", "not start after it ends"),
    ),
    "no end": ("lift_tests", ("2026-01-14", ""), 2, "end_date", None, "be filled"),
    "above 1": ("lift_tests", ("0.4", "1.4"), 2, "incrementality", "1.4", "from 0 to 1"),
    "negative": ("lift_tests", ("0.4", "-0.4"), 2, "incrementality", "-0.4", "from 0 to 1"),
    "no error": ("lift_tests", ("0.05", "0"), 2, "se", "0", "finite number above 0"),
    "endless error": ("lift_tests", ("0.05", "inf"), 2, "se", "inf", "finite number above 0"),
    "empty error": ("lift_tests", ("0.05", ""), 2, "se", None, "be filled"),
    "no column": ("lift_tests", (",se", ",error"), None, "se", None, "required column"),
    "no row": ("lift_tests", (LIFT[LIFT.index("a,,") :], ""), None, None, None, "at least one row"),
    "no factor": ("events", ("2.5", "0"), 2, "factor", "0", "finite number above 0"),
    "negative factor": ("events", ("2.5", "-1"), 2, "factor", "-1", "finite number above 0"),
    "NaN factor": ("events", ("2.5", "nan"), 2, "factor", "nan", "finite number above 0"),
    "empty factor": ("events", ("2.5", ""), 2, "factor", None, "be filled"),
    "no name": ("events", ("Black Friday", ""), 2, "name", None, "be filled"),
    "a week": ("events", ("2026-12-25", "2026-W52"), 4, "date", "2026-W52", "ISO date"),
    "twice": (
        *("events", ("Pay day", "Black Friday")),
        *(3, "date, name", "2026-11-27, Black Friday", "one row per day and name"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "change", "row", "column", "value", "rule"), BAD.values(), ids=BAD
)
def test_each_rule_names_its_place(
    tmp_path: Path,
    table: str,
    change: tuple[str, str],
    row: int | None,
    column: str | None,
    value: str | None,
    rule: str,
) -> None:
    content = LIFT if table == "lift_tests" else EVENTS
    assert change[0] in content
    folder = write(tmp_path, **{table: content.replace(*change, 1)})
    (problem,) = check_tables(folder).problems  # one mistake is one problem
    place = (problem.file, problem.row, problem.column, problem.value)
    assert place == (f"{table}.csv", row, column, value)
    assert rule in problem.rule
    assert problem.mend
    assert "leave the cell empty" not in problem.mend  # which another rule would refuse
    with pytest.raises(DataError):
        read_tables(folder)


def test_their_problems_come_with_all_others(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        promotions=swap("promotions", "0.1", "7"),
        lift_tests=LIFT.replace("a,,", "z,,").replace(",0.2", ",-1"),
        events=EVENTS.replace("2.5", "x").replace("Pay day", "Black Friday"),
    )
    assert [(p.file, p.row, p.column) for p in check_tables(folder).problems] == [
        ("promotions.csv", 2, "discount"),
        ("lift_tests.csv", 3, "se"),
        ("events.csv", 2, "factor"),
        ("lift_tests.csv", 2, "promotion_id"),
        ("events.csv", 3, "date, name"),
    ]


@pytest.mark.parametrize("promotions", [None, "promotion_id,text\n"])
def test_ids_are_not_blamed_where_promotions_cannot_be_read(
    tmp_path: Path, promotions: str | None
) -> None:
    folder = write(tmp_path, promotions=promotions, performance=None, lift_tests=LIFT)
    assert [p.file for p in check_tables(folder).problems] == ["promotions.csv"]


def test_semicolons_are_recognised(tmp_path: Path) -> None:
    folder = write(tmp_path, lift_tests=LIFT.replace(",", ";"), events=EVENTS.replace(",", ";"))
    problems = check_tables(folder).problems
    assert {p.file for p in problems} == {"lift_tests.csv", "events.csv"}
    assert all("separate the columns by commas" in p.mend for p in problems)


def test_a_placement_without_supply_or_price_is_allowed(tmp_path: Path) -> None:
    content = "placement_id,text,cpm,cpc,daily_supply\nhome,Home,,0.4,0\nmail,Mail,,,-0\n"
    placements = read_tables(write(tmp_path, placements=content)).placements
    assert placements["daily_supply"].tolist() == [0, 0]
    assert np.isnan(placements["cpm"]).all()


PLACES = "placement_id,text,cpm,cpc,daily_supply\nhome,Home,4,,900\nmail,Mail,,0.3,800\n"
STOCKED = "promotion_id,text,discount,stock\na,Milk,0.1,50\nb,Bread,,\n"
REFUSED = {  # table, its content, then row, column, value and rule
    "negative supply": (
        *("placements", PLACES.replace("900", "-900"), 2, "daily_supply", "-900"),
        "must be a finite number of at least 0",
    ),
    "cpm of zero": (
        *("placements", PLACES.replace(",4,", ",0,"), 2, "cpm", "0"),
        "must be a finite number above 0",
    ),
    "cpc of zero": (
        *("placements", PLACES.replace("0.3", "0.0"), 3, "cpc", "0.0"),
        "must be a finite number above 0",
    ),
    "discount above one": (
        *("promotions", STOCKED.replace("0.1", "1.01"), 2, "discount", "1.01"),
        "must be a number from 0 to 1",
    ),
    "promotion ends first": (
        *("promotions", swap("promotions", "2026-01-31", "2025-12-31")),
        *(2, "start_date, end_date", "2026-01-01, 2025-12-31", "must not start after it ends"),
    ),
    "negative stock": (
        *("promotions", STOCKED.replace(",50", ",-1"), 2, "stock", "-1"),
        "must be a finite number of at least 0",
    ),
    "placement never listed": (
        *("performance", swap("performance", "a,mail", "a,tv"), 4, "placement_id", "tv"),
        "must be an id of placements.csv",
    ),
    "lift test of nothing": (
        *("lift_tests", LIFT.replace("a,,", "z,,"), 2, "promotion_id", "z"),
        "must be an id of promotions.csv",
    ),
    "read too early": (
        *("performance", READ.replace("2026-01-02,5,0", "2025-12-31,5,0"), 2, "as_of, date"),
        *("2025-12-31, 2026-01-01", "must not be before the day that it tells of"),
    ),
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_shop(tmp_path_factory.mktemp("refused"))


@pytest.mark.parametrize(
    ("table", "content", "row", "column", "value", "rule"), REFUSED.values(), ids=REFUSED
)
def test_data_check_and_run_name_the_cell(
    config: Path,
    tmp_path: Path,
    table: str,
    content: str,
    row: int,
    column: str,
    value: str,
    rule: str,
) -> None:
    folder = write(tmp_path / "data", **{table: content})
    checked = CliRunner().invoke(app, ["data", "check", str(folder), "--json"])
    assert checked.exit_code == 2
    (problem,) = json.loads(checked.stdout)["problems"]
    assert problem.pop("mend")
    assert problem == {
        "file": f"{table}.csv", "row": row, "column": column, "value": value, "rule": rule
    }  # fmt: skip
    arguments = ["run", str(config), "--out", str(tmp_path / "run")]
    ran = CliRunner().invoke(app, [*arguments, "--set", f"data.folder={folder}"])
    assert ran.exit_code == 2, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert f"{table}.csv, row {row}, column {column}: {value!r} {rule}; " in ran.stderr


def test_the_good_rows_beside_them_are_fine(tmp_path: Path) -> None:
    folder = write(tmp_path, placements=PLACES, promotions=STOCKED, lift_tests=LIFT)
    assert not check_tables(folder).problems
