"""Logistic regression on aggregated counts, with a fixed offset and an L2 penalty.

The objective is that of scikit-learn's LogisticRegression (a test compares them). scikit-learn
would need every row's text vector written out (R x 384 doubles); here the text part is multiplied
once per text. R is rows, T texts, K context columns, D text dimensions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from promopilot.predictors.dataset import Floats, Ints

_LBFGS_STEPS = 300
_NEWTON_STEPS = 40  # about six are used from a cold start, three from a neighbouring penalty
_HALVINGS = 20
# Up to so many coefficients Newton's method solves for all at once: a tenth of L-BFGS's time.
_NEWTON_SIZE = 2000
_TOLERANCE = 1e-12  # of the loss per trial
_LBFGS_TOLERANCE = (
    1e-9  # of the loss, relatively: there are many coefficients, none of which matters
)


@dataclass(frozen=True)
class Design:
    """A row's linear features: context columns plus its text's dimensions, and a fixed offset."""

    context: Any  # sparse CSR [R, K]
    texts: Any  # [T, D], dense or sparse CSR; D may be 0
    gather: Any  # sparse CSR [R, T]: one 1 per row, at its text
    offset: Floats  # [R] added to the logit as it is

    @property
    def size(self) -> int:
        """Number of coefficients, 1 + K + D; the first is the intercept."""
        return 1 + int(self.context.shape[1]) + int(self.texts.shape[1])

    def times(self, beta: Floats) -> Floats:
        """Returns the logits [R] of coefficients [1 + K + D]."""
        split = 1 + self.context.shape[1]
        text: Floats = self.texts @ beta[split:]
        out: Floats = self.offset + beta[0] + self.context @ beta[1:split] + self.gather @ text
        return out

    def transposed(self, residual: Floats) -> Floats:
        """Returns the gradient [1 + K + D] of residuals [R]."""
        text = self.texts.T @ (self.gather.T @ residual)
        return np.concatenate([[residual.sum()], self.context.T @ residual, text])

    def information(self, weight: Floats) -> Floats:
        """Returns X' diag(weight) X [1 + K + D, 1 + K + D] of row weights [R]."""
        split = 1 + self.context.shape[1]
        out = np.empty((self.size, self.size))
        weighted = sparse.diags_array(weight) @ self.context
        per_text = self.gather.T @ weight  # [T]
        out[0, 0] = weight.sum()
        out[0, 1:split] = self.context.T @ weight
        out[0, split:] = self.texts.T @ per_text
        out[1:split, 1:split] = (self.context.T @ weighted).toarray()
        crossed = (self.gather.T @ weighted).toarray()  # [T, K]
        out[1:split, split:] = (self.texts.T @ crossed).T
        among = _times_diagonal(self.texts, per_text)
        is_sparse = sparse.issparse(among)
        out[split:, split:] = among.toarray() if is_sparse else among
        return np.triu(out) + np.triu(out, 1).T


def _times_diagonal(texts: Any, weight: Floats) -> Any:
    """X' diag(weight) X of dense or sparse X."""
    diagonal: Any = sparse.diags_array(weight)
    return texts.T @ (diagonal @ texts)


def fit_logistic(
    design: Design, trials: Floats, successes: Floats, penalty: float, start: Floats | None = None
) -> Floats:
    """Returns coefficients [1 + K + D] of a logistic regression on counts.

    Minimises the negative log-likelihood plus penalty/2 times the squared coefficients, the
    intercept left free: scikit-learn's objective with C = 1/penalty.

    Args:
        design: features and offset.
        trials: [R], may be weighted; rows with 0 do not count.
        successes: [R] among them.
        penalty: of the squared coefficients.
        start: coefficients to start from, such as those of a neighbouring penalty.
    """
    if start is None:
        start = np.zeros(design.size)
        share = np.clip(successes.sum() / max(trials.sum(), 1e-300), 1e-9, 1 - 1e-9)
        centre = np.average(design.offset, weights=trials) if trials.sum() > 0 else 0.0
        start[0] = np.log(share / (1.0 - share)) - centre
    if design.size <= _NEWTON_SIZE:
        return _newton(design, trials, successes, penalty, start)
    return _lbfgs(design, trials, successes, penalty, start)


def _newton(
    design: Design, trials: Floats, successes: Floats, penalty: float, beta: Floats
) -> Floats:
    ridge = np.full(design.size, penalty)
    ridge[0] = 0.0
    floor = _TOLERANCE * max(1.0, float(trials.sum()))
    logit = design.times(beta)
    value = _loss(logit, beta, trials, successes, penalty)
    for _ in range(_NEWTON_STEPS):
        rate = sigmoid(logit)
        gradient = design.transposed(trials * rate - successes) + ridge * beta
        information = design.information(trials * rate * (1.0 - rate))
        # A hair on the diagonal keeps the free intercept solvable where nothing was observed.
        information[np.diag_indices(design.size)] += ridge + 1e-9
        step = cho_solve(cho_factor(information), gradient)
        for _ in range(_HALVINGS):
            moved = design.times(beta - step)
            found = _loss(moved, beta - step, trials, successes, penalty)
            if found <= value:
                break
            step = step / 2.0
        else:
            return beta
        gain, beta, logit, value = value - found, beta - step, moved, found
        if gain <= floor:
            break
    return beta


def _lbfgs(
    design: Design, trials: Floats, successes: Floats, penalty: float, start: Floats
) -> Floats:
    scale = max(1.0, float(trials.sum()))  # the optimiser's tolerances expect values near 1

    def loss(beta: Floats) -> tuple[float, Floats]:
        logit = design.times(beta)
        gradient = design.transposed(trials * sigmoid(logit) - successes)
        gradient[1:] += penalty * beta[1:]
        return _loss(logit, beta, trials, successes, penalty) / scale, gradient / scale

    result = minimize(
        loss,
        start,
        (),
        "L-BFGS-B",
        True,  # jac: loss returns the gradient too
        options={"maxiter": _LBFGS_STEPS, "ftol": _LBFGS_TOLERANCE, "gtol": 1e-8},
    )
    return np.asarray(result.x, dtype=np.float64)


def _loss(logit: Floats, beta: Floats, trials: Floats, successes: Floats, penalty: float) -> float:
    value = float((trials * np.logaddexp(0.0, logit) - successes * logit).sum())
    return value + 0.5 * penalty * float(beta[1:] @ beta[1:])


def sigmoid(logit: Floats) -> Floats:
    """Returns 1 / (1 + e^-logit) without overflow."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -500.0, 500.0))))


def one_hot(code: Ints, levels: int) -> Any:
    """Returns CSR [R, levels]; a negative code is a row of zeros."""
    row = np.flatnonzero(code >= 0)
    ones = np.ones(len(row))
    return sparse.csr_matrix((ones, (row, code[row])), shape=(len(code), levels))
