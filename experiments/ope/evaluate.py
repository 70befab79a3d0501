"""From a case to the content of `ope.json`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic

import numpy as np

from promopilot.experiments.ope.arrays import IntArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.estimates import Estimate, estimate_all
from promopilot.experiments.ope.estimator import Estimator, R
from promopilot.experiments.ope.inference.sums import groups_of
from promopilot.experiments.ope.plain import plain
from promopilot.experiments.ope.request import Request, made
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import diagnose, effective_sample_size
from promopilot.experiments.ope.trust.histogram import weight_histogram
from promopilot.experiments.ope.trust.next_test import next_test
from promopilot.experiments.ope.trust.rules import Facts, Gain
from promopilot.experiments.ope.trust.scrutiny import scrutinize
from promopilot.experiments.ope.trust.verdict import judge, outlook
from promopilot.experiments.ope.tuning import choose


@dataclass(frozen=True)
class Measured(Generic[R]):
    """All numbers of an evaluation, before they are judged."""

    case: Case[R]
    estimates: list[dict[str, Any]]  # as in ope.json
    primary: Estimate
    second: Estimate
    group: IntArray  # [n] independent groups of units
    facts: Facts


def evaluate(
    case: Case[R], requests: Sequence[Request], settings: OpeSettings, seed: int
) -> dict[str, Any]:
    """Estimates what a policy would have brought on average per unit of the log.

    Args:
        case: the log's units under the policy.
        requests: estimators to report, in this order, as from `parse_requests`, and after them
            the one that decides if none of them has its name. The verdict does not depend on them.
        settings: intervals and verdict thresholds.
        seed: seed of the bootstrap.

    Returns:
        The content of `ope.json`, plain values only. An estimate or interval that is not defined,
        because the policy never does what was logged, is None.
    """
    return judged(measure(case, requests, settings, seed), settings)


def measure(
    case: Case[R], requests: Sequence[Request], settings: OpeSettings, seed: int
) -> Measured[R]:
    """Estimates and diagnostics; arguments as of `evaluate`."""
    rng = np.random.default_rng(seed)
    group = groups_of(case.cluster, settings.max_units, rng)
    kind = case.kind
    # Those that the verdict rests on, and whose intervals others take, are computed in any case.
    needed = [kind.primary, kind.second]
    needed += [name for one in requests if (name := _lender(kind.families[one.name].make))]
    extra = [Request(name) for name in dict.fromkeys(needed) if name in kind.families]
    wanted = [*requests, *(one for one in extra if one not in requests)]
    chosen = [_chosen(case, request, group, settings) for request in wanted]
    found = estimate_all(case, [one for one, _ in chosen], group, settings, rng)
    # The verdict rests on the kind's own form of an estimator and not on one with given settings.
    by_request = dict(zip(wanted, found, strict=True))
    primary, second = (by_request[Request(name)] for name in (kind.primary, kind.second))
    decides = Request(kind.primary)
    named = {request.name for request in requests}  # with settings of its own it stands alone
    shown = [
        _as_dict(case, one) | note | ({"decides": True} if request == decides else {})
        for request, one, (_, note) in zip(wanted, found, chosen, strict=True)
        if request in requests or (request == decides and request.name not in named)
    ]
    return Measured(
        case,
        shown,
        primary,
        second,
        group,
        Facts(
            kind.unit,
            case.evidence,
            case.propensities,
            case.checks,
            diagnose(case),
            scrutinize(
                case,
                primary.estimator,
                second.estimator,
                group,
                settings.confidence,
                primary.interval,
            ),
            Gain(primary.gain, *primary.gain_interval, second.gain),
        ),
    )


def judged(measured: Measured[R], settings: OpeSettings) -> dict[str, Any]:
    """The content of `ope.json`: numbers, verdict, and the test to run where it is not `ship`."""
    case, facts = measured.case, measured.facts
    verdict = judge(facts, settings)
    result = {
        "verdict": verdict.name,
        "evidence": case.evidence,
        "reasons": list(verdict.reasons),
        "rules": list(verdict.rules),
        "outlook": outlook(facts, verdict),
        "confidence": settings.confidence,
        "kind": case.kind.name,
        "logged_value": float(case.rows.logged.mean()),
        "rows": len(case.rows.logged),
        "estimates": measured.estimates,
        "diagnostics": _diagnostics(measured),
    }
    if verdict.name != "ship":
        result["next_test"] = next_test(case, facts, verdict, settings)
    return dict(plain(result))


def _lender(make: Callable[..., Estimator[R]]) -> str | None:
    """Whose interval an estimator takes."""
    lender: str | None = getattr(make, "interval_from", None)
    return lender


def _chosen(
    case: Case[R], request: Request, group: IntArray, settings: OpeSettings
) -> tuple[Estimator[R], dict[str, Any]]:
    """The estimator of a request, and how its open hyper-parameters were chosen."""
    family = case.kind.families[request.name]
    if family.grid is None or request.params:
        return made(request, family), {}
    method = family.tuned_by or settings.tuning
    choice = choose(method, family.grid(case.rows), case.rows, group)
    return choice.estimator, {"tuned_by": choice.method, "candidates": choice.candidates}


def _as_dict(case: Case[R], one: Estimate) -> dict[str, Any]:
    weight = one.estimator.used_weight(case.rows)
    lender = one.estimator.interval_from
    return {
        "estimator": one.estimator.name,
        "params": one.estimator.params,
        "estimate": one.value,
        "ci95": one.interval,
        "diff_vs_logged": one.gain,
        "diff_ci95": one.gain_interval,
        "ess": effective_sample_size(weight),
        "max_weight": float(weight.max()),
        "clip_share": one.estimator.clip_share(case.rows),
        "interval": one.method,
    } | ({"interval_from": lender} if lender else {})


def _diagnostics(measured: Measured[R]) -> dict[str, Any]:
    case, scrutiny = measured.case, measured.facts.scrutiny
    found: dict[str, Any] = asdict(measured.facts.seen)
    found["weight_histogram"] = weight_histogram(case.rows.weight)
    if scrutiny.rewards is not None:
        found["reward_calibration"] = scrutiny.rewards.bins
    if scrutiny.propensities is not None:
        found["propensity_calibration"] = scrutiny.propensities.actions
    found["agreement"] = asdict(scrutiny.agreement)
    if scrutiny.clipped:
        found["clip_sensitivity"] = [asdict(one) for one in scrutiny.clipped]
    return {
        **found,
        "reward_model": case.reward_model,
        "propensities": case.propensities,
        "notes": list(case.kind.notes),
        **case.extra,
    }
