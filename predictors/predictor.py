"""A fitted predictor: rows in, rates and their standard errors out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from promopilot.predictors.calendar import Calendar
from promopilot.predictors.calibration import Calibration
from promopilot.predictors.dataset import Floats, Rows
from promopilot.predictors.device import prediction_precision
from promopilot.predictors.encoder import Tokens, encode, tokenize
from promopilot.predictors.funnel import Context, Funnel
from promopilot.predictors.halving import Halving
from promopilot.predictors.onednn import fast_linear
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread
from promopilot.predictors.vocabulary import UNKNOWN, Features, Vocabulary

_ROWS_AT_ONCE = 1 << 17  # rows fused per pass: 128k x 64 floats is 34 MB


@dataclass(frozen=True)
class Prediction:
    """Rates and standard errors, each [R] in the order of the rows; `se` is on the rate's scale.

    What the fit's data did not record is None: without clicks only `ctcvr` is there, without
    conversions only `ctr`.
    """

    ctr: Floats | None = None
    ctr_se: Floats | None = None
    cvr: Floats | None = None
    cvr_se: Floats | None = None
    ctcvr: Floats | None = None
    ctcvr_se: Floats | None = None

    @property
    def last(self) -> Floats:
        """Rate per impression of the last recorded stage: CTCVR, else CTR."""
        return self._one(self.ctcvr, self.ctr)

    @property
    def last_se(self) -> Floats:
        """Standard error of `last`."""
        return self._one(self.ctcvr_se, self.ctr_se)

    def _one(self, whole: Floats | None, first: Floats | None) -> Floats:
        rate = first if whole is None else whole
        if rate is None:
            raise ValueError("a prediction without rates")
        return rate


@dataclass(frozen=True)
class Predictor:
    """What `fit` returns and `load` reads back."""

    funnel: Funnel
    tokenizer: Any  # a transformers tokenizer
    vocabulary: Vocabulary
    calendar: Calendar
    calibration: Calibration
    spreads: tuple[StageSpread, ...]  # one per stage
    stages: tuple[str, ...]  # ("ctr", "cvr"), ("ctr",) or ("ctcvr",)
    settings: PredictorSettings
    device: torch.device
    record: dict[str, Any]  # seed, best pass and the log-loss of each: written with the model

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> "Predictor":
        """Reads a folder that `fit` wrote, checking the digest of every file.

        Raises:
            ArtifactError: a file is missing, altered or unreadable.
        """
        from promopilot.predictors.artifact import load_predictor

        return load_predictor(folder, device)

    @property
    def shared_sd(self) -> float:
        """Standard deviation of a promotion's shift of the first stage's logit."""
        return self.spreads[0].shared

    @property
    def own_sd(self) -> float:
        """Standard deviation of a line item's own shift of the first stage's logit."""
        return self.spreads[0].own

    @property
    def is_funnel(self) -> bool:
        """Whether clicks and conversions are predicted apart."""
        return len(self.stages) == 2

    def features(self, rows: Rows) -> Features:
        """Returns rows as the network reads them."""
        return self.vocabulary.features(rows, self.calendar.offset(rows))

    def logits(self, rows: Rows) -> Floats:
        """Returns calibrated logits [R, Z]; every distinct text is encoded once."""
        features = self.features(rows)
        return self.calibration.apply(raw_logits(self.funnel, self.vectors, features))

    def tokens(self, texts: list[str]) -> Tokens:
        """Returns padded word pieces of texts on the predictor's device."""
        return tokenize(self.tokenizer, texts, self.settings.max_tokens, self.device)

    def vectors(self, texts: list[str]) -> torch.Tensor:
        """Returns the vectors [T, H] of texts, each distinct one encoded once."""
        if not texts:
            return torch.zeros((0, self.funnel.encoder.width), device=self.device)
        place = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        precision = prediction_precision(self.device, self.settings.precision)
        distinct = encode(self.funnel.encoder, self.tokens(list(place)), precision)
        return distinct[[place[text] for text in texts]]

    def predict(
        self, rows: Rows, vectors: Callable[[list[str]], torch.Tensor] | None = None
    ) -> Prediction:
        """Returns rates and standard errors, the latter from the logit's by the delta method.

        Args:
            rows: what to score; outcomes are not read.
            vectors: what gives the vectors of texts, where they may be known already.
        """
        features = self.features(rows)
        logits = self.calibration.apply(raw_logits(self.funnel, vectors or self.vectors, features))
        rates = 1.0 / (1.0 + np.exp(-logits))
        # d rate = rate (1 - rate) d logit, so the relative error is (1 - rate) sd(logit).
        relative = [
            (1.0 - rates[:, stage]) * logit_sd(spread, features)
            for stage, spread in enumerate(self.spreads)
        ]
        first, first_se = rates[:, 0], rates[:, 0] * relative[0]
        if self.stages == ("ctr",):
            return Prediction(ctr=first, ctr_se=first_se)
        if self.stages == ("ctcvr",):
            return Prediction(ctcvr=first, ctcvr_se=first_se)
        ctcvr = rates.prod(axis=1)
        return Prediction(
            ctr=first,
            ctr_se=first_se,
            cvr=rates[:, 1],
            cvr_se=rates[:, 1] * relative[1],
            ctcvr=ctcvr,
            ctcvr_se=ctcvr * np.sqrt(np.sum(np.square(relative), axis=0)),
        )


def logit_sd(spread: StageSpread, features: Features) -> Floats:
    """Returns the logit's standard deviation [R]: wider for what the fit never saw."""
    shared = np.where(features.is_new_text, spread.shared_new, spread.shared)
    variance = shared**2 + spread.own**2
    is_stranger = features.is_new_text & (features.group == UNKNOWN)
    for unknown, between in (
        (features.placement == UNKNOWN, spread.placement),
        (features.segment == UNKNOWN, spread.segment),
        (is_stranger, spread.group),
    ):
        variance = variance + np.where(unknown, between**2, 0.0)
    return np.sqrt(variance)


def raw_logits(
    funnel: Funnel, vectors: Callable[[list[str]], torch.Tensor], features: Features
) -> Floats:
    """Returns the network's logits [R, Z] before calibration, as float64 on the processor."""
    was_training = funnel.training
    funnel.eval()
    known = vectors(features.texts)
    logits = fuse(funnel, known, Context.from_features(features, known.device))
    funnel.train(was_training)
    return logits


@torch.no_grad()
def fuse(funnel: Funnel, vectors: torch.Tensor, context: Context) -> Floats:
    """Returns logits [R, Z] of rows over known text vectors [T, H], in parts that fit memory."""
    halving = Halving(limit=_ROWS_AT_ONCE)
    rows = torch.arange(len(context.text), device=vectors.device)
    with fast_linear(vectors.device):
        parts = halving(
            lambda part: funnel(vectors, context.pick(part, context.text[part])).double().cpu(),
            rows,
        )
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float64)
