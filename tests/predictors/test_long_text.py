import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from promopilot.predictors.dataset import Rows, line_item_rows
from promopilot.predictors.explanation import explain
from promopilot.predictors.predictor import Predictor
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
def rows() -> Rows:
    """Short texts and a long one: padded to it they would be 120 MB as numpy's strings."""
    texts = [f"{n}% off soup" for n in range(PROMOTIONS - 1)] + ["tea " * (LONG // 4)]
    ids = [f"p{n}" for n in range(PROMOTIONS)]
    return line_item_rows(
        pd.DataFrame({"promotion_id": ids, "text": texts}),
        None,
        None,
        pd.DataFrame({"promotion_id": ids, "weekday": 0}),
    )


def test_one_very_long_text_costs_no_more_than_itself(predictor: Predictor, rows: Rows) -> None:
    predictor.predict(rows)  # what is made once is there now
    with at_most(30e6):
        rates = predictor.predict(rows).last
    assert np.isfinite(rates).all()


def test_nor_does_it_when_parts_are_told_apart(rows: Rows) -> None:
    with at_most(30e6):
        assert len(set(families(rows.promotions))) == PROMOTIONS


def test_nor_does_it_when_texts_are_explained(predictor: Predictor, rows: Rows) -> None:
    asked = rows.pick(np.arange(PROMOTIONS) >= PROMOTIONS - 100)
    with at_most(30e6):
        found = explain(predictor, asked, predictor.tokenizer, predictor.settings.max_tokens)
    assert len(found.words) == 100
