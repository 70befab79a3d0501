"""How fast the predictor scores and encodes, and what encoding each text once saves.

Runs on the packaged MiniLM with an untrained head: speed does not depend on the weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from promopilot.experiments.bench.figure import Figure, figure

if TYPE_CHECKING:
    from promopilot.predictors import Predictor, Rows

TEXTS = 128  # distinct texts
PLACEMENTS, SEGMENTS, WEEKDAYS = 7, 4, 7  # as in the demo: 196 rows per text
ROW_WISE_ROWS = 256  # rows that the comparison encodes one by one
_PRODUCTS = ("yogurt", "ground coffee", "frozen pizza", "laundry detergent", "sparkling water")


def measure(seconds_hint: float = 20.0) -> dict[str, Figure]:
    """Measures within about `seconds_hint` seconds.

    Returns:
        `rows_per_second` of `Predictor.predict` with every text encoded once, `texts_per_second`
        of the encoder alone, and `encode_once_speedup`: seconds per row if each row's text were
        encoded, over seconds per row as it is. No goal is set for any.

    Raises:
        MissingPackageError: the packaged model is not installed.
        ArtifactError: it is not the one that was checked.
    """
    import numpy as np

    from promopilot.predictors.encoder import encode

    predictor, rows = _untrained()
    texts = [str(text) for text in rows.promotions.text]
    share = seconds_hint / 3.0
    predict = _seconds(lambda: predictor.predict(rows), share)
    tokens = predictor.tokens(texts)
    encoding = _seconds(lambda: encode(predictor.funnel.encoder, tokens), share)
    drawn = np.random.default_rng(0).integers(0, len(rows), ROW_WISE_ROWS)
    repeated = predictor.tokens([str(rows.promotions.text[rows.promotion[row]]) for row in drawn])
    row_wise = _seconds(lambda: encode(predictor.funnel.encoder, repeated), share)
    return {
        "rows_per_second": figure(len(rows) / predict, "rows/s"),
        "texts_per_second": figure(TEXTS / encoding, "texts/s"),
        "encode_once_speedup": figure((row_wise / ROW_WISE_ROWS) / (predict / len(rows)), "x"),
    }


def _untrained() -> tuple[Predictor, Rows]:
    import pandas as pd
    import torch

    from promopilot.predictors.calibration import Calibration
    from promopilot.predictors.dataset import line_item_rows
    from promopilot.predictors.encoder import load_encoder, load_tokenizer
    from promopilot.predictors.funnel import Funnel, FunnelShape
    from promopilot.predictors.packaged import packaged_minilm
    from promopilot.predictors.predictor import Predictor
    from promopilot.predictors.settings import PredictorSettings
    from promopilot.predictors.uncertainty import StageSpread
    from promopilot.predictors.vocabulary import Vocabulary

    promotions = pd.DataFrame(
        {
            "promotion_id": [f"p{i}" for i in range(TEXTS)],
            "text": [_text(i) for i in range(TEXTS)],
            "discount": [(i % 6) / 10 for i in range(TEXTS)],
        }
    )
    cells = pd.MultiIndex.from_product(
        [
            promotions["promotion_id"],
            [f"l{i}" for i in range(PLACEMENTS)],
            [f"s{i}" for i in range(SEGMENTS)],
            range(WEEKDAYS),
        ],
        names=["promotion_id", "placement_id", "segment_id", "weekday"],
    )
    rows = line_item_rows(promotions, None, None, cells.to_frame(index=False))
    settings = PredictorSettings(device="cpu")
    folder = packaged_minilm()
    vocabulary = Vocabulary.from_rows(rows)
    shape = FunnelShape.of(
        vocabulary,
        True,
        (settings.text_width, settings.hidden_width),
        (settings.dropout, settings.group_dropout),
    )
    spread = StageSpread(0.1, 0.1, 0.1, 0.0, 0.0, 0.0)
    predictor = Predictor(
        funnel=Funnel(load_encoder(folder, settings.trainable_layers), shape).eval(),
        tokenizer=load_tokenizer(folder),
        vocabulary=vocabulary,
        calibration=Calibration((0.0, 0.0), (1.0, 1.0)),
        spreads=(spread, spread),
        settings=settings,
        device=torch.device("cpu"),
        record={},
    )
    return predictor, rows


def _text(index: int) -> str:
    product = _PRODUCTS[index % len(_PRODUCTS)]
    return f"{10 * (index % 6)}% off national-brand {product}, pack of {index + 1}"


def _seconds(work: Callable[[], Any], budget: float) -> float:
    """Returns the least seconds of one run; repeats, after one to warm up, within the budget."""
    work()
    least, end = math.inf, time.perf_counter() + budget
    while True:
        start = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - start)
        if time.perf_counter() + least > end:
            return least
