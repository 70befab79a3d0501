"""Estimates with their intervals, and the gains over what was logged, paired on the same units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import Estimator, R
from promopilot.experiments.ope.inference.bernstein import bernstein_interval
from promopilot.experiments.ope.inference.bootstrap import (
    Replicates,
    replicate,
    studentized_interval,
)
from promopilot.experiments.ope.inference.influence import standard_error, t_interval
from promopilot.experiments.ope.inference.sums import GroupSums, sum_by_group
from promopilot.experiments.ope.settings import OpeSettings

Method = Literal["bootstrap", "influence", "bernstein"]
_UNDEFINED = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Estimate:
    """One estimator's answer; NaN where it is not defined."""

    estimator: Estimator[Any]
    value: float
    error: float  # standard error
    interval: tuple[float, float]
    gain: float  # over the mean that was logged
    gain_error: float
    gain_interval: tuple[float, float]
    method: Method  # of the intervals


def estimate_all(
    case: Case[R],
    estimators: Sequence[Estimator[R]],
    group: IntArray,
    settings: OpeSettings,
    rng: np.random.Generator,
) -> list[Estimate]:
    """Estimates in the order of `estimators`; `group` [n] are independent groups of units.

    Intervals are those of `settings.interval`; `auto` is the studentised bootstrap, which held the
    truth most nearly as often as it says in the study of `docs/offline-evaluation-study.md`. What
    is resampled are the sums of influence functions, so an error of a fitted model counts wherever
    weighted residuals correct it: with cross-fitting it does not move such an estimate to first
    order, and refitting the model in every replicate would add nothing (Chernozhukov et al. 2018).
    """
    sums = sum_by_group(group, case.rows.logged, [one.terms(case.rows) for one in estimators])
    method: Method = "bootstrap" if settings.interval == "auto" else settings.interval
    # Resampling one group would give itself: no width.
    drawn = None
    if method == "bootstrap" and len(sums.matrix) > 1:
        drawn = replicate(sums, settings.replicates, rng)
    rounding = 1e-12 * float(np.abs(case.rows.logged).max())
    found = [
        _estimate(
            sums,
            at,
            one,
            drawn,
            method,
            rounding,
            settings.confidence,
            unweighted=not one.used_weight(case.rows).any(),
        )
        for at, one in enumerate(estimators)
    ]
    by_name = {one.estimator.name: one for one in found}
    return [_stretched(one, by_name) for one in found]


def _estimate(
    sums: GroupSums,
    at: int,
    estimator: Estimator[Any],
    drawn: Replicates | None,
    method: Method,
    rounding: float,
    confidence: float,
    unweighted: bool,
) -> Estimate:
    totals = sums.totals()
    value = float(sums.values(at, totals))
    gain = value - float(sums.logged(totals))
    moved = sums.influence(at)
    gained = moved - sums.influence_of_logged()
    if abs(gain) <= rounding:  # the logged policy gains nothing on itself
        gain = 0.0
    gained[np.abs(gained) <= rounding / max(len(gained), 1)] = 0.0
    error, gain_error = standard_error(moved), standard_error(gained)
    if method == "influence":
        interval = t_interval(value, moved, confidence)
        gain_interval = t_interval(gain, gained, confidence)
    elif method == "bernstein":
        interval = bernstein_interval(value, moved, confidence)
        gain_interval = bernstein_interval(gain, gained, confidence)
    elif drawn is None:
        interval = gain_interval = _UNDEFINED
    else:
        interval = _bootstrapped(value, error, drawn.value, drawn.value_error, at, confidence)
        gain_interval = _bootstrapped(
            gain, gain_error, drawn.gain, drawn.gain_error, at, confidence
        )
    # Rewards that never differ, or weights that are all 0, say nothing of what was not drawn. A
    # gain that is 0 by construction, that of the logged policy over itself, is no wider.
    if error == 0.0 or unweighted:
        interval = _UNDEFINED
    if unweighted or (gain_error == 0.0 and gain != 0.0):
        gain_interval = _UNDEFINED
    elif gain_error == 0.0:
        gain_interval = (0.0, 0.0)
    return Estimate(estimator, value, error, interval, gain, gain_error, gain_interval, method)


def _bootstrapped(
    estimate: float,
    error: float,
    replicates: FloatArray,
    errors: FloatArray,
    at: int,
    confidence: float,
) -> tuple[float, float]:
    return studentized_interval(estimate, error, replicates[:, at], errors[:, at], confidence)


def _stretched(one: Estimate, by_name: dict[str, Estimate]) -> Estimate:
    """The interval of the estimator that lends its own, stretched to hold this estimate."""
    if one.estimator.interval_from not in by_name:
        return one
    by = by_name[one.estimator.interval_from]
    return replace(
        one,
        interval=_holding(one.value, by.interval),
        gain_interval=_holding(one.gain, by.gain_interval),
        method=by.method,
    )


def _holding(value: float, interval: tuple[float, float]) -> tuple[float, float]:
    """The interval, stretched to hold a value; undefined as it is."""
    low, high = interval
    return (min(value, low), max(value, high)) if np.isfinite([low, high]).all() else _UNDEFINED
