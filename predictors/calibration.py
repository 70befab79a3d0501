"""What each stage's logits still lack, learnt on the choose rows: level, slope or bend.

The fit weeks end before the flight starts; what has changed for all promotions alike since then
shows in the choose rows and is corrected here. How much to correct is itself chosen, by the
log-loss of rows left out within the choose rows: nothing, the level alone, level and slope (Cox
1958), or beta calibration (Kull, Silva Filho & Flach 2017), whose two slopes bend the curve where
rates are large. All are smooth and increasing, so that the order of line items stays.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.predictors.dataset import Floats, Ints

_STEPS = 50  # Newton steps; about five are used
# Weak pull to "changes nothing", in units of information, so that a handful of events cannot flip
# the slope.
_PRIOR = 1.0
_FOLDS = 5
# Number of columns of [1, logit, softplus(logit)] that each form frees, simplest first.
FORMS = {"none": 0, "level": 1, "slope": 2, "beta": 3}


@dataclass(frozen=True)
class Calibration:
    """logit' = intercept + slope * logit + bend * log(1 + e^logit), per stage; all [Z].

    With `bend` 0 a straight line; else beta calibration a log p - b log(1 - p) + c with slope = a
    and bend = b - a.
    """

    intercept: tuple[float, ...]
    slope: tuple[float, ...]
    bend: tuple[float, ...] = ()  # empty: 0 everywhere
    form: tuple[str, ...] = ()  # what was chosen, as in FORMS

    def apply(self, logits: Floats) -> Floats:
        """Returns calibrated logits of the same shape [R, Z]."""
        out = np.asarray(self.intercept) + np.asarray(self.slope) * logits
        return out + np.asarray(self.bend) * np.logaddexp(0.0, logits) if any(self.bend) else out


def calibrate(
    logits: Floats, trials: Floats, successes: Floats, unit: Ints | None = None
) -> Calibration:
    """Chooses and fits the form of each stage by penalised maximum likelihood.

    Args:
        logits: [R, Z] as the model gives them.
        trials: [R, Z].
        successes: [R, Z].
        unit: [R] what is left out together when forms are compared, such as the promotion; None:
            intercept and slope are fitted without comparing.
    """
    fitted = [
        _fit_stage(logits[:, z], trials[:, z], successes[:, z], unit)
        for z in range(logits.shape[1])
    ]
    return Calibration(
        intercept=tuple(float(beta[0]) for _, beta in fitted),
        slope=tuple(float(beta[1]) for _, beta in fitted),
        bend=tuple(float(beta[2]) for _, beta in fitted),
        form=tuple(form for form, _ in fitted),
    )


def _fit_stage(
    logit: Floats, trials: Floats, successes: Floats, unit: Ints | None
) -> tuple[str, Floats]:
    form = "slope" if unit is None else _best_form(logit, trials, successes, unit)
    return form, _fit_form(FORMS[form], logit, trials, successes)


def _best_form(logit: Floats, trials: Floats, successes: Floats, unit: Ints) -> str:
    """The form with the least log-loss on units left out; of equals the simplest."""
    # Units are dealt by rank, not by chance: the same rows always give the same form.
    fold = np.unique(unit, return_inverse=True)[1] % _FOLDS
    losses = {}
    for form, free in FORMS.items():
        total = 0.0
        for left in range(_FOLDS):
            out = fold == left
            beta = _fit_form(free, logit[~out], trials[~out], successes[~out])
            moved = _design(logit[out]) @ beta
            total += float((trials[out] * np.logaddexp(0, moved) - successes[out] * moved).sum())
        losses[form] = total
    return min(losses, key=lambda form: losses[form])


def _fit_form(free: int, logit: Floats, trials: Floats, successes: Floats) -> Floats:
    """Returns intercept, slope and bend, those beyond the first `free` left as they are."""
    nothing = np.array([0.0, 1.0, 0.0])
    if trials.sum() <= 0 or free == 0:
        return nothing
    design = _design(logit)
    centre = np.average(design, axis=0, weights=trials)
    centred = design - np.array([0.0, *centre[1:]])  # centred: well conditioned
    prior = np.array([centre @ nothing, 1.0, 0.0])  # changes nothing
    beta = prior.copy()
    used = slice(0, free)
    for _ in range(_STEPS):
        rate = 1.0 / (1.0 + np.exp(-np.clip(centred @ beta, -30.0, 30.0)))
        gradient = centred.T @ (successes - trials * rate) - _PRIOR * (beta - prior)
        weight = trials * rate * (1.0 - rate)
        information = (centred.T * weight) @ centred + _PRIOR * np.eye(3)
        step = np.zeros(3)
        step[used] = np.linalg.solve(information[used, used], gradient[used])
        step = np.clip(step, -1.0, 1.0)
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    out = np.array([beta[0] - beta[1:] @ centre[1:], beta[1], beta[2]])
    if free == FORMS["beta"] and (out[1] <= 0 or out[1] + out[2] <= 0):
        return _fit_form(FORMS["slope"], logit, trials, successes)  # else it would not increase
    if free == FORMS["slope"] and out[1] <= 0:
        return _fit_form(FORMS["level"], logit, trials, successes)
    return out


def _design(logit: Floats) -> Floats:
    return np.stack([np.ones_like(logit), logit, np.logaddexp(0.0, logit)], axis=1)
