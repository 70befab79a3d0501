"""The loop: first the head on frozen text vectors, then head and top layers together.

Training the head first keeps its random start from spoiling the encoder's features (LP-FT, Kumar
et al. 2022), and is cheap: the vectors are computed once. In both phases a batch is some texts
with all their rows, the judge is a running average of the weights, and the phase ends with the
pass that is best on the choose rows.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from promopilot.predictors.dataset import Floats
from promopilot.predictors.encoder import TextEncoder, Tokens, encode
from promopilot.predictors.funnel import Context, Funnel
from promopilot.predictors.likelihood import ctcvr_log_loss, funnel_nll
from promopilot.predictors.predictor import fuse
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.vocabulary import Features

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


@dataclass
class Search:
    """The best pass so far, and what every pass scored."""

    losses: list[float] = field(default_factory=list)  # log-loss on the choose rows
    best: float = math.inf
    best_pass: int = 0  # counted from 1
    state: dict[str, Tensor] = field(default_factory=dict)

    def judge(self, loss: float, funnel: Funnel) -> None:
        """Notes a pass and keeps its weights if it is the best."""
        self.losses.append(loss)
        if loss < self.best:
            self.best, self.best_pass = loss, len(self.losses)
            self.state = {
                name: parameter.detach().clone()
                for name, parameter in funnel.named_parameters()
                if parameter.requires_grad
            }


def learn(
    funnel: Funnel,
    train: Prepared,
    choose: Prepared,
    settings: PredictorSettings,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Trains in place, leaves the best pass's weights in `funnel`, returns what happened."""
    weighted = [(part * train.weight[:, None]).sum(0) for part in (train.successes, train.trials)]
    vectors = encode(funnel.encoder, train.tokens)
    funnel.start_from(vectors, torch.logit(weighted[0] / weighted[1]))
    generator = torch.Generator().manual_seed(seed)
    passes = settings.head_epochs + (settings.epochs if settings.trainable_layers else 0)

    def tell(phase: str, before: int) -> Callable[[int, float], None]:
        return lambda done, loss: progress(
            f"{phase}, pass {done}: log-loss {loss:.6f}", (before + done) / passes
        )

    chosen_vectors = encode(funnel.encoder, choose.tokens)
    head = _phase(
        funnel,
        train,
        lambda batch: vectors[batch],
        lambda judged: fuse(judged, chosen_vectors, choose.context),
        (choose, settings, settings.head_epochs, 0.0),
        generator,
        tell("head", 0),
    )
    record: dict[str, Any] = {"seed": seed, "head_log_loss": head.losses, "best": head.best}
    if settings.trainable_layers:
        below = [_lower_states(funnel.encoder, part.tokens) for part in (train, choose)]
        tuned = _phase(
            funnel,
            train,
            lambda batch: _vectors(funnel.encoder, train.tokens, below[0], batch),
            lambda judged: _judged_logits(judged, choose, below[1]),
            (choose, settings, settings.epochs, settings.encoder_learning_rate),
            generator,
            tell("fine-tuning", settings.head_epochs),
        )
        record |= {"fine_tuned_log_loss": tuned.losses, "best": tuned.best}
    return record


def _phase(
    funnel: Funnel,
    train: Prepared,
    vectors: Callable[[Tensor], Tensor],
    logits: Callable[[Funnel], Floats],
    plan: tuple[Prepared, PredictorSettings, int, float],
    generator: torch.Generator,
    tell: Callable[[int, float], None],
) -> Search:
    """Passes over the texts until the choose rows stop improving; the best one's weights stay.

    Args:
        funnel: learns in place.
        train: what it learns from.
        vectors: text vectors of a batch of texts.
        logits: the choose rows' logits under a funnel.
        plan: the choose part, settings, passes at most and the encoder's rate (0: it is frozen).
        generator: orders the texts.
        tell: called with the passes done and the last one's log-loss on the choose rows.

    Returns:
        What every pass scored.
    """
    choose, settings, passes, encoder_rate = plan
    texts = len(train.features.texts)
    starts, order = _rows_by_text(train.context.text, texts)
    optimizer = torch.optim.AdamW(_parameter_groups(funnel, settings, encoder_rate))
    steps = passes * math.ceil(texts / settings.batch_texts)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step, steps, settings.warmup_share)
    )
    # Per impression, and each batch standing for all texts: an unbiased gradient.
    scale = texts / float((train.impressions * train.weight).sum())
    averaged = _shadow(funnel)
    search = Search()
    for done in range(1, passes + 1):
        funnel.train()
        # Without dropout in the encoder the head sees the vectors that it was trained on.
        funnel.encoder.eval()
        for batch in torch.split(torch.randperm(texts, generator=generator), settings.batch_texts):
            rows = torch.cat([order[starts[text] : starts[text + 1]] for text in batch])
            sizes = starts[batch + 1] - starts[batch]
            index = torch.repeat_interleave(torch.arange(len(batch)), sizes).to(rows.device)
            out = funnel(vectors(batch.to(rows.device)), train.context.pick(rows, index))
            losses = funnel_nll(out, train.trials[rows], train.successes[rows])
            loss = (losses * train.weight[rows]).sum() * scale / len(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(funnel.parameters(), _CLIP_NORM)
            optimizer.step()
            schedule.step()
            _follow(averaged, funnel, settings.averaging)
        averaged.eval()
        judged = torch.from_numpy(logits(averaged))
        counts = (choose.impressions.double().cpu(), choose.conversions.double().cpu())
        search.judge(float(ctcvr_log_loss(judged, *counts)), averaged)
        tell(done, search.losses[-1])
        if done - search.best_pass >= settings.patience:
            break
    funnel.load_state_dict(search.state, strict=False)
    return search


def _vectors(encoder: TextEncoder, tokens: Tokens, below: Tensor | None, batch: Tensor) -> Tensor:
    """Text vectors of a batch, through the layers that learn; `below` saves the others."""
    picked = tokens.pick(batch)
    if below is None:
        return encoder.upper(encoder.lower(picked), picked.mask)
    return encoder.upper(below[batch, : picked.ids.shape[1]], picked.mask)


@torch.no_grad()
def _judged_logits(funnel: Funnel, part: Prepared, below: Tensor | None) -> Floats:
    every = torch.arange(len(part.features.texts), device=part.tokens.ids.device)
    vectors = [
        _vectors(funnel.encoder, part.tokens, below, batch)
        for batch in torch.split(every, _TEXTS_AT_ONCE)
    ]
    return fuse(funnel, torch.cat(vectors), part.context)


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
    """Where each text's rows start among the rows sorted by text, and these: [T + 1], [R]."""
    sizes = torch.bincount(text, minlength=texts).cpu()
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
    return starts, torch.argsort(text, stable=True)


def _parameter_groups(
    funnel: Funnel, settings: PredictorSettings, encoder_rate: float
) -> list[dict[str, Any]]:
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
    head = [p for p in funnel.parameters() if id(p) not in own]
    if encoder_rate == 0.0:
        add(head, settings.head_learning_rate)
        return groups
    add(head, settings.head_learning_rate * settings.second_phase_share)
    rate = encoder_rate
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
