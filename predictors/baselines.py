"""What the network is measured against: logistic regressions on fields, TF-IDF or frozen vectors.

Each stage is a logistic regression with an L2 penalty on aggregated counts over a fixed offset of
time and place, the one under the network. The penalty, and whether a text model also sees the
columns, are chosen on the choose rows, where each stage is calibrated too, as for the network.
They are fitted once, beside the network, and stored with it. R is rows, T texts, Z stages.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from promopilot.predictors.calibration import Calibration, calibrate
from promopilot.predictors.cells import Cells
from promopilot.predictors.columns import Columns
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Floats, Ints, Rows
from promopilot.predictors.logistic import Design, fit_logistic, one_hot, sigmoid
from promopilot.predictors.text_features import Frozen, Tfidf, Vectors

PENALTIES = (10000.0, 1000.0, 100.0, 10.0, 1.0, 0.1)  # 1/C of scikit-learn, largest first
NAMES = ("one_hot", "tfidf", "frozen")


@dataclass(frozen=True)
class Linear:
    """One baseline: a logistic regression per stage and its calibration."""

    beta: tuple[Floats, ...]  # [Z] of [1 + K + D]
    with_fields: tuple[bool, ...]  # [Z] whether K holds the columns that repeat
    penalty: tuple[float, ...]  # [Z] as chosen
    calibration: Calibration


@dataclass(frozen=True)
class Baselines:
    """All of them, fitted."""

    base: tuple[float, ...]  # [Z] the fit rows' rate of each stage
    columns: Columns
    tfidf: Tfidf
    frozen: Frozen
    linear: dict[str, Linear]  # by name, as in NAMES

    def rates(self, rows: Rows, offset: Floats, vectors: Vectors) -> dict[str, Floats]:
        """Returns each stage's rates [R, Z] under `base` and every name in NAMES.

        Args:
            rows: to be predicted.
            offset: [R, Z] logits of time and place, of the network's own calendar.
            vectors: of the base model as it was before the fit.
        """
        texts, code = distinct_texts(rows)
        features = self.features(texts, vectors)
        out = {"base": np.tile(np.asarray(self.base), (len(rows), 1))}
        context = {flag: self.columns.matrix(rows, flag) for flag in (False, True)}
        gather = one_hot(code, len(texts))
        for name, model in self.linear.items():
            logits = [
                Design(context[flag], features[name], gather, offset[:, z]).times(model.beta[z])
                for z, flag in enumerate(model.with_fields)
            ]
            out[name] = sigmoid(model.calibration.apply(np.stack(logits, axis=1)))
        return out

    def features(self, texts: list[str], vectors: Vectors) -> dict[str, Any]:
        """Returns [T, D] of texts for each name in NAMES."""
        return {
            "one_hot": np.zeros((len(texts), 0)),
            "tfidf": self.tfidf.features(texts),
            "frozen": self.frozen.features(texts, vectors),
        }


@dataclass(frozen=True)
class StoredBaselines:
    """Baselines and the base model's weights that the fit changed, by name, for `frozen`."""

    baselines: Baselines
    base_weights: dict[str, Tensor]


def fit_baselines(
    train: Rows, choose: Rows, offsets: tuple[Floats, Floats], vectors: Vectors
) -> Baselines:
    """Fits every baseline on `train`, chooses and calibrates on `choose`.

    Args:
        train: rows to learn from.
        choose: rows on which penalty and calibration are chosen.
        offsets: [R, Z] of both, fixed.
        vectors: of the base model as it was before the fit.
    """
    parts = [
        Cells.of(rows, StageCounts.of(rows), offset)
        for rows, offset in zip((train, choose), offsets, strict=True)
    ]
    fitted, later = (part.counts for part in parts)
    fit_texts, _ = distinct_texts(train)
    known = Baselines(
        base=tuple((fitted.successes.sum(0) / np.maximum(fitted.trials.sum(0), 1e-300)).tolist()),
        columns=Columns.from_rows(train, choose),
        tfidf=Tfidf.fit(fit_texts),
        frozen=Frozen.fit(fit_texts, vectors),
        linear={},
    )
    designs = [_designs(known, part.rows, vectors) for part in parts]
    both = (False, True) if known.columns.fields else (True,)
    linear = {}
    for name in NAMES:
        chosen = [
            _choose(
                {
                    flag: [
                        replace(design[name, flag], offset=part.offset[:, z])
                        for design, part in zip(designs, parts, strict=True)
                    ]
                    for flag in ((True,) if name == "one_hot" else both)
                },
                (fitted.trials[:, z], fitted.successes[:, z]),
                (later.trials[:, z], later.successes[:, z]),
            )
            for z in range(fitted.trials.shape[1])
        ]
        logits = np.stack([choice.logits for choice in chosen], axis=1)
        linear[name] = Linear(
            beta=tuple(choice.beta for choice in chosen),
            with_fields=tuple(choice.with_fields for choice in chosen),
            penalty=tuple(choice.penalty for choice in chosen),
            calibration=calibrate(logits, later.trials, later.successes, parts[1].rows.promotion),
        )
    return replace(known, linear=linear)


def distinct_texts(rows: Rows) -> tuple[list[str], Ints]:
    """Returns the distinct texts of rows, and of each row which one."""
    shown, inverse = np.unique(rows.promotion, return_inverse=True)
    # As objects: numpy's own strings would each be as wide as the longest text.
    texts, code = np.unique(rows.promotions.text[shown], return_inverse=True)
    return [str(text) for text in texts], code[inverse]


@dataclass(frozen=True)
class _Choice:
    beta: Floats
    with_fields: bool
    penalty: float
    logits: Floats  # [R] of the choose rows
    loss: float  # there, calibrated


def _choose(
    designs: dict[bool, list[Design]],
    fit_counts: tuple[Floats, Floats],
    choose_counts: tuple[Floats, Floats],
) -> _Choice:
    """The stage's best penalty and columns on the choose rows, each calibrated there."""
    trials, successes = (part[:, None] for part in choose_counts)
    found = []
    for flag, (fit_design, choose_design) in designs.items():
        beta: Floats | None = None
        for penalty in PENALTIES:
            beta = fit_logistic(fit_design, *fit_counts, penalty, beta)
            logit = choose_design.times(beta)
            moved = calibrate(logit[:, None], trials, successes).apply(logit[:, None])
            loss = float((trials * np.logaddexp(0.0, moved) - successes * moved).sum())
            found.append(_Choice(beta, flag, penalty, logit, loss))
    return min(found, key=lambda choice: choice.loss)


def _designs(known: Baselines, rows: Rows, vectors: Vectors) -> dict[tuple[str, bool], Design]:
    texts, code = distinct_texts(rows)
    gather, nothing = one_hot(code, len(texts)), np.zeros(len(rows))
    features = known.features(texts, vectors)
    contexts = {flag: known.columns.matrix(rows, flag) for flag in (False, True)}
    return {
        (name, flag): Design(contexts[flag], features[name], gather, nothing)
        for name in NAMES
        for flag in (False, True)
    }
