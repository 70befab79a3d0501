import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.splits import families, hashed_share, held_out


def rows_of(groups: list[str], texts: list[str]) -> Rows:
    count = len(groups)
    promotions = pd.DataFrame(
        {"promotion_id": [f"p{i}" for i in range(count)], "text": texts, "group_id": groups}
    )
    performance = pd.DataFrame(
        {
            "date": pd.Timestamp("2024-01-01"),
            "promotion_id": promotions["promotion_id"].repeat(2).to_numpy(),
            "placement_id": ["a", "b"] * count,
            "impressions": 10,
            "clicks": 1,
        }
    )
    return rows_from_tables(promotions, None, None, performance, PredictorSettings())


NAMES = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "c", "d", "e"]), st.sampled_from("uvwxyz")),
    min_size=1,
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(NAMES, st.floats(0.05, 0.95), st.text(max_size=3))
def test_no_text_and_no_group_crosses(
    names: list[tuple[str, str]], share: float, salt: str
) -> None:
    groups, texts = [group for group, _ in names], [text for _, text in names]
    rows = rows_of(groups, texts)
    out = held_out(rows, share, salt)
    for values in (rows.promotions.text, rows.promotions.group_id):
        inside = set(values[rows.promotion[out]]) - {""}
        outside = set(values[rows.promotion[~out]]) - {""}
        assert not inside & outside


def test_groups_that_share_a_text_are_one_family() -> None:
    rows = rows_of(["b", "a", "c", "", ""], ["same", "same", "other", "own", "other"])
    assert families(rows.promotions).tolist() == ["a", "a", "c", "p3", "c"]


def test_about_the_share_is_held_out_and_another_salt_holds_out_others() -> None:
    count = 2000
    rows = rows_of([f"g{i}" for i in range(count)], [f"t{i}" for i in range(count)])
    first, second = held_out(rows, 0.2, "x"), held_out(rows, 0.2, "y")
    assert first.mean() == pytest.approx(0.2, abs=0.03)
    assert (first & second).mean() == pytest.approx(0.04, abs=0.02)
    assert np.array_equal(first, held_out(rows, 0.2, "x"))


def test_the_share_is_the_hash_of_the_name() -> None:
    # sha256("abc") starts with ba7816bf.
    assert hashed_share("bc", "a") == 0xBA7816BF / 2**32


def test_a_test_is_never_cut_in_two() -> None:
    count = 200
    promotions = pd.DataFrame(
        {
            "promotion_id": [f"p{i}" for i in range(4 * count)],
            "text": [f"text {i}" for i in range(4 * count)],
            "test_id": [f"t{i // 4}" for i in range(4 * count)],
        }
    )
    performance = promotions[["promotion_id"]].assign(
        date=pd.Timestamp("2024-01-01"), impressions=10, clicks=1
    )
    rows = rows_from_tables(promotions, None, None, performance, PredictorSettings())
    out = held_out(rows, 0.3, "x").reshape(count, 4)
    assert 0.2 < out.mean() < 0.4
    assert (out.all(axis=1) | ~out.any(axis=1)).all()
