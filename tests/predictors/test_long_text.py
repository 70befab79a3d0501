import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from promopilot.predictors.backtest import look_back, stranger_spread
from promopilot.predictors.baselines import distinct_texts
from promopilot.predictors.dataset import Rows, line_item_rows, rows_from_tables
from promopilot.predictors.explanation import explain
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.splits import families

PROMOTIONS = 300
LONG = 100_000  # characters


@contextmanager
def at_most(most: float) -> Iterator[None]:
    """Fails where more bytes are taken at a time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most


@pytest.fixture(scope="module")
def promotions() -> pd.DataFrame:
    """Short texts and a long one: padded to it they would be 120 MB as numpy's strings."""
    texts = [f"{n}% off soup" for n in range(PROMOTIONS - 1)] + ["tea " * (LONG // 4)]
    return pd.DataFrame({"promotion_id": [f"p{n}" for n in range(PROMOTIONS)], "text": texts})


@pytest.fixture(scope="module")
def rows(promotions: pd.DataFrame) -> Rows:
    asked = promotions[["promotion_id"]].assign(weekday=0)
    return line_item_rows(promotions, None, None, asked, PredictorSettings())


def test_one_very_long_text_costs_no_more_than_itself(predictor: Predictor, rows: Rows) -> None:
    predictor.predict(rows)  # what is made once is there now
    with at_most(30e6):
        rates = predictor.predict(rows).last
    assert np.isfinite(rates).all()


def test_nor_does_it_when_parts_are_told_apart(rows: Rows) -> None:
    with at_most(30e6):
        assert len(set(families(rows.promotions))) == PROMOTIONS


def test_nor_does_it_when_baselines_ask_for_the_distinct_texts(rows: Rows) -> None:
    with at_most(30e6):
        texts, code = distinct_texts(rows)
    assert [texts[at] for at in code] == rows.promotions.text[rows.promotion].tolist()


def test_nor_does_it_when_earlier_days_are_looked_back_at(promotions: pd.DataFrame) -> None:
    days = 7
    table = pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=days).repeat(PROMOTIONS),
            "promotion_id": np.tile(promotions["promotion_id"], days),
            "impressions": 100,
            "clicks": 10,
        }
    )
    early = table["date"] < table["date"].max()
    train, choose = (
        rows_from_tables(promotions, None, None, table[chosen], PredictorSettings())
        for chosen in (early, ~early)
    )
    with at_most(60e6):
        assert stranger_spread(train) is not None
        assert look_back(train, choose).windows == 3


def test_nor_does_it_when_texts_are_explained(predictor: Predictor, rows: Rows) -> None:
    asked = rows.pick(np.arange(PROMOTIONS) >= PROMOTIONS - 100)
    with at_most(30e6):
        found = explain(predictor, asked, predictor.tokenizer, predictor.settings.max_tokens)
    assert len(found.words) == 100
