"""From a case to the content of `ope.json`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimates import Estimate, estimate_all
from promopilot.experiments.ope.estimator import Estimator, R
from promopilot.experiments.ope.inference.sums import groups_of
from promopilot.experiments.ope.request import Request, made
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import diagnose, effective_sample_size
from promopilot.experiments.ope.trust.verdict import Gain, judge
from promopilot.experiments.ope.tuning import slope


def evaluate(
    case: Case[R], requests: Sequence[Request], settings: OpeSettings, seed: int
) -> dict[str, Any]:
    """Estimates what a policy would have brought on average per unit of the log.

    Args:
        case: the log's units under the policy.
        requests: estimators to report, in this order, as from `parse_requests`. The verdict does
            not depend on them.
        settings: intervals and verdict thresholds.
        seed: seed of the bootstrap.

    Returns:
        The content of `ope.json`, plain values only. An estimate or interval that is not defined,
        because the policy never does what was logged, is None.
    """
    rng = np.random.default_rng(seed)
    group = groups_of(case.cluster, settings.max_units, rng)
    kind = case.kind
    estimators: list[Estimator[R]] = []
    notes: list[dict[str, Any]] = []
    # Those that the verdict rests on, and whose intervals others borrow, are computed in any case.
    extra = [Request(name) for name in dict.fromkeys((kind.primary, kind.second))]
    for request in [*requests, *(one for one in extra if one not in requests)]:
        family = kind.families[request.name]
        if family.grid is not None and not request.params:
            choice = slope(family.grid(case.rows), case.rows, group)
            estimators.append(choice.estimator)
            notes.append({"tuned_by": choice.method, "candidates": choice.candidates})
        else:
            estimators.append(made(request, family))
            notes.append({})
    found = estimate_all(case, estimators, group, settings, rng)
    by_name = {one.estimator.name: one for one in found}
    seen = diagnose(case)
    verdict = judge(case, seen, _gain(by_name[kind.primary], by_name[kind.second]), settings)
    return {
        "verdict": verdict.name,
        "evidence": case.evidence,
        "reasons": list(verdict.reasons),
        "kind": kind.name,
        "logged_value": float(case.rows.logged.mean()),
        "rows": len(case.rows.logged),
        "estimates": [
            _as_dict(case, one) | note
            for one, note in list(zip(found, notes, strict=True))[: len(requests)]
        ],
        "diagnostics": {
            **seen.as_dict(),
            "reward_model": case.reward_model,
            "propensities": case.propensities,
            "notes": list(kind.notes),
        },
    }


def _gain(primary: Estimate, second: Estimate) -> Gain:
    low, high = primary.gain_interval
    return Gain(primary.gain, low, high, second.gain)


def _as_dict(case: Case[R], one: Estimate) -> dict[str, Any]:
    weight = one.estimator.used_weight(case.rows)
    return {
        "estimator": one.estimator.name,
        "params": one.estimator.params,
        "estimate": _plain(one.value),
        "ci95": _interval(one.interval),
        "diff_vs_logged": _plain(one.gain),
        "diff_ci95": _interval(one.gain_interval),
        "ess": effective_sample_size(weight),
        "max_weight": float(weight.max()),
        "clip_share": one.estimator.clip_share(case.rows),
        "interval": one.method,
    }


def _interval(ends: tuple[float, float]) -> list[float | None]:
    return [_plain(end) for end in ends]


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
