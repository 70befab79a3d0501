"""Fitting a predictor: calendar, learning, then calibration and spread on the choose rows.

On the processor the same rows, settings, seed and number of threads give the same bytes.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from promopilot.predictors.adapters import AdaptedEncoder
from promopilot.predictors.after_fit import after_fit
from promopilot.predictors.artifact import check_target, save_predictor
from promopilot.predictors.base_model import describe, resolve
from promopilot.predictors.base_vectors import changed_weights, vectors_of
from promopilot.predictors.baselines import StoredBaselines, fit_baselines
from promopilot.predictors.calendar import Calendar
from promopilot.predictors.cells import Cells
from promopilot.predictors.checkpoint import Checkpoint
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Rows
from promopilot.predictors.device import choose_device
from promopilot.predictors.encoder import encode, load_encoder, load_tokenizer, tokenize
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.funnel import Funnel, FunnelShape
from promopilot.predictors.held_out import split_record
from promopilot.predictors.learning import Progress, learn
from promopilot.predictors.linear_start import start_linearly
from promopilot.predictors.objective import Part
from promopilot.predictors.passes import Scribe
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.readable import readability, shown_texts, warn_of_texts
from promopilot.predictors.recipes import Recipe, recipe_for
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
    _check_parts(train, choose)
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
    with _repeatable(device):
        torch.manual_seed(seed)
        every_layer = recipe.text_layers == "every"
        encoder = load_encoder(base_model, _learning_layers(recipe, settings), every_layer)
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

        def part(rows: Rows) -> Part:
            counts = StageCounts.of(rows, settings.entire_space)
            cells = Cells.of(rows, counts, calendar.offset(rows))
            features = vocabulary.features(cells.rows, cells.offset)
            tokens = tokenize(tokenizer, features.texts, settings.max_tokens, device)
            return Part.of(cells, features, tokens, settings, device)

        # Recency weighs what is learnt; what is judged is counted as it was.
        counted = replace(choose, weight=np.ones(len(choose)))
        fitted, chosen = part(train), part(counted)
        kept = None
        if checkpoint is not None:
            kept = Checkpoint(checkpoint, _fit_key(train, choose, settings, told, seed))
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
    with _repeatable(device):  # building an encoder draws weights before it loads them
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
            **_data_record(train, choose),
            **judged.record,
            "split": split_record(train, choose),
            "base_model": told,
            "readability": found.to_json(),
        },
        baselines=StoredBaselines(baselines, changed_weights(base, funnel.encoder)),
    )
    save_predictor(predictor, base_model, out)
    progress("predictor written", 1.0)
    return predictor


def _learning_layers(recipe: Recipe, settings: PredictorSettings) -> int | None:
    """Top layers that learn as they are: all (None), some or none."""
    return {"full": None, "top_k": settings.trainable_layers}.get(recipe.mode, 0)


def _group_dropout(train: Rows, choose: Rows, settings: PredictorSettings) -> float:
    """1 where groups that are to be predicted are never those that were learnt from."""
    known, asked = (
        set(rows.promotions.group_id[np.unique(rows.promotion)]) - {""} for rows in (train, choose)
    )
    return settings.group_dropout if known & asked else 1.0


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Leaves the caller's random state as it was, and lets no operation add up in random order.

    Without it two threads add the gradients of an index in the order in which they come.
    """
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    devices = [device] if device.type == "cuda" else []
    try:
        if device.type == "cpu":  # elsewhere some operations have no such version
            torch.use_deterministic_algorithms(True)
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)


def _check_parts(train: Rows, choose: Rows) -> None:
    if train.stages != choose.stages:
        raise PredictorDataError(
            f"The fit part of performance records {' and '.join(train.stages)}, the choose part "
            f"{' and '.join(choose.stages)}: give both the same columns."
        )
    for name, rows in (("fit", train), ("choose", choose)):
        counts = StageCounts.of(rows)
        totals = zip(
            rows.stages, counts.trials.sum(axis=0), counts.successes.sum(axis=0), strict=True
        )
        for stage, trials, successes in totals:
            what = {"ctr": "clicks"}.get(stage, "conversions")
            if successes <= 0:
                raise PredictorDataError(
                    f"The {name} part of performance has no {what}: widen its dates."
                )
            if successes >= trials:
                of = {"cvr": "click"}.get(stage, "impression")
                raise PredictorDataError(
                    f"In the {name} part of performance every {of} has its {what}, so that nothing "
                    f"can be told apart: check the column, or leave out {what}."
                )


def _fit_key(
    train: Rows, choose: Rows, settings: PredictorSettings, base_model: dict[str, Any], seed: int
) -> str:
    """Digest of all that decides a fit, so that no other fit's state is taken up."""
    told = (settings.model_dump_json(), base_model["digests"], seed)
    digest = hashlib.sha256(repr(told).encode())
    for rows in (train, choose):
        for field in fields(rows):
            value = getattr(rows, field.name)
            if isinstance(value, np.ndarray):
                digest.update(np.ascontiguousarray(value).tobytes())
        digest.update(repr((rows.placement_ids, rows.segment_ids)).encode())
        known = rows.promotions
        for column in (known.promotion_id, known.text, known.group_id, known.test_id):
            digest.update(repr(None if column is None else column.tolist()).encode())
        for numbers in (known.discount, known.log_price):
            digest.update(numbers.tobytes())
        for field_name, values in sorted(known.fields.items()):
            digest.update(repr((field_name, values.tolist())).encode())
    return digest.hexdigest()


def _data_record(train: Rows, choose: Rows) -> dict[str, Any]:
    """What was learnt from, for the model card and to know what is held out."""
    record: dict[str, Any] = {}
    for name, rows in (("fit", train), ("choose", choose)):
        days = rows.day.astype("datetime64[D]")
        record[name] = {
            "from": str(days.min()),
            "to": str(days.max()),
            "rows": len(rows),
            "promotions": len(np.unique(rows.promotion)),
            "tests": _tests(rows),
            "impressions": int(rows.impressions.sum()),
            "events": int(rows.events.sum()),
        }
    return {"data": record}


def _tests(rows: Rows) -> int:
    """Randomised tests whose promotions were shown."""
    if rows.promotions.test_id is None:
        return 0
    return len(set(rows.promotions.test_id[np.unique(rows.promotion)]) - {""})
