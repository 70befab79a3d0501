"""Estimates with their intervals, and the gains over what was logged, paired on the same units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimator import Estimator, R
from promopilot.experiments.ope.inference.bootstrap import percentile_interval, resample
from promopilot.experiments.ope.inference.influence import standard_error, t_interval
from promopilot.experiments.ope.inference.sums import GroupSums, sum_by_group
from promopilot.experiments.ope.settings import OpeSettings

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
    method: str  # of the intervals: "bootstrap" or "influence"


def estimate_all(
    case: Case[R],
    estimators: Sequence[Estimator[R]],
    group: IntArray,
    settings: OpeSettings,
    rng: np.random.Generator,
) -> list[Estimate]:
    """Estimates in the order of `estimators`; `group` [n] are independent groups of units."""
    sums = sum_by_group(group, case.rows.logged, [one.terms(case.rows) for one in estimators])
    drawn = resample(sums.matrix, settings.replicates, rng)
    rounding = 1e-12 * float(np.abs(case.rows.logged).max())
    # Where nuisances are fitted on the log itself, resampling sums would not refit them.
    fitted = case.reward_model == "cross-fitted" or case.propensities == "estimated"
    found = [
        _estimate(sums, drawn, at, one, rounding, fitted, settings)
        for at, one in enumerate(estimators)
    ]
    by_name = {one.estimator.name: one for one in found}
    return [_stretched(one, by_name) for one in found]


def _estimate(
    sums: GroupSums,
    drawn: FloatArray,
    at: int,
    estimator: Estimator[Any],
    rounding: float,
    fitted: bool,
    settings: OpeSettings,
) -> Estimate:
    totals = sums.totals()
    value = float(sums.values(at, totals))
    gain = value - float(sums.logged(totals))
    moved = sums.influence(at)
    gained = moved - sums.influence_of_logged()
    if abs(gain) <= rounding:  # the logged policy gains nothing on itself
        gain = 0.0
    gained[np.abs(gained) <= rounding / max(len(gained), 1)] = 0.0
    if fitted:
        interval = t_interval(value, moved, settings.confidence)
        gain_interval = t_interval(gain, gained, settings.confidence)
    elif len(sums.matrix) < 2:  # resampling one group would give itself: no width
        interval = gain_interval = _UNDEFINED
    else:
        values = sums.values(at, drawn)
        gains = values - sums.logged(drawn)
        gains[np.abs(gains) <= rounding] = 0.0
        interval = percentile_interval(values, settings.confidence)
        gain_interval = percentile_interval(gains, settings.confidence)
    return Estimate(
        estimator,
        value,
        standard_error(moved),
        interval,
        gain,
        standard_error(gained),
        gain_interval,
        "influence" if fitted else "bootstrap",
    )


def _stretched(one: Estimate, by_name: dict[str, Estimate]) -> Estimate:
    """The interval of the estimator that corrects this one, stretched to hold this estimate."""
    if one.estimator.corrected_by not in by_name:
        return one
    by = by_name[one.estimator.corrected_by]
    if not np.isfinite([*by.interval, one.value]).all():
        return replace(one, interval=by.interval, gain_interval=by.gain_interval, method=by.method)
    return replace(
        one,
        interval=(min(one.value, by.interval[0]), max(one.value, by.interval[1])),
        gain_interval=(min(one.gain, by.gain_interval[0]), max(one.gain, by.gain_interval[1])),
        method=by.method,
    )
