"""Fitting a predictor: learning, then calibration and spread on the choose rows.

On the processor the same rows, settings, seed and number of threads give the same bytes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promopilot.predictors.artifact import check_target, save_predictor
from promopilot.predictors.calibration import Calibration, calibrate
from promopilot.predictors.dataset import Rows
from promopilot.predictors.device import choose_device
from promopilot.predictors.encoder import encode, load_encoder, load_tokenizer, tokenize
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.funnel import Context, Funnel, FunnelShape
from promopilot.predictors.learning import Prepared, Progress, learn
from promopilot.predictors.likelihood import stage_counts
from promopilot.predictors.packaged import packaged_minilm
from promopilot.predictors.predictor import Predictor, fuse
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import (
    Residuals,
    StageSpread,
    estimate_spread,
    spread_between,
)
from promopilot.predictors.vocabulary import Vocabulary


def fit(
    train: Rows,
    choose: Rows,
    settings: PredictorSettings,
    out: Path,
    seed: int,
    progress: Progress = lambda what, share: None,
) -> Predictor:
    """Fine-tunes the base model on `train` and writes the predictor to `out`.

    `choose` stops the training, calibrates each stage and tells the spread of the shifts; nothing
    else is learnt from it.

    Args:
        train: rows to learn from.
        choose: later rows, never learnt from by gradient.
        settings: see PredictorSettings.
        out: folder to write; an earlier predictor there is replaced.
        seed: of the initial head, the order of texts and dropout.
        progress: called with what is done and the share done, 0 to 1.

    Raises:
        PredictorDataError: one part has no events or its counts differ in kind from the other's.
        ArtifactError: the base model is unreadable or altered, or `out` holds something else.
        MissingPackageError: the packaged model is wanted and not installed.
    """
    _check_parts(train, choose)
    check_target(out)
    device = choose_device(settings.device)
    base_model = settings.base_model or packaged_minilm()
    progress("loading the language model", 0.0)
    tokenizer = load_tokenizer(base_model)
    vocabulary = Vocabulary.from_rows(train)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):  # the caller's random state is left as it was
        torch.manual_seed(seed)
        encoder = load_encoder(base_model, settings.trainable_layers)
        shape = FunnelShape.of(
            vocabulary,
            train.is_funnel,
            (settings.text_width, settings.hidden_width),
            (settings.dropout, settings.group_dropout),
        )
        funnel = Funnel(encoder, shape).to(device)
        fitted, chosen = (
            _prepare(rows, vocabulary, tokenizer, settings, device) for rows in (train, choose)
        )
        record = learn(funnel, fitted, chosen, settings, seed, progress)
    funnel.eval()
    calibration, spreads = _after_fit(funnel, fitted, chosen, choose, vocabulary, settings)
    predictor = Predictor(
        funnel=funnel,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        calibration=calibration,
        spreads=spreads,
        settings=settings,
        device=device,
        record=record,
    )
    save_predictor(predictor, base_model, out)
    progress("predictor written", 1.0)
    return predictor


def _check_parts(train: Rows, choose: Rows) -> None:
    for name, rows in (("fit", train), ("choose", choose)):
        if rows.conversions is None or rows.conversions.sum() == 0:
            raise PredictorDataError(
                f"The {name} part of performance has no conversions: widen its dates."
            )
        if rows.clicks is not None and not rows.clicks.sum() < rows.impressions.sum():
            raise PredictorDataError(
                f"In the {name} part of performance every impression is a click: leave out clicks."
            )
    if train.is_funnel != choose.is_funnel:
        raise PredictorDataError("Clicks are recorded in only one of the fit and choose parts.")


def _prepare(
    rows: Rows,
    vocabulary: Vocabulary,
    tokenizer: Any,
    settings: PredictorSettings,
    device: torch.device,
) -> Prepared:
    features = vocabulary.features(rows)

    def tensor(values: Any) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device)

    impressions, conversions = tensor(rows.impressions), tensor(rows.conversions)
    clicks = tensor(rows.clicks) if rows.clicks is not None else None
    trials, successes = stage_counts(impressions, clicks, conversions)
    return Prepared(
        features=features,
        tokens=tokenize(tokenizer, features.texts, settings.max_tokens, device),
        context=Context.from_features(features, device),
        trials=trials,
        successes=successes,
        impressions=impressions,
        conversions=conversions,
        weight=tensor(rows.weight),
    )


def _after_fit(
    funnel: Funnel,
    train: Prepared,
    choose: Prepared,
    rows: Rows,
    vocabulary: Vocabulary,
    settings: PredictorSettings,
) -> tuple[Calibration, tuple[StageSpread, ...]]:
    """Calibrates on the choose rows and estimates each stage's spread there."""
    trials = choose.trials.double().cpu().numpy()
    successes = choose.successes.double().cpu().numpy()
    logits, fit_logits = (
        fuse(funnel, encode(funnel.encoder, part.tokens), part.context) for part in (choose, train)
    )
    calibration = calibrate(logits, trials, successes)
    rates = 1.0 / (1.0 + np.exp(-calibration.apply(logits)))
    fit_logits = calibration.apply(fit_logits)
    weight = train.impressions.double().cpu().numpy()
    levels = (train.features.placement, train.features.segment, train.features.group)
    item = (rows.promotion * len(rows.placement_ids) + rows.placement) * len(rows.segment_ids)
    spreads = []
    for stage in range(rates.shape[1]):
        residuals = Residuals(
            promotion=rows.promotion,
            item=item + rows.segment,
            trials=trials[:, stage],
            successes=successes[:, stage],
            rate=rates[:, stage],
            is_new=choose.features.is_new_text,
        )
        placement, segment, group = (
            spread_between(fit_logits[:, stage], level, weight) for level in levels
        )
        spreads.append(estimate_spread(residuals, settings.sd_floor, (placement, segment, group)))
    return calibration, tuple(spreads)
