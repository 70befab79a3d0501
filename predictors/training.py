"""Fitting a predictor: calendar, learning, then calibration and spread on the choose rows.

On the processor the same rows, settings, seed and number of threads give the same bytes.
"""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from promopilot.predictors.adapters import AdaptedEncoder
from promopilot.predictors.after_fit import after_fit
from promopilot.predictors.artifact import check_target, save_predictor
from promopilot.predictors.base_model import describe, resolve
from promopilot.predictors.base_vectors import changed_weights, vectors_of
from promopilot.predictors.baselines import StoredBaselines, fit_baselines
from promopilot.predictors.calendar import Calendar
from promopilot.predictors.checkpoint import Checkpoint
from promopilot.predictors.dataset import Rows
from promopilot.predictors.device import choose_device
from promopilot.predictors.encoder import encode, load_encoder, load_tokenizer
from promopilot.predictors.fitted_on import check_parts, data_record, fit_key
from promopilot.predictors.funnel import Funnel, FunnelShape
from promopilot.predictors.held_out import split_record
from promopilot.predictors.judged import judged_record
from promopilot.predictors.learning import Progress, learn
from promopilot.predictors.linear_start import start_linearly
from promopilot.predictors.passes import Scribe
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.readable import readability, shown_texts, warn_of_texts
from promopilot.predictors.reader import Reader
from promopilot.predictors.recipes import Recipe, recipe_for
from promopilot.predictors.repeatable import repeatable
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.vocabulary import Vocabulary


def fit(
    train: Rows,
    choose: Rows,
    settings: PredictorSettings,
    out: Path,
    seed: int,
    progress: Progress = lambda what, share: None,
    checkpoint: Path | None = None,
    scribe: Scribe | None = None,
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
        checkpoint: folder that keeps the state after each pass; a killed fit of the same rows,
            settings and seed goes on from it, to the same result. The caller removes it
            (`checkpoint.forget`) when the predictor is where it is to stay.
        scribe: takes each pass's losses, for TensorBoard.

    Raises:
        PredictorDataError: one part has no events or its counts differ in kind from the other's.
        ArtifactError: the base model is unreadable or altered, or `out` holds something else.
        MissingPackageError: the packaged model is wanted and not installed.
    """
    recipe = recipe_for(settings, train)
    settings = settings.model_copy(update=asdict(recipe))  # the model remembers what was used
    check_parts(train, choose)
    check_target(out)
    device = choose_device(settings.device)
    base_model = resolve(settings.base_model)
    told = describe(settings.base_model, base_model)
    progress("loading the language model", 0.0)
    tokenizer = load_tokenizer(base_model)
    found = readability(tokenizer, [*shown_texts(train), *shown_texts(choose)], settings.max_tokens)
    warn_of_texts(found)
    vocabulary = Vocabulary.from_rows(train)
    calendar = Calendar.fit(train, settings.extra_sd, settings.time_offset)
    with repeatable(device):
        torch.manual_seed(seed)
        every_layer = recipe.text_layers == "every"
        encoder = load_encoder(base_model, learning_layers(recipe, settings), every_layer)
        if recipe.mode == "lora":
            encoder = AdaptedEncoder(encoder, settings.lora_rank)
        shape = FunnelShape.of(
            vocabulary,
            len(train.stages),
            (settings.text_width, settings.hidden_width),
            (recipe.dropout, _group_dropout(train, choose, settings)),
            every_layer,
        )
        funnel = Funnel(encoder, shape).to(device)

        reader = Reader(tokenizer, vocabulary, calendar, settings, device)
        # Recency weighs what is learnt; what is judged is counted as it was.
        counted = replace(choose, weight=np.ones(len(choose)))
        fitted, chosen = reader.part(train), reader.part(counted)
        kept = None
        if checkpoint is not None:
            kept = Checkpoint(checkpoint, fit_key(train, choose, settings, told["digests"], seed))
        vectors = encode(encoder, fitted.tokens), encode(encoder, chosen.tokens)
        funnel.start_from(vectors[0])
        if recipe.linear_start:
            progress("fitting the linear part", 0.0)
            start_linearly(funnel, fitted, vectors[0], settings.text_sd)
            # The linear part knows levels, of tests, segments and days; the rest learns to rank.
            fitted, chosen = fitted.ranked(), chosen.ranked()
        record = learn(
            funnel, fitted, chosen, vectors, settings, recipe, seed, progress, kept, scribe
        )
    if isinstance(funnel.encoder, AdaptedEncoder):
        funnel.encoder = funnel.encoder.merged()
    funnel.eval()
    progress("calibrating", 1.0)
    judged = after_fit(funnel, fitted, chosen, train, choose, settings)
    progress("fitting what it is measured against", 1.0)
    with repeatable(device):  # building an encoder draws weights before it loads them
        base = load_encoder(base_model, 0).to(device)
    baselines = fit_baselines(
        train,
        choose,
        (calendar.offset(train), calendar.offset(choose)),
        vectors_of(base, tokenizer, settings.max_tokens, device),
    )
    predictor = Predictor(
        funnel=funnel,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        calendar=calendar,
        calibration=judged.calibration,
        spreads=judged.spreads,
        stages=train.stages,
        settings=settings,
        device=device,
        record={
            **record,
            **data_record(train, choose),
            **judged.record,
            "split": split_record(train, choose),
            "judged": judged_record({}, train, choose),
            "base_model": told,
            "readability": found.to_json(),
        },
        baselines=StoredBaselines(baselines, changed_weights(base, funnel.encoder)),
    )
    save_predictor(predictor, base_model, out)
    progress("predictor written", 1.0)
    return predictor


def learning_layers(recipe: Recipe, settings: PredictorSettings) -> int | None:
    """Top layers that learn as they are: all (None), some or none."""
    return {"full": None, "top_k": settings.trainable_layers}.get(recipe.mode, 0)


def _group_dropout(train: Rows, choose: Rows, settings: PredictorSettings) -> float:
    """1 where groups that are to be predicted are never those that were learnt from."""
    known, asked = (
        set(rows.promotions.group_id[np.unique(rows.promotion)]) - {""} for rows in (train, choose)
    )
    return settings.group_dropout if known & asked else 1.0
