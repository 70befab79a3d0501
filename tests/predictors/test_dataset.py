import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.predictors.dataset import line_item_rows, rows_from_tables
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.settings import PredictorSettings

DEFAULTS = PredictorSettings()
PROMOTIONS = pd.DataFrame(
    {
        "promotion_id": ["a", "b", "c", "d"],
        "text": ["10% off soup", "30% off soup", "New tea", "New tea"],
        "discount": [0.1, 0.3, None, None],
        "price": [2.0, 2.0, 0.0, None],
        "group_id": ["soup", "soup", None, "tea"],
        "brand": ["x", "y", "x", "y"],
    }
)
PLACEMENTS = pd.DataFrame({"placement_id": ["front", "back"], "text": ["f", "b"]})
SEGMENTS = pd.DataFrame({"segment_id": ["low", "high"], "text": ["l", "h"]})
GOOD = {
    "date": pd.Timestamp("2024-01-01"),
    "promotion_id": "a",
    "placement_id": "front",
    "segment_id": "low",
    "impressions": 10,
    "clicks": 4,
    "conversions": 2,
}


def performance(*changes: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame([{**GOOD, **change} for change in changes])


def test_each_day_is_a_row() -> None:
    table = performance({}, {"date": pd.Timestamp("2024-01-08")}, {"segment_id": "high"})
    rows = rows_from_tables(PROMOTIONS, PLACEMENTS, SEGMENTS, table, DEFAULTS)
    assert len(rows) == 3
    assert rows.weekday.tolist() == [0, 0, 0]
    assert (rows.day - rows.day[0]).tolist() == [0, 7, 0]
    assert [rows.segment_ids[s] for s in rows.segment] == ["low", "low", "high"]
    assert len(set(rows.item)) == 2


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from("abcd"), st.integers(0, 50)), min_size=1
    ).filter(lambda cells: any(shown for _, _, shown in cells))
)
def test_no_count_is_lost(cells: list[tuple[int, str, int]]) -> None:
    table = performance(
        *(
            {
                "date": pd.Timestamp("2024-01-01") + pd.Timedelta(days=day),
                "promotion_id": promotion,
                "impressions": shown,
                "clicks": shown // 2,
                "conversions": shown // 4,
            }
            for day, promotion, shown in cells
        )
    )
    rows = rows_from_tables(PROMOTIONS, PLACEMENTS, SEGMENTS, table, DEFAULTS)
    assert rows.clicks is not None
    assert rows.conversions is not None
    assert rows.impressions.sum() == table["impressions"].sum()
    assert rows.clicks.sum() == table["clicks"].sum()
    assert rows.conversions.sum() == table["conversions"].sum()
    assert (rows.impressions > 0).all()
    assert len(rows) == (table["impressions"] > 0).sum()


def test_recency_halves_the_weight_and_leaves_the_counts() -> None:
    table = performance({}, {"date": pd.Timestamp("2024-01-09")})
    rows = rows_from_tables(
        PROMOTIONS, PLACEMENTS, SEGMENTS, table, PredictorSettings(recency_half_life_days=8)
    )
    assert rows.impressions.tolist() == [10, 10]
    assert rows.weight == pytest.approx([0.5, 1.0])


def test_missing_values_and_columns() -> None:
    rows = rows_from_tables(PROMOTIONS, PLACEMENTS, SEGMENTS, performance({}), DEFAULTS)
    known = rows.promotions
    assert np.isnan(known.discount).tolist() == [False, False, True, True]
    assert np.isnan(known.log_price).tolist() == [False, False, True, True]
    assert known.group_id.tolist() == ["soup", "soup", "", "tea"]
    assert set(known.fields) == {"group_id", "brand"}
    bare = PROMOTIONS[["promotion_id", "text"]]
    table = performance({}).drop(columns=["placement_id", "segment_id", "clicks"])
    rows = rows_from_tables(bare, None, None, table, DEFAULTS)
    assert rows.placement_ids == rows.segment_ids == ("all",)
    assert rows.stages == ("ctcvr",)
    assert np.isnan(rows.promotions.discount).all()


BAD = [
    ({"promotion_id": "zzz"}, r"promotion_id 'zzz' stands in no row of promotions"),
    ({"placement_id": "roof"}, r"placement_id 'roof' stands in no row of placements"),
    ({"segment_id": "rich"}, r"segment_id 'rich' stands in no row of segments"),
    ({"clicks": 11}, r"performance\.clicks exceeds impressions in row 1 \(11\)"),
    ({"conversions": 5}, r"performance\.conversions exceeds clicks in row 1 \(5\)"),
    ({"conversions": -1}, r"performance\.conversions is -1 in row 1"),
    ({"impressions": 10.5}, r"performance\.impressions is 10\.5 in row 1"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_performance_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(PredictorDataError, match=message):
        rows_from_tables(PROMOTIONS, PLACEMENTS, SEGMENTS, performance({}, change), DEFAULTS)


def test_without_clicks_conversions_are_compared_with_impressions() -> None:
    table = performance({"conversions": 11}).drop(columns="clicks")
    with pytest.raises(PredictorDataError, match=r"conversions exceeds impressions in row 0"):
        rows_from_tables(PROMOTIONS, PLACEMENTS, SEGMENTS, table, DEFAULTS)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            performance({}).drop(columns=["clicks", "conversions"]),
            "neither a column clicks nor conversions",
        ),
        (performance({}).drop(columns="impressions"), "performance has no column impressions"),
        (performance({"impressions": 0, "clicks": 0, "conversions": 0}), "no row with impressions"),
        (performance({"date": "2024-01-01"}), r"performance\.date must hold dates"),
    ],
)
def test_tables_that_cannot_be_learnt_from(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(PredictorDataError, match=message):
        rows_from_tables(PROMOTIONS, PLACEMENTS, SEGMENTS, table, DEFAULTS)


def test_line_items_keep_their_order_and_need_no_history() -> None:
    items = pd.DataFrame(
        {
            "promotion_id": ["d", "a", "d"],
            "placement_id": ["back", "front", "back"],
            "segment_id": ["high", "low", "high"],
            "weekday": [6, 0, 5],
        }
    )
    rows = line_item_rows(PROMOTIONS, PLACEMENTS, SEGMENTS, items)
    assert rows.promotions.promotion_id[rows.promotion].tolist() == ["d", "a", "d"]
    assert rows.weekday.tolist() == [6, 0, 5]
    assert rows.conversions is None
    with pytest.raises(PredictorDataError, match=r"items\.weekday is 7 in row 1: it must be 0"):
        line_item_rows(PROMOTIONS, PLACEMENTS, SEGMENTS, items.assign(weekday=[0, 7, 1]))
