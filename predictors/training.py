"""Fitting the funnel: batches of texts with all their rows, the best pass on the choose rows kept.

On the processor the same rows, settings, seed and number of threads give the same bytes.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promopilot.predictors.artifact import check_target, save_predictor
from promopilot.predictors.calibration import Calibration, calibrate
from promopilot.predictors.dataset import Floats, Rows
from promopilot.predictors.encoder import (
    TextEncoder,
    Tokens,
    encode,
    load_encoder,
    load_tokenizer,
    tokenize,
)
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.funnel import Context, Funnel, FunnelShape
from promopilot.predictors.likelihood import ctcvr_log_loss, funnel_nll, stage_counts
from promopilot.predictors.packaged import packaged_minilm
from promopilot.predictors.predictor import Predictor, choose_device, fuse
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import (
    Residuals,
    StageSpread,
    estimate_spread,
    spread_between,
)
from promopilot.predictors.vocabulary import Features, Vocabulary

Progress = Callable[[str, float], None]

# Hidden states below the trainable layers are kept when they fit here, else computed each step.
_CACHE_BYTES = 1 << 29
_TEXTS_AT_ONCE = 64  # per pass where nothing is learnt
_CLIP_NORM = 1.0  # largest gradient norm of a step, as in BERT's own training


@dataclass(frozen=True)
class Prepared:
    """One part (fit or choose) on the device; T texts, R rows, Z stages."""

    features: Features
    tokens: Tokens  # T
    context: Context  # R
    trials: Tensor  # [R, Z] float32
    successes: Tensor  # [R, Z]
    impressions: Tensor  # [R]
    conversions: Tensor  # [R]
    weight: Tensor  # [R]


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
        record = _learn(funnel, fitted, chosen, settings, seed, progress)
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
        return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(device)

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


def _learn(
    funnel: Funnel,
    train: Prepared,
    choose: Prepared,
    settings: PredictorSettings,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Trains in place, leaves the best pass's weights in `funnel`, returns what happened."""
    totals = (train.successes * train.weight[:, None]).sum(0).double()
    trials = (train.trials * train.weight[:, None]).sum(0).double()
    funnel.start_from(encode(funnel.encoder, train.tokens), torch.logit(totals / trials).float())
    hidden = _lower_states(funnel.encoder, train.tokens)
    choose_hidden = _lower_states(funnel.encoder, choose.tokens)
    starts, order = _rows_by_text(train.context.text, len(train.features.texts))
    optimizer = torch.optim.AdamW(_parameter_groups(funnel, settings))
    texts = len(train.features.texts)
    steps = settings.epochs * math.ceil(texts / settings.batch_texts)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step, steps, settings.warmup_share)
    )
    # Per impression, and per text as many steps as there are batches: an unbiased gradient.
    scale = texts / float((train.impressions * train.weight).sum())
    generator = torch.Generator().manual_seed(seed)
    averaged = _shadow(funnel)
    losses: list[float] = []
    best, best_state = math.inf, _trained_state(funnel)
    for epoch in range(settings.epochs):
        funnel.train()
        for batch in _batches(texts, settings.batch_texts, generator):
            loss = _batch_loss(funnel, train, hidden, batch, starts, order) * scale / len(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(funnel.parameters(), _CLIP_NORM)
            optimizer.step()
            schedule.step()
            _follow(averaged, funnel, settings.averaging)
        losses.append(_choose_loss(averaged, choose, choose_hidden))
        if losses[-1] < best:
            best, best_state = losses[-1], _trained_state(averaged)
        progress(f"pass {epoch + 1}: log-loss {losses[-1]:.6f}", (epoch + 1) / settings.epochs)
        if epoch - int(np.argmin(losses)) >= settings.patience:
            break
    funnel.load_state_dict(best_state, strict=False)
    return {"seed": seed, "best_pass": int(np.argmin(losses)) + 1, "choose_log_loss": losses}


def _batch_loss(
    funnel: Funnel,
    train: Prepared,
    hidden: Tensor | None,
    batch: Tensor,
    starts: Tensor,
    order: Tensor,
) -> Tensor:
    """Sums the weighted loss over all rows of a batch of texts."""
    sizes = starts[batch + 1] - starts[batch]
    rows = torch.cat([order[starts[text] : starts[text + 1]] for text in batch])
    text = torch.repeat_interleave(torch.arange(len(batch)), sizes).to(rows.device)
    where = batch.to(train.tokens.ids.device)
    tokens = train.tokens.pick(where)
    if hidden is None:
        states = funnel.encoder.lower(tokens)
    else:
        states = hidden[where, : tokens.ids.shape[1]]
    logits = funnel(funnel.encoder.upper(states, tokens.mask), train.context.pick(rows, text))
    losses = funnel_nll(logits, train.trials[rows], train.successes[rows])
    return (losses * train.weight[rows]).sum()


@torch.no_grad()
def _choose_loss(funnel: Funnel, choose: Prepared, hidden: Tensor | None) -> float:
    funnel.eval()
    logits = torch.from_numpy(_logits(funnel, choose, hidden))
    return float(
        ctcvr_log_loss(logits, choose.impressions.double().cpu(), choose.conversions.double().cpu())
    )


@torch.no_grad()
def _logits(funnel: Funnel, part: Prepared, hidden: Tensor | None = None) -> Floats:
    """Returns logits [R, Z]; `hidden` saves the layers that do not learn."""
    if hidden is None:
        return fuse(funnel, encode(funnel.encoder, part.tokens), part.context)
    states = zip(
        torch.split(hidden, _TEXTS_AT_ONCE),
        torch.split(part.tokens.mask, _TEXTS_AT_ONCE),
        strict=True,
    )
    vectors = torch.cat([funnel.encoder.upper(state, mask) for state, mask in states])
    return fuse(funnel, vectors, part.context)


@torch.no_grad()
def _lower_states(encoder: TextEncoder, tokens: Tokens) -> Tensor | None:
    """Hidden states [T, W, H] below the trainable layers, or None where they change or are many."""
    texts, width = tokens.ids.shape
    if encoder.trains_embeddings or 4 * texts * width * encoder.width > _CACHE_BYTES:
        return None
    encoder.eval()
    parts = (torch.split(part, _TEXTS_AT_ONCE) for part in (tokens.ids, tokens.mask))
    return torch.cat([encoder.lower(Tokens(*part)) for part in zip(*parts, strict=True)])


def _rows_by_text(text: Tensor, texts: int) -> tuple[Tensor, Tensor]:
    """Rows sorted by text, and where each text's rows start in them: [T + 1] and [R]."""
    order = torch.argsort(text, stable=True)
    sizes = torch.bincount(text, minlength=texts).cpu()
    return torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)]), order


def _batches(texts: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    yield from torch.split(torch.randperm(texts, generator=generator), size)


def _parameter_groups(funnel: Funnel, settings: PredictorSettings) -> list[dict[str, Any]]:
    """The head at its own rate, each encoder layer slower than the one above it."""
    groups: list[dict[str, Any]] = []

    def add(parameters: list[torch.nn.Parameter], rate: float) -> None:
        for decays in (True, False):
            chosen = [p for p in parameters if p.requires_grad and (p.ndim > 1) == decays]
            if chosen:
                decay = settings.weight_decay if decays else 0.0
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})

    encoder = funnel.encoder
    own = {id(parameter) for parameter in encoder.parameters()}
    add([p for p in funnel.parameters() if id(p) not in own], settings.head_learning_rate)
    rate = settings.encoder_learning_rate
    for layer in reversed(encoder.layers):
        add(list(layer.parameters()), rate)
        rate *= settings.layer_decay
    add(list(encoder.embeddings.parameters()), rate)
    return groups


def _rate(step: int, steps: int, warmup_share: float) -> float:
    """Rises linearly to 1 during the warm-up, then falls linearly to 0."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (steps - step) / max(1, steps - warmup))


def _shadow(funnel: Funnel) -> Funnel:
    """A copy that follows the learning weights; what does not learn is shared, not copied."""
    shared = {id(p): p for p in funnel.parameters() if not p.requires_grad}
    return copy.deepcopy(funnel, shared)


@torch.no_grad()
def _follow(averaged: Funnel, funnel: Funnel, keep: float) -> None:
    """Moves the average of the weights a step towards them (Polyak & Juditsky 1992)."""
    for mean, now in zip(averaged.parameters(), funnel.parameters(), strict=True):
        if now.requires_grad:
            mean.lerp_(now, 1.0 - keep)


def _trained_state(funnel: Funnel) -> dict[str, Tensor]:
    """Copies of what learning changes: parameters that learn (buffers are fixed at the start)."""
    return {name: p.detach().clone() for name, p in funnel.named_parameters() if p.requires_grad}


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
    logits = _logits(funnel, choose)
    calibration = calibrate(logits, trials, successes)
    rates = 1.0 / (1.0 + np.exp(-calibration.apply(logits)))
    fit_logits = calibration.apply(_logits(funnel, train))
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
