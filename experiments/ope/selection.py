"""Several candidate policies on one log: intervals that hold together, and which may be the best.

Of many candidates the luckiest looks better than it is. The intervals of the gains are therefore
stretched until all hold at once, verdicts are given on those, and no candidate is called the best
that others cannot be told from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.evaluate import Measured, judged, measure
from promopilot.experiments.ope.inference.sums import sum_by_group
from promopilot.experiments.ope.plain import plain
from promopilot.experiments.ope.request import Request
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.simultaneous import Best, compare_with_best, stretches
from promopilot.experiments.ope.trust.amount import amount


def evaluate_candidates(
    cases: Mapping[str, Case[Any]],
    requests: Sequence[Request],
    settings: OpeSettings,
    seed: int,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Evaluates several policies from one log.

    Args:
        cases: the same units under each policy, by its name.
        requests: estimators to report, as of `evaluate`.
        settings: intervals and verdict thresholds.
        seed: seed of the bootstrap; all candidates share its draws.

    Returns:
        The content of `ope.json` of each, its verdict resting on the interval that holds for all at
        once (with one candidate: on its own), and the content of `selection.json`.

    Raises:
        LogError: no candidate, or candidates that are not of the same log.
    """
    _require_one_log(cases)
    measured = {name: measure(case, requests, settings, seed) for name, case in cases.items()}
    told = [name for name, one in measured.items() if np.isfinite(one.facts.gain.estimate)]
    moved = [_influence(measured[name]) for name in told]
    influence = np.column_stack(moved) if told else np.empty((1, 0))
    # Two streams of their own, so that what one takes changes nothing in the other.
    first, second = (np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(2))
    wide = stretches(influence, settings.confidence, settings.replicates, first)
    for name, stretch in zip(told, wide, strict=True):
        measured[name] = _stretched(measured[name], float(stretch))
    results = {name: judged(one, settings) for name, one in measured.items()}
    if len(measured) > 1:
        for name in told:
            gain = measured[name].facts.gain
            if not np.isfinite([gain.low, gain.high]).all():
                continue
            results[name]["diagnostics"]["notes"].append(
                f"The verdict rests on a range of the gain from {amount(gain.low)} to "
                f"{amount(gain.high)}, which holds for all {len(measured)} policies at once."
            )
            for row in results[name]["estimates"]:
                if row.get("decides"):
                    row["gain_ci95_all"] = plain([gain.low, gain.high])
    best = None
    if told:
        values = np.array([measured[name].facts.gain.estimate for name in told])
        best = compare_with_best(
            values, influence, settings.confidence, settings.replicates, second
        )
    return results, plain(_selection(measured, results, told, best, settings))


def _require_one_log(cases: Mapping[str, Case[Any]]) -> None:
    if not cases:
        raise LogError("no policy is given; give at least one.")
    first, *others = cases.items()
    for name, case in others:
        if not (
            np.array_equal(case.cluster, first[1].cluster)
            and np.array_equal(case.rows.logged, first[1].rows.logged)
        ):
            raise LogError(
                f"policies {first[0]!r} and {name!r} are not evaluated from the same log; compare "
                "candidates on the same rows."
            )


def _influence(measured: Measured[Any]) -> FloatArray:
    """How far each group of units moves the gain [G]; 0 where that is rounding."""
    rows, estimator = measured.case.rows, measured.primary.estimator
    sums = sum_by_group(measured.group, rows.logged, [estimator.terms(rows)])
    moved = sums.influence(0) - sums.influence_of_logged()
    moved[np.abs(moved) <= 1e-12 * float(np.abs(rows.logged).max()) / len(moved)] = 0.0
    return moved


def _stretched(measured: Measured[Any], stretch: float) -> Measured[Any]:
    gain = measured.facts.gain
    wide = replace(
        gain,
        low=gain.estimate - stretch * (gain.estimate - gain.low),
        high=gain.estimate + stretch * (gain.high - gain.estimate),
    )
    return replace(measured, facts=replace(measured.facts, gain=wide))


def _selection(
    measured: Mapping[str, Measured[Any]],
    results: Mapping[str, Mapping[str, Any]],
    told: Sequence[str],
    best: Best | None,
    settings: OpeSettings,
) -> dict[str, Any]:
    found = []
    for name, one in measured.items():
        gain = one.facts.gain
        row = {
            "policy": name,
            "estimator": one.primary.estimator.name,
            "estimate": one.primary.value,
            "ci95": one.primary.interval,
            "gain": gain.estimate,
            "gain_interval": (gain.low, gain.high),  # holds for all candidates at once
            "gain_interval_alone": one.primary.gain_interval,
            "may_be_best": False,
            "verdict": results[name]["verdict"],
        }
        if best is not None and name in told:
            at = told.index(name)
            row["may_be_best"] = bool(best.may_be[at])
            if len(told) > 1:
                row["ahead_of_others"] = best.ahead[at]
                row["ahead_interval"] = (best.low[at], best.high[at])
        found.append(row)
    shipped = [row for row in found if row["verdict"] == "ship"]
    leading = max((row for row in found if row["policy"] in told), key=_gain, default=None)
    chosen = max(shipped, key=_gain, default=None)
    sets = [row["policy"] for row in found if row["may_be_best"]]
    return {
        "confidence": settings.confidence,
        "replicates": settings.replicates,
        "rows": len(next(iter(measured.values())).case.rows.logged),
        "logged_value": next(iter(results.values()))["logged_value"],
        "candidates": found,
        "best": leading["policy"] if leading else None,
        "may_be_best": sets,
        "recommended": chosen["policy"] if chosen else None,
        "verdict": _verdict(found),
        "text": _text(found, leading, chosen, sets, settings),
    }


def _gain(row: Mapping[str, Any]) -> float:
    return float(row["gain"])


def _verdict(found: Sequence[Mapping[str, Any]]) -> str:
    """The furthest that any candidate comes."""
    given = {row["verdict"] for row in found}
    return next(name for name in ("ship", "test_first", "insufficient_support") if name in given)


def _text(
    found: Sequence[Mapping[str, Any]],
    leading: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    may_be: Sequence[str],
    settings: OpeSettings,
) -> str:
    """What the comparison comes to, in plain words."""
    if leading is None:
        return "None of the policies can be evaluated from this log."
    said = []
    if len(found) > 1:
        if len(may_be) == 1:
            said.append(f"{may_be[0]!r} is ahead of all others by more than chance explains.")
        else:
            said.append(
                f"{leading['policy']!r} has the largest estimate, but {_and(may_be)} cannot be "
                "told apart: any of them may be the best."
            )
        said.append(
            f"The ranges of the gains hold for all {len(found)} policies at once, with a "
            f"confidence of {settings.confidence:.0%}."
        )
    if chosen is None:
        said.append("None of them has the evidence to switch at once.")
    else:
        said.append(f"{chosen['policy']!r} has the evidence to switch at once.")
        if chosen["policy"] not in may_be:
            said.append(f"A test may show {_and(may_be)} to be better still.")
    return " ".join(said)


def _and(names: Sequence[str]) -> str:
    """Names as in a sentence, the first five of many."""
    shown = [repr(name) for name in names[:5]]
    if len(names) > 5:
        shown.append(f"{len(names) - 5} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
