"""From arrays to the content of `ope.json`."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.diagnostics import diagnose
from promopilot.experiments.ope.estimators import ESTIMATORS, Rows, rows_for, rows_for_logged
from promopilot.experiments.ope.intervals import percentile_interval, resample, sums_by_cluster
from promopilot.experiments.ope.log import (
    BanditLog,
    FloatArray,
    check_log,
    check_matrix,
    check_probabilities,
)
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.verdict import Gain, judge

NOTES = (
    "The direct method's interval shows how decisions differ, not how wrong the reward model may "
    "be; the verdict does not rest on it.",
    "The value is that of the policy's choices at the logged moments. What its own earlier choices "
    "would have changed (tired audiences, used-up supply) is not in it.",
)


def evaluate_log(
    log: BanditLog,
    policy: FloatArray | Literal["logged"],
    qhat: FloatArray,
    settings: OpeSettings,
    seed: int,
    estimators: Sequence[str] = (),
) -> dict[str, Any]:
    """Estimates what a policy would have brought on average per logged decision.

    Args:
        log: the decisions, n of them over A actions.
        policy: [n, A] probability of each action in each decision, or "logged" for the policy that
            wrote the log.
        qhat: [n, A] estimated reward of each action in each decision.
        settings: intervals and verdict thresholds.
        seed: seed of the bootstrap.
        estimators: names to report, in this order; all of `ESTIMATORS` if empty. The verdict does
            not depend on the choice.

    Returns:
        The content of `ope.json`, plain values only. An estimate or interval that is not
        defined, because the policy never does what was logged, is None.

    Raises:
        LogError: a fault in the arrays (row and value named) or an unknown estimator.
    """
    check_log(log)
    reported = named_estimators(estimators)
    check_matrix(qhat, log, "the reward estimates")
    if isinstance(policy, str):
        if policy != "logged":
            raise LogError(f"policy is {policy!r}; give probabilities, or the name logged.")
        rows, probability = rows_for_logged(log, qhat), None
    else:
        check_probabilities(policy, log, settings.probability_tolerance)
        rows, probability = rows_for(log, policy, qhat), policy
    seen = diagnose(log, rows, probability)
    table = {row["estimator"]: row for row in _estimates(log, rows, settings, seed)}
    for row in table.values():
        row |= {"ess": seen.ess, "max_weight": seen.max_weight, "clip_share": 0.0}
    low, high = (_number(end) for end in table["dr"]["diff_ci95"])
    gain = Gain(
        estimate=_number(table["dr"]["diff_vs_logged"]),
        low=low,
        high=high,
        second=_number(table["snipw"]["diff_vs_logged"]),
    )
    verdict = judge(log.evidence, seen, gain, settings)
    return {
        "verdict": verdict.name,
        "evidence": log.evidence,
        "reasons": list(verdict.reasons),
        "logged_value": float(log.reward.mean()),
        "rows": len(log.reward),
        "estimates": [table[name] for name in reported],
        "diagnostics": {**seen.as_dict(), "notes": list(NOTES)},
    }


def named_estimators(names: Sequence[str]) -> list[str]:
    """Checks names of estimators; all of them, in the table's order, where none is given.

    Raises:
        LogError: an unknown name, with the nearest known one, or a setting that it does not take.
    """
    known = [estimator.name for estimator in ESTIMATORS]
    for name in names:
        bare, _, params = name.partition(":")
        if bare not in known:
            near = get_close_matches(bare, known, n=1)
            raise LogError(
                f"unknown estimator {bare!r}"
                + (f"; did you mean {near[0]}?" if near else ".")
                + f" Known are {', '.join(known)}."
            )
        if params:
            raise LogError(f"estimator {bare} takes no settings, but was given {params!r}.")
    return list(dict.fromkeys(name.partition(":")[0] for name in names)) or known


def _estimates(
    log: BanditLog, rows: Rows, settings: OpeSettings, seed: int
) -> list[dict[str, Any]]:
    terms = [estimator.terms(rows) for estimator in ESTIMATORS]
    sums = sums_by_cluster([rows.reward, *(t for group in terms for t in group)], log.cluster)
    rng = np.random.default_rng(seed)
    drawn = resample(sums, settings.replicates, settings.max_units, rng)
    # The log itself stands first, then the replicates: one pass of the formulas serves both.
    both = np.concatenate([sums.sum(axis=0)[:, None], drawn], axis=1)
    count, logged = both[0], both[1] / both[0]
    rounding = 1e-12 * float(np.abs(rows.reward).max())
    one_unit = len(sums) < 2  # resampling it would give itself, and an interval of no width
    found: list[dict[str, Any]] = []
    at = 2
    for estimator, group in zip(ESTIMATORS, terms, strict=True):
        values = estimator.value(count, both[at : at + len(group)])
        at += len(group)
        gains = values - logged
        gains[np.abs(gains) <= rounding] = 0.0  # the logged policy gains nothing on itself
        intervals = [
            [None, None]
            if one_unit
            else [_plain(end) for end in percentile_interval(v[1:], settings.confidence)]
            for v in (values, gains)
        ]
        found.append(
            {
                "estimator": estimator.name,
                "params": {},
                "estimate": _plain(values[0]),
                "ci95": intervals[0],
                "diff_vs_logged": _plain(gains[0]),
                "diff_ci95": intervals[1],
            }
        )
    return found


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
