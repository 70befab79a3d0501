"""Intercept and slope of each stage's logit, fitted on the choose rows (Cox 1958).

The fit weeks end before the flight starts; what has changed for all promotions alike since then
shows in the choose rows and is corrected here.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.predictors.dataset import Floats

_STEPS = 50  # Newton steps; about five are used
# Weak pull to (0, 1), in units of information, so that a handful of events cannot flip the slope.
_PRIOR = 1.0


@dataclass(frozen=True)
class Calibration:
    """logit' = intercept + slope * logit, per stage; both [Z]."""

    intercept: tuple[float, ...]
    slope: tuple[float, ...]

    def apply(self, logits: Floats) -> Floats:
        """Returns calibrated logits of the same shape [R, Z]."""
        return np.asarray(self.intercept) + np.asarray(self.slope) * logits


def calibrate(logits: Floats, trials: Floats, successes: Floats) -> Calibration:
    """Fits intercept and slope of each stage by penalised maximum likelihood; all are [R, Z]."""
    fitted = [
        _fit_stage(logits[:, z], trials[:, z], successes[:, z]) for z in range(logits.shape[1])
    ]
    return Calibration(tuple(a for a, _ in fitted), tuple(b for _, b in fitted))


def _fit_stage(logit: Floats, trials: Floats, successes: Floats) -> tuple[float, float]:
    if trials.sum() <= 0:
        return 0.0, 1.0
    centre = float(np.average(logit, weights=trials))
    design = np.stack([np.ones_like(logit), logit - centre], axis=1)  # centred: well conditioned
    prior = np.array([centre, 1.0])  # intercept centre and slope 1 change nothing
    beta = prior.copy()
    for _ in range(_STEPS):
        rate = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -30.0, 30.0)))
        gradient = design.T @ (successes - trials * rate) - _PRIOR * (beta - prior)
        weight = trials * rate * (1.0 - rate)
        information = (design.T * weight) @ design + _PRIOR * np.eye(2)
        step = np.clip(np.linalg.solve(information, gradient), -1.0, 1.0)
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[0] - beta[1] * centre), float(beta[1])
