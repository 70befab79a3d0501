import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promopilot.experiments.errors import DataError
from promopilot.experiments.example import write_example
from promopilot.experiments.tables import check_tables, read_tables
from promopilot.experiments.tables.readings import latest_readings

GOOD = {
    "promotions.csv": "promotion_id,text,discount,start_date,end_date\n"
    "a,10% off milk,0.1,2026-01-01,2026-01-31\nb,Bread,,,\n",
    "placements.csv": "placement_id,text,cpm\nhome,Home banner,4\nmail,Newsletter,\n",
    "segments.csv": "segment_id,text,size\nall,Everybody,1000\n",
    "performance.csv": "date,promotion_id,placement_id,impressions,clicks,conversions,spend\n"
    "2026-01-01,a,home,100,10,2,4.5\n2026-01-01,b,home,50,5,5,0\n2026-01-02,a,mail,10,0,0,1\n",
}


# One day of one line item, read on two days.
READ = (
    "date,promotion_id,placement_id,as_of,impressions,conversions\n"
    "2026-01-01,a,home,2026-01-02,5,0\n2026-01-01,a,home,2026-01-03,5,1\n"
)


def write(folder: Path, **changed: str | None) -> Path:
    """A good folder, with the files named changed: their new content, or None to leave them out."""
    folder.mkdir(exist_ok=True)
    for name, content in (GOOD | {f"{k}.csv": v for k, v in changed.items()}).items():
        if content is not None:
            (folder / name).write_text(content, encoding="utf-8")
    return folder


def swap(name: str, old: str, new: str) -> str:
    content = GOOD[f"{name}.csv"]
    assert old in content
    return content.replace(old, new, 1)


def test_good_folder_is_read_with_types(tmp_path: Path) -> None:
    tables = read_tables(write(tmp_path))
    assert tables.promotions["promotion_id"].tolist() == ["a", "b"]
    assert np.isnan(tables.promotions["discount"][1])
    assert tables.promotions["end_date"].isna().tolist() == [False, True]
    assert tables.performance["date"].dtype == "datetime64[us]"
    assert tables.performance["clicks"].dtype == "int64"
    assert tables.performance["spend"].tolist() == [4.5, 0.0, 1.0]
    assert tables.performance["segment_id"].tolist() == ["all"] * 3
    assert tables.sources == {}
    assert not check_tables(tmp_path).problems


def test_missing_optional_tables_mean_one_of_each(tmp_path: Path) -> None:
    performance = "date,promotion_id,impressions\n2026-01-01,a,5\n"
    folder = write(tmp_path, placements=None, segments=None, performance=performance)
    tables = read_tables(folder)
    assert tables.placements["placement_id"].tolist() == ["all"]
    assert tables.segments["segment_id"].tolist() == ["all"]
    assert tables.performance[["placement_id", "segment_id"]].iloc[0].tolist() == ["all", "all"]
    notes = check_tables(folder).notes
    assert any(note.startswith("placements: no such table") for note in notes)


def test_no_history_is_an_empty_performance(tmp_path: Path) -> None:
    tables = read_tables(write(tmp_path, performance=None))
    assert len(tables.performance) == 0
    assert set(tables.performance) == {
        "date",
        "promotion_id",
        "placement_id",
        "segment_id",
        "impressions",
    }


def test_line_items_without_outcomes_can_be_scored(tmp_path: Path) -> None:
    folder = write(tmp_path, performance="date,promotion_id,placement_id\n2026-01-01,a,home\n")
    assert read_tables(folder, outcomes=False).performance["placement_id"].tolist() == ["home"]
    with pytest.raises(DataError, match="impressions is a required column"):
        read_tables(folder)


BAD = [  # table, its content, then file, row, column, value and part of the rule
    ("promotions", swap("promotions", "b,Bread", ",Bread"), 3, "promotion_id", None, "be filled"),
    ("promotions", swap("promotions", "b,Bread", "b, "), 3, "text", " ", "be filled"),
    ("promotions", swap("promotions", "b,Bread", "a,Bread"), 3, "promotion_id", "a", "be unique"),
    ("promotions", swap("promotions", "0.1", "10%"), 2, "discount", "10%", "from 0 to 1"),
    ("promotions", swap("promotions", "0.1", "1.5"), 2, "discount", "1.5", "from 0 to 1"),
    ("promotions", swap("promotions", "0.1", "nan"), 2, "discount", "nan", "from 0 to 1"),
    (
        "promotions",
        swap("promotions", "2026-01-31", "31.1.2026"),
        2,
        "end_date",
        "31.1.2026",
        "ISO",
    ),
    (
        "promotions",
        swap("promotions", "2026-01-31", "2026-02-30"),
        2,
        "end_date",
        "2026-02-30",
        "ISO",
    ),
    (
        "promotions",
        swap("promotions", "2026-01-31", "2026-1-31"),
        2,
        "end_date",
        "2026-1-31",
        "ISO",
    ),
    (
        "promotions",
        swap("promotions", "2026-01-31", "2025-12-31"),
        2,
        "start_date, end_date",
        "2026-01-01, 2025-12-31",
        "not start after it ends",
    ),
    ("promotions", swap("promotions", "discount", "text"), 1, "text", None, "once in the header"),
    ("promotions", swap("promotions", "text", "words"), None, "text", None, "required column"),
    ("promotions", "promotion_id,text\n", None, None, None, "at least one row"),
    ("promotions", "", None, None, None, "at least one row"),
    ("promotions", swap("promotions", "b,Bread,,,", "b,Bread"), 3, None, "b,Bread", "have 5 cells"),
    ("placements", swap("placements", ",4", ",-4"), 2, "cpm", "-4", "above 0"),
    ("placements", swap("placements", ",4", ",$4"), 2, "cpm", "$4", "above 0"),
    ("placements", swap("placements", ",4", ",inf"), 2, "cpm", "inf", "finite"),
    ("segments", swap("segments", "1000", "0"), 2, "size", "0", "above 0"),
    ("performance", swap("performance", "100,", "-1,"), 2, "impressions", "-1", "whole number"),
    ("performance", swap("performance", "100,", "99.5,"), 2, "impressions", "99.5", "whole number"),
    ("performance", swap("performance", "100,", ","), 2, "impressions", None, "be filled"),
    ("performance", swap("performance", ",10,2", ",ten,2"), 2, "clicks", "ten", "whole number"),
    (
        "performance",
        swap("performance", "100,10,2", "100,,101"),
        2,
        "conversions, impressions",
        "101, 100",
        "not exceed impressions",
    ),
    (
        "performance",
        GOOD["performance.csv"]
        .replace(",100,10,2", ",0,0,0")
        .replace(",50,5,5", ",0,,")
        .replace(",10,0,0", ",0,0,0"),
        None,
        "impressions",
        None,
        "above 0 in some row",
    ),
    (
        "performance",
        READ.replace("2026-01-03,5,1", "2026-01-02,5,1"),
        3,
        "date, promotion_id, placement_id, as_of",
        "2026-01-01, a, home, 2026-01-02",
        "repeats an earlier row",
    ),
    ("performance", READ.replace("2026-01-03,5,1", ",5,1"), 3, "as_of", None, "several rows"),
    (
        "performance",
        READ.replace("2026-01-02,5,0", "2025-12-31,5,0"),
        2,
        "as_of, date",
        "2025-12-31, 2026-01-01",
        "not be before the day",
    ),
    (
        "performance",
        swap("performance", ",10,2", ",101,2"),
        2,
        "clicks, impressions",
        "101, 100",
        "not exceed impressions",
    ),
    (
        "performance",
        swap("performance", ",5,5", ",5,6"),
        3,
        "conversions, clicks",
        "6, 5",
        "not exceed clicks",
    ),
    (
        "performance",
        "date,promotion_id,placement_id,impressions,conversions\n2026-01-01,a,home,4,5\n",
        2,
        "conversions, impressions",
        "5, 4",
        "not exceed impressions",
    ),
    (
        "performance",
        swap("performance", "b,home", "c,home"),
        3,
        "promotion_id",
        "c",
        "promotions.csv",
    ),
    (
        "performance",
        swap("performance", "a,mail", "a,tv"),
        4,
        "placement_id",
        "tv",
        "placements.csv",
    ),
    (
        "performance",
        swap("performance", "01,b,home", "01,a,home"),
        3,
        "date, promotion_id, placement_id",
        "2026-01-01, a, home",
        "repeats an earlier row",
    ),
    (
        "performance",
        "date,promotion_id,impressions\n2026-01-01,a,5\n",
        None,
        "placement_id",
        None,
        "because placements.csv has several",
    ),
    ("performance", swap("performance", "2026-01-02", ""), 4, "date", None, "be filled"),
]


@pytest.mark.parametrize(("table", "content", "row", "column", "value", "rule"), BAD)
def test_each_rule_names_its_place(
    tmp_path: Path,
    table: str,
    content: str,
    row: int | None,
    column: str | None,
    value: str | None,
    rule: str,
) -> None:
    problems = check_tables(write(tmp_path, **{table: content})).problems
    first = problems[0]
    assert (first.file, first.row, first.column, first.value) == (
        f"{table}.csv",
        row,
        column,
        value,
    )
    assert rule in first.rule
    assert first.mend
    with pytest.raises(DataError) as caught:
        read_tables(tmp_path)
    assert str(caught.value).startswith(str(first))
    assert "\n" not in str(first)


def test_one_mistake_is_one_problem(tmp_path: Path) -> None:
    """A wrong cell is not reported again by rules that compare it with its neighbours."""
    content = swap("performance", "100,", "x,")
    assert len(check_tables(write(tmp_path, performance=content)).problems) == 1


def test_all_problems_at_once(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        promotions=swap("promotions", "0.1", "7"),
        placements=swap("placements", ",4", ",x"),
        performance=swap("performance", "a,mail,10", "q,mail,-3"),
    )
    problems = check_tables(folder).problems
    assert {(p.file, p.row, p.column) for p in problems} == {
        ("promotions.csv", 2, "discount"),
        ("placements.csv", 2, "cpm"),
        ("performance.csv", 4, "impressions"),
        ("performance.csv", 4, "promotion_id"),
    }
    with pytest.raises(DataError, match=r"\(and 3 more\)$") as caught:
        read_tables(folder)
    assert caught.value.problems == problems


def test_missing_promotions_is_named_once(tmp_path: Path) -> None:
    problems = check_tables(write(tmp_path, promotions=None)).problems
    assert [p.file for p in problems] == ["promotions.csv"]
    assert "neither promotions.csv nor promotions.parquet" in str(problems[0])


def test_missing_folder_is_one_problem(tmp_path: Path) -> None:
    (problem,) = check_tables(tmp_path / "nowhere").problems
    assert "must be a folder" in problem.rule


def test_ids_without_their_table(tmp_path: Path) -> None:
    problems = check_tables(write(tmp_path, placements=None)).problems
    assert [(p.row, p.value) for p in problems] == [(2, "home"), (4, "mail")]
    assert "needs a table placements" in problems[0].rule


def test_csv_and_parquet_of_one_table(tmp_path: Path) -> None:
    folder = write(tmp_path)
    pd.read_csv(folder / "promotions.csv").to_parquet(folder / "promotions.parquet")
    (problem,) = check_tables(folder).problems
    assert "promotions.csv and promotions.parquet" in problem.rule


def test_not_utf8_names_row_and_byte(tmp_path: Path) -> None:
    folder = write(tmp_path)
    content = GOOD["promotions.csv"].replace("Bread", "Käse").encode("latin-1")
    (folder / "promotions.csv").write_bytes(content)
    (problem,) = check_tables(folder).problems
    assert (problem.file, problem.row) == ("promotions.csv", 3)
    assert "0xe4" in problem.rule


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    folder = write(tmp_path, promotions=None)
    (folder / "promotions.parquet").write_bytes(b"promotion_id,text\n")
    (problem,) = check_tables(folder).problems
    assert problem.file == "promotions.parquet"
    assert "Parquet" in problem.rule


def test_semicolons_are_recognised(tmp_path: Path) -> None:
    folder = write(tmp_path, promotions="promotion_id;text\na;Milk\n", performance=None)
    problems = check_tables(folder).problems
    assert all("separate the columns by commas" in p.mend for p in problems)


def test_byte_order_mark_quotes_and_blank_lines(tmp_path: Path) -> None:
    content = '\ufeffpromotion_id,text\na,"Milk, ""fresh"",\nand cold"\n\nb,\nc,Bread\n'
    folder = write(tmp_path, promotions=content, performance=None)
    (problem,) = check_tables(folder).problems
    assert (problem.row, problem.column) == (4, "text")
    (folder / "promotions.csv").write_text(content.replace("b,", "b,x"), encoding="utf-8")
    assert read_tables(folder).promotions["text"].tolist() == [
        'Milk, "fresh",\nand cold',
        "x",
        "Bread",
    ]


def test_a_column_like_one_that_is_missing_is_asked_about(tmp_path: Path) -> None:
    content = GOOD["promotions.csv"].replace("discount", "discuont")
    notes = check_tables(write(tmp_path, promotions=content)).notes
    said = "column discuont is not part of the contract; it is kept; did you mean discount?"
    assert f"promotions.csv: {said}" in notes


def test_unknown_columns_are_kept_and_other_files_reported(tmp_path: Path) -> None:
    content = (
        GOOD["promotions.csv"].replace("discount", "discount,shelf").replace(",0.1", ",0.1,top")
    )
    content = content.replace("b,Bread,,,", "b,Bread,,low,,")
    folder = write(tmp_path, promotions=content)
    (folder / "budget.xlsx").write_bytes(b"")
    (folder / "mapping.yaml").write_bytes(b"")  # of `data import`
    report = check_tables(folder)
    assert report.notes == [
        "promotions.csv: column shelf is not part of the contract; it is kept",
        "budget.xlsx: not a table of the contract; it is ignored",
    ]
    assert read_tables(folder).promotions["shelf"].tolist() == ["top", "low"]
    assert report.rows == {"promotions": 2, "placements": 2, "segments": 1, "performance": 3}


@pytest.mark.parametrize("content", ["[1]", "{", '{"a": 1}', "\xff"])
def test_sources_must_be_an_object_of_texts(tmp_path: Path, content: str) -> None:
    folder = write(tmp_path)
    (folder / "sources.json").write_bytes(content.encode("latin-1"))
    (problem,) = check_tables(folder).problems
    assert problem.file == "sources.json"


def test_sources_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "sources.json").write_text(json.dumps({"promotions.price": "estimate: a"}))
    assert read_tables(folder).sources == {"promotions.price": "estimate: a"}


def test_parquet_types_are_taken_as_they_are(tmp_path: Path) -> None:
    folder = write(tmp_path, performance=None)
    frame = pd.DataFrame(
        {
            "date": [date(2026, 1, 1), date(2026, 1, 2)],
            "promotion_id": ["a", "b"],
            "placement_id": ["home", "mail"],
            "impressions": np.array([3, 4], dtype="int32"),
            "as_of": pd.to_datetime(["2026-01-05", "2026-01-05T07:30"], format="ISO8601"),
        }
    )
    frame.to_parquet(folder / "performance.parquet")
    (problem,) = check_tables(folder).problems
    assert (problem.row, problem.column) == (3, "as_of")
    frame.drop(columns="as_of").to_parquet(folder / "performance.parquet")
    performance = read_tables(folder).performance
    assert performance["date"].tolist() == [pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-02")]
    assert performance["impressions"].dtype == "int64"


ROWS = st.lists(
    st.tuples(
        st.dates(date(2000, 1, 1), date(2100, 1, 1)),
        st.sampled_from("ab"),
        st.sampled_from(["home", "mail"]),
        st.integers(0, 10**12),
        st.floats(0, 1e9),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row[:3],
).filter(lambda rows: any(row[3] for row in rows))  # what was never shown is refused


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_csv_and_parquet_read_alike(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    columns = ["date", "promotion_id", "placement_id", "impressions", "spend"]
    frame = pd.DataFrame(rows, columns=columns)
    folder = write(tmp_path, performance=None)
    (folder / "performance.parquet").unlink(missing_ok=True)
    frame.to_csv(folder / "performance.csv", index=False)
    from_csv = read_tables(folder).performance
    (folder / "performance.csv").unlink()
    frame.to_parquet(folder / "performance.parquet")
    pd.testing.assert_frame_equal(from_csv, read_tables(folder).performance)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_another_separator_is_named_in_every_table(tmp_path: Path, mark: str) -> None:
    write_example(tmp_path / "shop", seed=0)
    table = tmp_path / "shop" / "data" / "performance.csv"
    table.write_text(table.read_text().replace(",", mark))
    with pytest.raises(DataError, match=r"performance\.csv"):
        read_tables(tmp_path / "shop" / "data")


def test_cells_that_a_source_does_not_record_stay_empty(tmp_path: Path) -> None:
    content = swap("performance", ",10,2", ",,2").replace(",0,0,1", ",0,,1")
    folder = write(tmp_path, performance=content)
    performance = read_tables(folder).performance
    assert performance["clicks"].isna().tolist() == [True, False, False]
    assert performance["clicks"][1:].tolist() == [5, 0]
    assert performance["conversions"].fillna(-1).tolist() == [2, 5, -1]
    assert check_tables(folder).notes == [
        "performance.csv: column clicks is empty in 1 of 3 rows; those rows do not tell of it",
        "performance.csv: column conversions is empty in 1 of 3 rows; those rows do not tell of it",
    ]


def test_an_outcome_without_a_single_count_is_one_that_is_not_recorded(tmp_path: Path) -> None:
    content = "date,promotion_id,placement_id,impressions,clicks,conversions\n"
    folder = write(tmp_path, performance=content + "2026-01-01,a,home,10,,3\n")
    assert "clicks" not in read_tables(folder).performance
    assert read_tables(folder).performance["conversions"].dtype == "int64"
    assert check_tables(folder).notes == [
        "performance.csv: column clicks is empty in 1 of 1 rows; it is read as not recorded"
    ]


def test_the_rows_to_be_scored_need_no_sense_in_their_outcomes(tmp_path: Path) -> None:
    for at, counts in enumerate(("0,10,2", "many,a few,-1", ",,")):
        (tmp_path / str(at)).mkdir()
        folder = write(tmp_path / str(at), performance=swap("performance", "100,10,2", counts))
        performance = read_tables(folder, outcomes=False).performance
        assert len(performance) == 3
        assert not {"impressions", "clicks", "conversions"} & set(performance.columns)
        assert not check_tables(folder, outcomes=False).notes


def test_the_latest_reading_of_a_day_counts(tmp_path: Path) -> None:
    tables = read_tables(write(tmp_path, performance=READ))
    assert tables.performance["conversions"].tolist() == [1]
    assert tables.readings is not None
    assert tables.readings["conversions"].tolist() == [0, 1]
    assert check_tables(tmp_path).notes == [
        "performance.csv: earlier readings (as_of) of a day and line item in 1 of 2 rows; the "
        "latest one counts"
    ]


@pytest.mark.parametrize(
    ("start", "conversions"),
    [
        ("2026-01-01", 1),  # the flight's own day: whatever is known last
        ("2026-01-02", 0),  # nothing was read yet: the first reading after it
        ("2026-01-03", 0),
        ("2026-01-04", 1),
        ("2026-01-31", 1),
    ],
)
def test_a_flight_knows_no_reading_made_after_it_began(
    tmp_path: Path, start: str, conversions: int
) -> None:
    tables = read_tables(write(tmp_path, performance=READ)).known_on(date.fromisoformat(start))
    assert tables.performance["conversions"].tolist() == [conversions]


def test_days_read_only_after_the_flight_began_count_by_their_first_reading() -> None:
    frame = pd.DataFrame(
        {
            "date": pd.Timestamp("2026-01-01"),
            "promotion_id": ["a", "a", "b"],
            "as_of": pd.to_datetime(["2026-02-02", "2026-02-01", None]),
            "conversions": [2, 1, 7],
        }
    )
    assert latest_readings(frame, date(2026, 1, 10))["conversions"].tolist() == [1, 7]
    assert latest_readings(frame)["conversions"].tolist() == [2, 7]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 9)),
        min_size=1,
        unique=True,
    ),
    st.integers(0, 12),
)
def test_every_day_and_line_item_keeps_exactly_one_reading(
    rows: list[tuple[int, str, int]], start: int
) -> None:
    epoch = pd.Timestamp("2026-01-01")
    frame = pd.DataFrame(
        {
            "date": [epoch + pd.Timedelta(days=day) for day, _, _ in rows],
            "promotion_id": [name for _, name, _ in rows],
            "as_of": [epoch + pd.Timedelta(days=day + lag) for day, _, lag in rows],
        }
    )
    cut = (epoch + pd.Timedelta(days=start)).date()
    known = latest_readings(frame, cut)
    assert not known.duplicated(["date", "promotion_id"]).any()
    assert len(known) == len(frame[["date", "promotion_id"]].drop_duplicates())
    late = known[(known["date"] < str(cut)) & (known["as_of"] >= str(cut))]
    for row in late.itertuples():  # then no earlier reading was there to take
        same = (frame["date"] == row.date) & (frame["promotion_id"] == row.promotion_id)
        assert frame.loc[same, "as_of"].min() == row.as_of
    pd.testing.assert_frame_equal(known, latest_readings(known, cut))
