import tracemalloc

import numpy as np
import pandas as pd

from promopilot.predictors.dataset import line_item_rows
from promopilot.predictors.predictor import Predictor

PROMOTIONS = 300
LONG = 100_000  # characters


def test_one_very_long_text_costs_no_more_than_itself(predictor: Predictor) -> None:
    texts = [f"{n}% off soup" for n in range(PROMOTIONS - 1)] + ["tea " * (LONG // 4)]
    ids = [f"p{n}" for n in range(PROMOTIONS)]
    rows = line_item_rows(
        pd.DataFrame({"promotion_id": ids, "text": texts}),
        None,
        None,
        pd.DataFrame({"promotion_id": ids, "weekday": 0}),
    )
    predictor.predict(rows)  # what is made once is there now
    tracemalloc.start()
    try:
        rates = predictor.predict(rows).last
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.isfinite(rates).all()
    # Padded to the longest text, 300 of them would be 120 MB as numpy's strings.
    assert peak < 30e6
