"""What the network is measured against: logistic regressions on fields, TF-IDF or frozen vectors.

Each stage is a logistic regression with an L2 penalty, as scikit-learn's LogisticRegression fits
it (same objective; a test compares them), on aggregated counts. scikit-learn would need every
row's text vector written out (R x 384 doubles); here the text part is multiplied once per text.
The penalty is chosen, and intercept and slope are calibrated, on the choose rows, as for the
network. R is rows, T texts, K context columns, D text dimensions, Z stages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from promopilot.predictors.calibration import calibrate
from promopilot.predictors.dataset import WEEKDAYS, Floats, Ints, Names, Rows
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.vocabulary import Vocabulary

PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1)  # 1/C of scikit-learn, largest first: warm starts
_ITERATIONS = 300
_FEW_LEVELS = 20  # a discount with at most so many values is one-hot coded too


@dataclass(frozen=True)
class Design:
    """A row's linear features: context columns plus its text's dimensions."""

    context: Any  # sparse CSR [R, K]
    texts: Any  # [T, D], dense or sparse CSR; D may be 0
    gather: Any  # sparse CSR [R, T]: one 1 per row, at its text

    def times(self, beta: Floats) -> Floats:
        """Returns the logits [R] of coefficients [1 + K + D], the first being the intercept."""
        split = 1 + self.context.shape[1]
        text: Floats = self.texts @ beta[split:]
        out: Floats = beta[0] + self.context @ beta[1:split] + self.gather @ text
        return out

    def transposed(self, residual: Floats) -> Floats:
        """Returns the gradient [1 + K + D] of residuals [R]."""
        text = self.texts.T @ (self.gather.T @ residual)
        return np.concatenate([[residual.sum()], self.context.T @ residual, text])


def fit_logistic(
    design: Design, trials: Floats, successes: Floats, penalty: float, start: Floats | None = None
) -> Floats:
    """Returns coefficients [1 + K + D] of a logistic regression on counts.

    Minimises the negative log-likelihood plus penalty/2 times the squared coefficients, the
    intercept left free: scikit-learn's objective with C = 1/penalty.
    """
    size = 1 + design.context.shape[1] + design.texts.shape[1]
    scale = max(1.0, float(trials.sum()))  # the optimiser's tolerances expect values near 1

    def loss(beta: Floats) -> tuple[float, Floats]:
        logit = design.times(beta)
        value = float((trials * np.logaddexp(0.0, logit) - successes * logit).sum())
        rate = 1.0 / (1.0 + np.exp(-np.clip(logit, -500.0, 500.0)))
        gradient = design.transposed(trials * rate - successes)
        gradient[1:] += penalty * beta[1:]
        value += 0.5 * penalty * float(beta[1:] @ beta[1:])
        return value / scale, gradient / scale

    if start is None:
        start = np.zeros(size)
        share = np.clip(successes.sum() / trials.sum(), 1e-9, 1 - 1e-9)
        start[0] = np.log(share / (1.0 - share))
    result = minimize(
        loss,
        start,
        (),
        "L-BFGS-B",
        True,  # jac: loss returns the gradient too
        options={"maxiter": _ITERATIONS, "ftol": 1e-12, "gtol": 1e-8},
    )
    return np.asarray(result.x, dtype=np.float64)


def baseline_rates(
    parts: tuple[Rows, Rows, Rows], text_features: Callable[[list[str], list[str]], Any] | None
) -> tuple[Floats, Floats]:
    """Fits a baseline on the first part, chooses on the second, predicts the second and third.

    Args:
        parts: fit, choose and test rows.
        text_features: gets the fit part's distinct texts and all distinct texts, returns features
            [T, D] of the latter; None: the text columns that repeat, one-hot coded.

    Returns:
        CTCVR of the choose rows and of the test rows.
    """
    designs = _designs(parts, text_features)
    counts = [_stages(rows) for rows in parts]
    stages = range(counts[0][0].shape[1])
    betas = [_chosen(designs, counts[0], counts[1], stage) for stage in stages]
    choose, test = (
        np.stack([design.times(beta) for beta in betas], axis=1) for design in designs[1:]
    )
    calibration = calibrate(choose, *counts[1])
    rates = [1.0 / (1.0 + np.exp(-calibration.apply(part))) for part in (choose, test)]
    return rates[0].prod(axis=1), rates[1].prod(axis=1)


def _chosen(
    designs: list[Design],
    fit_counts: tuple[Floats, Floats],
    choose_counts: tuple[Floats, Floats],
    stage: int,
) -> Floats:
    """Coefficients of a stage under the penalty that is best on the choose rows, calibrated."""
    trials, successes = (part[:, stage] for part in fit_counts)
    shown, events = (part[:, stage : stage + 1] for part in choose_counts)
    beta: Floats | None = None
    path, losses = [], []
    for penalty in PENALTIES:
        beta = fit_logistic(designs[0], trials, successes, penalty, beta)
        logit = designs[1].times(beta)[:, None]
        logit = calibrate(logit, shown, events).apply(logit)
        path.append(beta)
        losses.append(float((shown * np.logaddexp(0.0, logit) - events * logit).sum()))
    return path[int(np.argmin(losses))]


def _stages(rows: Rows) -> tuple[Floats, Floats]:
    """Trials and successes of each stage, [R, Z]."""
    shown = rows.impressions.astype(np.float64)
    if rows.conversions is None:
        raise PredictorDataError("performance has no conversions to compare baselines on.")
    bought = rows.conversions.astype(np.float64)
    if rows.clicks is None:
        return shown[:, None], bought[:, None]
    clicks = rows.clicks.astype(np.float64)
    return np.stack([shown, clicks], 1), np.stack([clicks, bought], 1)


def _designs(
    parts: tuple[Rows, Rows, Rows], text_features: Callable[[list[str], list[str]], Any] | None
) -> list[Design]:
    fit = parts[0]
    vocabulary = Vocabulary.from_rows(fit)
    features = [vocabulary.features(rows) for rows in parts]
    texts = sorted({text for part in features for text in part.texts})
    levels = {} if text_features else _field_levels(fit)
    discounts = _levels(np.round(fit.promotions.discount[np.unique(fit.promotion)], 3).astype(str))
    matrix: Any = np.zeros((len(texts), 0))
    if text_features is not None:
        matrix = text_features(features[0].texts, texts)
    place = {text: index for index, text in enumerate(texts)}
    designs = []
    for rows, part in zip(parts, features, strict=True):
        blocks = [
            _one_hot(part.placement - 1, len(vocabulary.placements)),
            _one_hot(part.segment - 1, len(vocabulary.segments)),
            _one_hot(part.weekday, WEEKDAYS),
            sparse.csr_matrix(part.numeric.astype(np.float64)),
        ]
        if len(discounts) <= _FEW_LEVELS:
            blocks.append(
                _coded(np.round(rows.promotions.discount, 3).astype(str), rows, discounts)
            )
        for name, known in levels.items():
            blocks.append(_coded(rows.promotions.fields[name], rows, known))
        code = np.array([place[text] for text in part.texts], dtype=np.int64)[part.text]
        designs.append(
            Design(sparse.hstack(blocks, format="csr"), matrix, _one_hot(code, len(texts)))
        )
    return designs


def _field_levels(fit: Rows) -> dict[str, list[str]]:
    shown = np.unique(fit.promotion)
    return {name: _levels(values[shown]) for name, values in fit.promotions.fields.items()}


def _levels(values: Names) -> list[str]:
    return sorted({str(value) for value in values} - {"", "nan"})


def _coded(values: Names, rows: Rows, levels: list[str]) -> Any:
    place = {name: index for index, name in enumerate(levels)}
    code = np.array([place.get(str(value), -1) for value in values], dtype=np.int64)
    return _one_hot(code[rows.promotion], len(levels))


def _one_hot(code: Ints, levels: int) -> Any:
    """CSR [R, levels]; a negative code is a row of zeros."""
    row = np.flatnonzero(code >= 0)
    ones = np.ones(len(row))
    return sparse.csr_matrix((ones, (row, code[row])), shape=(len(code), levels))
