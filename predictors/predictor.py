"""A fitted predictor: rows in, rates and their standard errors out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from promopilot.predictors.baselines import StoredBaselines
from promopilot.predictors.calendar import Calendar
from promopilot.predictors.calibration import Calibration
from promopilot.predictors.dataset import Floats, Rows
from promopilot.predictors.device import prediction_precision
from promopilot.predictors.encoder import Tokens, encode, tokenize
from promopilot.predictors.funnel import Context, Funnel
from promopilot.predictors.halving import Halving
from promopilot.predictors.inference import predicting
from promopilot.predictors.onednn import fast_linear
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread, logit_sd
from promopilot.predictors.vocabulary import Features, Vocabulary

_ROWS_AT_ONCE = 1 << 17  # rows fused per pass: 128k x 64 floats is 34 MB


@dataclass(frozen=True)
class Predictor:
    """What `fit` returns and `load` reads back."""

    funnel: Funnel
    tokenizer: Any  # a transformers tokenizer
    vocabulary: Vocabulary
    calendar: Calendar
    calibration: Calibration
    # One per stage, in a funnel then one of both together: their shifts are not independent.
    spreads: tuple[StageSpread, ...]
    stages: tuple[str, ...]  # ("ctr", "cvr"), ("ctr",) or ("ctcvr",)
    settings: PredictorSettings
    device: torch.device
    record: dict[str, Any]  # seed, best pass and the log-loss of each: written with the model
    baselines: StoredBaselines | None = None  # what it is measured against; None: not fitted

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
        return self.calibration.apply(
            raw_logits(self.funnel, self.vectors(features.texts), features)
        )

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
        return self.score(features, (vectors or self.vectors)(features.texts))

    def score(self, features: Features, vectors: torch.Tensor) -> Prediction:
        """Returns rates and standard errors of rows as the network reads them.

        Args:
            features: of rows.
            vectors: [T, H], of the features' texts.
        """
        logits = self.calibration.apply(raw_logits(self.funnel, vectors, features))
        rates = 1.0 / (1.0 + np.exp(-logits))
        ctcvr = rates.prod(axis=1)
        # d rate = rate (1 - rate) d logit.
        errors = [
            rate * (1.0 - rate) * logit_sd(spread, features)
            for rate, spread in zip((*rates.T, ctcvr), self.spreads, strict=False)
        ]
        first, first_se = rates[:, 0], errors[0]
        if self.stages == ("ctr",):
            return Prediction(ctr=first, ctr_se=first_se)
        if self.stages == ("ctcvr",):
            return Prediction(ctcvr=first, ctcvr_se=first_se)
        return Prediction(
            ctr=first,
            ctr_se=first_se,
            cvr=rates[:, 1],
            cvr_se=errors[1],
            ctcvr=ctcvr,
            ctcvr_se=errors[2],
        )


def raw_logits(funnel: Funnel, vectors: torch.Tensor, features: Features) -> Floats:
    """Returns the network's logits [R, Z] before calibration, as float64 on the processor."""
    with predicting(funnel):
        return fuse(funnel, vectors, Context.from_features(features, vectors.device))


@torch.no_grad()
def fuse(funnel: Funnel, vectors: torch.Tensor, context: Context) -> Floats:
    """Returns logits [R, Z] of rows over known text vectors [T, H], in parts that fit memory."""
    halving = Halving(limit=_ROWS_AT_ONCE)
    rows = torch.arange(len(context.text), device=vectors.device)
    with fast_linear(vectors.device):
        parts = halving(
            lambda part: funnel(vectors, context.pick(part, context.text[part])).cpu().double(),
            rows,
        )
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float64)
