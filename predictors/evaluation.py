"""The predictor beside its baselines on rows that were held back: metrics.json's predictor.test."""

from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
    TfidfVectorizer,
)

from promopilot.predictors.baselines import baseline_rates
from promopilot.predictors.dataset import Floats, Rows
from promopilot.predictors.encoder import encode, load_encoder, load_tokenizer, tokenize
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.host import PredictorHost
from promopilot.predictors.packaged import packaged_minilm
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.scores import calibration_error, log_loss, pair_accuracy, spearman
from promopilot.predictors.settings import PredictorSettings


def evaluate(
    predictor: Predictor | PredictorHost,
    train: Rows,
    choose: Rows,
    test: Rows,
    settings: PredictorSettings,
) -> dict[str, Any]:
    """Scores a predictor and its baselines on `test`.

    Args:
        predictor: fitted on `train` and `choose`, or whoever hosts it.
        train: rows that baselines learn from.
        choose: rows on which their penalty is chosen and each stage calibrated.
        test: rows that neither has seen.
        settings: `base_model` and `max_tokens`, for the frozen baseline.

    Returns:
        `log_loss`, `log_loss_base`, `baselines` {one_hot, tfidf, frozen}, `ece`, `rows` and
        `impressions`; `spearman`, `baselines_spearman` and `pair_accuracy` only where they are
        defined. Losses are in nats per impression, of CTCVR.

    Raises:
        PredictorDataError: `test` has no outcomes.
        ArtifactError, MissingPackageError: the frozen base model cannot be loaded.
    """
    if train.conversions is None or test.conversions is None:
        raise PredictorDataError("The test part of performance has no conversions to score with.")
    rate = predictor.predict(test).ctcvr
    shown, events = test.impressions, test.conversions
    base = np.full(len(test), train.conversions.sum() / train.impressions.sum())
    rivals = baseline_predictions(train, choose, test, settings)
    item = (test.promotion * len(test.placement_ids) + test.placement) * len(test.segment_ids)
    item = item + test.segment
    ranks = {name: spearman(rates, shown, events, item) for name, rates in rivals.items()}
    scores: dict[str, Any] = {
        "log_loss": log_loss(rate, shown, events),
        "log_loss_base": log_loss(base, shown, events),
        "baselines": {name: log_loss(rates, shown, events) for name, rates in rivals.items()},
        "spearman": spearman(rate, shown, events, item),
        "baselines_spearman": None if None in ranks.values() else ranks,
        "ece": calibration_error(rate, shown, events),
        "rows": len(test),
        "impressions": int(shown.sum()),
    }
    if test.promotions.test_id is not None:
        scores["pair_accuracy"] = pair_accuracy(
            rate, shown, events, test.promotion, test.promotions.test_id
        )
    return {name: value for name, value in scores.items() if value is not None}


def baseline_predictions(
    train: Rows, choose: Rows, test: Rows, settings: PredictorSettings
) -> dict[str, Floats]:
    """Returns CTCVR [R] of the test rows under `one_hot`, `tfidf` and `frozen`."""
    parts = (train, choose, test)

    def tfidf(fit_texts: list[str], texts: list[str]) -> Any:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        try:
            return vectorizer.fit(fit_texts).transform(texts)
        except ValueError:  # no word of two letters in any text
            return np.zeros((len(texts), 0))

    def frozen(fit_texts: list[str], texts: list[str]) -> Floats:
        return frozen_vectors(texts, fit_texts, settings)

    return {
        "one_hot": baseline_rates(parts, None)[1],
        "tfidf": baseline_rates(parts, tfidf)[1],
        "frozen": baseline_rates(parts, frozen)[1],
    }


def frozen_vectors(texts: list[str], fit_texts: list[str], settings: PredictorSettings) -> Floats:
    """Returns the untouched base model's vectors [T, H], scaled by the spread of `fit_texts`."""
    base_model = settings.base_model or packaged_minilm()
    encoder = load_encoder(base_model, 0)
    tokenizer = load_tokenizer(base_model)
    tokens = tokenize(tokenizer, texts, settings.max_tokens, torch.device("cpu"))
    vectors = encode(encoder, tokens).double().numpy()
    known = set(fit_texts)
    own = vectors[np.array([text in known for text in texts], dtype=bool)]
    spread = own.std(axis=0)
    # A dimension that hardly varies is constant (three of MiniLM's 384): left out, not blown up.
    varies = spread > 1e-3 * np.median(spread)
    return np.asarray((vectors[:, varies] - own.mean(axis=0)[varies]) / spread[varies])
