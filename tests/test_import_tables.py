"""From export rows to tables: rules, sums, whole counts, readings, repeats, what is derived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.experiments.bench.importing import write_export
from promopilot.experiments.errors import DataError
from promopilot.experiments.importing import folder as folder_module
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.ids import as_text, coded, joined
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.run import import_performance
from promopilot.experiments.importing.whole_counts import whole, within
from promopilot.experiments.tables import Tables, read_tables

HEADER = "Day,Campaign,Campaign ID,Network,Impr.,Clicks,Cost,Conversions\n"


def imported(
    folder: Path, *texts: str, platform: Platform = Platform.GOOGLE_ADS, **mapping: Any
) -> tuple[Tables, dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    files = []
    for number, text in enumerate(texts, 1):
        files.append(folder / f"{chr(96 + number)}-2026-04-0{number}.csv")
        files[-1].write_text(text, encoding="utf-8")
    summary = import_performance(files, platform, Mapping(**mapping), folder / "out")
    return read_tables(folder / "out"), summary


counts = st.lists(
    st.tuples(
        st.integers(0, 3),  # line item
        st.floats(0, 20, width=32),
        st.integers(0, 25),
    ),
    min_size=1,
    max_size=30,
)


@given(counts)
@settings(max_examples=60, deadline=None)
def test_what_is_moved_stays_in_its_line_item_and_fits(rows) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    item = np.array([row[0] for row in rows], dtype=np.int64)
    have = np.array([row[1] for row in rows], dtype=np.float64)
    most = np.array([row[2] for row in rows], dtype=np.float64)
    fitted = within(have, most, item)
    for one in np.unique(item):
        its = item == one
        assert fitted[its].sum() == pytest.approx(have[its].sum())
        if have[its].sum() <= most[its].sum():
            assert (fitted[its] <= most[its] + 1e-9).all()
            assert (fitted[its] >= -1e-9).all()
        else:
            assert (fitted[its] == have[its]).all()


def test_what_exceeds_a_day_goes_to_days_before_it_first() -> None:
    one = np.zeros(4, dtype=np.int64)
    most = np.array([3.0, 5.0, 0.0, 9.0])
    assert within(np.array([1.0, 4.0, 2.0, 1.0]), most, one).tolist() == [2.0, 5.0, 0.0, 1.0]
    assert within(np.array([3.0, 5.0, 2.0, 1.0]), most, one).tolist() == [3.0, 5.0, 0.0, 3.0]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1000)), max_size=50),
    st.lists(st.floats(0, 0.999), min_size=4, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_whole_counts_keep_every_running_sum_of_a_line_item(rows, starts) -> None:
    start = np.array(starts)
    rows = sorted(rows, key=lambda row: row[0])
    item = np.array([row[0] for row in rows], dtype=np.int64)
    exact = np.array([row[1] for row in rows], dtype=np.float64)
    rounded = whole(exact, item, np.arange(len(item)), start[item])
    assert (rounded == np.rint(rounded)).all()
    assert (np.abs(rounded - exact) < 1 + 1e-6).all()
    for one in np.unique(item):
        apart = np.cumsum(rounded[item == one]) - np.cumsum(exact[item == one])
        assert (np.abs(apart) <= 1 + 1e-6 * (1 + len(exact))).all()


def test_a_day_more_changes_no_day_before_it(tmp_path: Path) -> None:
    """Conversions are fractions, and day 29 of an ad stands before the next ad."""

    def rows(days: int) -> str:
        lines = [
            f"2026-03-{day:02d},{ad},{n},S,100,50,5.00,{(7 * day + 3 * n) % 10 / 9:.2f}\n"
            for n, ad in enumerate("ABCDE")
            for day in range(1, days + 1)
        ]
        return HEADER + "".join(lines)

    before, _ = imported(tmp_path / "28", rows(28))
    after, summary = imported(tmp_path / "29", rows(29))
    assert any("fractions are made whole" in note for note in summary["notes"])
    old = after.performance[after.performance["date"] <= "2026-03-28"]
    pd.testing.assert_frame_equal(old.reset_index(drop=True), before.performance)


def test_ids_join_what_is_filled_and_texts_are_sentences() -> None:
    one = coded(pa.chunked_array([["a", " a ", None, "--", "b"]]))
    other = coded(pa.chunked_array([["x", "x", "x", None, " \n"]]))
    both = joined([one, other], " / ".join)
    assert [both.names[code] if code >= 0 else None for code in both.codes] == [
        *("a / x", "a / x", "x", None, "b")
    ]
    assert as_text(["Now!", "20% off", "20% off", "Free"]) == "Now! 20% off. Free"


def test_rows_are_added_up_and_prices_derived(tmp_path: Path) -> None:
    tables, summary = imported(
        tmp_path,
        HEADER
        + "2026-03-01,A,1,Google search,100,10,5.10,1.5\n"
        + "2026-03-01,A,1,Display Network,1000,2,3.30,0.25\n"
        + "2026-03-02,A,1,Google search,300,10,4.90,1.5\n",
    )
    placements = tables.placements.set_index("placement_id")
    assert placements.loc["Google search", "cpc"] == 0.5
    assert placements.loc["Display Network", "cpm"] == 3.3
    assert placements["daily_supply"].tolist() == [435.0, 1500.0]  # 1.5 x 290 and 1.5 x 1000
    assert tables.sources["placements.cpc"].startswith("estimate: spend / clicks")
    assert tables.performance["conversions"].sum() == 3  # of 3.25
    assert summary["totals"]["spend"] == 13.3
    assert tables.promotions["text"].tolist() == ["A"]
    assert tables.sources["promotions.text"].startswith("assumption: the promotion's name")


def test_a_click_after_midnight_counts_on_the_day_before(tmp_path: Path) -> None:
    text = HEADER + "2026-03-01,A,1,S,100,9,5.0,0\n2026-03-02,A,1,S,0,1,0.5,1\n"
    tables, summary = imported(tmp_path, text)
    assert tables.performance["clicks"].tolist() == [10, 0]
    assert tables.performance["conversions"].tolist() == [1, 0]
    assert any("fewer impressions (1 in all)" in note for note in summary["notes"])


def test_clicks_of_line_items_with_more_conversions_are_left_empty(tmp_path: Path) -> None:
    text = HEADER + "2026-03-01,A,1,S,100,2,5.0,7\n2026-03-01,B,2,S,100,9,5.0,2\n"
    tables, summary = imported(tmp_path, text)
    rows = tables.performance.set_index("promotion_id")
    assert np.isnan(rows.loc["A", "clicks"])
    assert rows.loc["A", "conversions"] == 7
    assert rows.loc["B", "clicks"] == 9
    assert summary["left_out"] == {"clicks": 2.0}


def test_campaigns_of_one_name_are_told_apart_by_id(tmp_path: Path) -> None:
    text = HEADER + "2026-03-01,A,1,S,100,2,5.0,1\n2026-03-01,A,2,S,50,1,5.0,1\n"
    tables, _ = imported(tmp_path, text)
    assert tables.promotions["promotion_id"].tolist() == ["1", "2"]
    assert tables.promotions["name"].tolist() == ["A", "A"]
    assert tables.promotions["campaign_id"].tolist() == ["1", "2"]


def test_names_outlast_the_texts_that_an_analyst_writes(tmp_path: Path) -> None:
    tables, _ = imported(tmp_path, HEADER + "2026-03-01,Trail Shoes,1,S,100,2,5.0,1\n")
    tables.promotions.assign(text="Made for mud").to_csv(
        tmp_path / "out" / "promotions.csv", index=False
    )
    written = read_tables(tmp_path / "out").promotions
    assert written[["text", "name"]].to_numpy().tolist() == [["Made for mud", "Trail Shoes"]]


def test_rules_make_placements_segments_and_constants(tmp_path: Path) -> None:
    tables, summary = imported(
        tmp_path,
        "Tag,Motto,Ort,Alter,Impressionen\n2026-03-01,X,Feed,18-24,10\n2026-03-01,X,,25-34,20\n",
        platform=Platform.GENERIC,
        promotion="Motto",
        placement=["Ort"],
        segment="Alter",
        campaign_id={"constant": "spring"},
        columns={"impressions": "Impressionen"},
    )
    assert tables.placements["placement_id"].tolist() == ["Feed", "unknown"]
    assert tables.segments["segment_id"].tolist() == ["18-24", "25-34"]
    assert tables.promotions["campaign_id"].tolist() == ["spring"]
    assert summary["mapping"]["placement"] == ["Ort"]


READ = "Day,Campaign,Impr.,Clicks\n2026-03-0{},A,100,{}\n2026-03-02,A,200,{}\n"


def test_files_of_several_days_are_readings(tmp_path: Path) -> None:
    tables, summary = imported(
        tmp_path, READ.format(1, 3, 5), READ.format(1, 4, 9), as_of="file-name"
    )
    assert tables.performance["clicks"].tolist() == [4, 9]
    assert len(tables.readings) == 4
    assert any("2 rows are earlier readings" in note for note in summary["notes"])


def test_the_same_day_in_two_files_is_refused_unless_both_count(tmp_path: Path) -> None:
    texts = READ.format(1, 3, 5), READ.format(3, 4, 9)
    with pytest.raises(DataError, match=r"b-2026-04-02\.csv, row 3 tells of the same day"):
        imported(tmp_path, *texts)
    tables, _ = imported(tmp_path, *texts, repeats="sum")
    assert tables.performance["impressions"].tolist() == [100, 400, 100]


def test_two_currencies_are_refused(tmp_path: Path) -> None:
    text = "Day,Campaign,Currency code,Impr.,Cost\n2026-03-01,A,EUR,1,2\n2026-03-01,B,USD,1,2\n"
    with pytest.raises(DataError, match=r"EUR, USD.*must be one currency"):
        imported(tmp_path, text)


def test_a_row_without_a_currency_is_in_that_of_the_others(tmp_path: Path) -> None:
    text = "Day,Campaign,Currency code,Impr.,Cost\n2026-03-01,A,EUR,1,2\n2026-03-01,B,--,1,2\n"
    _, summary = imported(tmp_path, text)
    assert summary["currency"] == "EUR"


def test_metas_empty_cells_are_zero_and_others_are_unknown(tmp_path: Path) -> None:
    text = "Day,Campaign name,Impressions,Link clicks,Purchases\n2026-03-01,A,100,5,\n"
    text += "2026-03-02,A,100,5,2\n"
    meta, _ = imported(tmp_path / "m", text, platform=Platform.META_ADS)
    assert meta.performance["conversions"].tolist() == [0, 2]
    google, _ = imported(
        tmp_path / "g", text.replace("Link clicks", "Clicks"), platform=Platform.GENERIC
    )
    assert np.isnan(google.performance["conversions"][0])


def test_large_tables_are_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "MOST_CSV_ROWS", 20)
    lines = [f"2026-03-01,C{n},100,{n % 5 or '--'}" for n in range(25)]
    tables, summary = imported(tmp_path, "\n".join(["Day,Campaign,Impr.,Clicks", *lines]))
    assert {"performance.parquet", "promotions.parquet", "placements.csv"} <= {*summary["written"]}
    assert len(tables.performance) == 25
    assert tables.performance["clicks"].isna().sum() == 5


def test_the_export_of_the_bench_is_read_in_full(tmp_path: Path) -> None:
    write_export(tmp_path / "a.csv", 3000)
    tables, summary = imported(tmp_path, (tmp_path / "a.csv").read_text(encoding="utf-8"))
    assert summary["rows"]["read"] == 3000
    assert len(summary["columns"]) == 15
    assert len(tables.placements) == 3
    assert tables.performance["conversions"].sum() > 0


def test_many_line_items_with_less_than_one_conversion_keep_their_sum(tmp_path: Path) -> None:
    lines = [f"2026-03-02,Ad {n},{n},S,100,50,5.00,0.30\n" for n in range(1000)]
    tables, _ = imported(tmp_path, HEADER + "".join(lines))
    assert abs(tables.performance["conversions"].sum() - 300) < 50


@given(st.lists(st.floats(0, 9), min_size=2, max_size=30), st.floats(0, 0.999), st.data())
@settings(max_examples=60, deadline=None)
def test_a_later_reading_is_rounded_as_the_first_one_was(first, start, data) -> None:
    grown = [data.draw(st.sampled_from([0.0, 0.0, 0.3, 2.0])) for _ in first]
    later = [count + more for count, more in zip(first, grown, strict=True)]
    days = np.tile(np.arange(len(first)), 2)
    both = whole(
        np.array([*first, *later]), np.zeros(len(days), int), days, np.full(len(days), start)
    )
    once, again = both[: len(first)], both[len(first) :]
    assert (again >= once).all()
    assert (again[np.array(grown) == 0] == once[np.array(grown) == 0]).all()
    apart = np.abs(np.cumsum(once) - np.cumsum(first))
    assert (apart <= 1 + 1e-6 * (1 + len(first))).all()
