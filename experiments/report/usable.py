"""How far a log can speak about a policy at all, as a few facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import evaluation_words
from promopilot.experiments.report.evaluation import Evaluation
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.next_test import Fact

_MOST = 0.5  # with more of the log in use it is not its choices that leave evidence short


def usable_facts(shown: Evaluation) -> list[Fact]:
    """Label, value and meaning; what the diagnostics lack is left out."""
    seen, numbers, unit = shown.seen, shown.numbers, shown.unit
    found: list[Fact] = []
    if "ess" in seen:
        found.append(
            (
                tr("Usable evidence"),
                shown.count("diagnostics.ess", seen["ess"]),
                Markup(tr("{}s' worth, {} of the log{}")).format(
                    unit,
                    shown.share("diagnostics.ess_share", seen["ess_share"]),
                    tr(": the rest is too unlike what {} would do").format(shown.policy)
                    if seen["ess_share"] < _MOST
                    else "",
                ),
            )
        )
    if "max_weight" in seen:
        found.append(
            (
                tr("Largest weight"),
                numbers.decimal(shown.key("diagnostics.max_weight"), seen["max_weight"], 1),
                tr("{}s of {} stand behind the logged one that counts most").format(
                    unit, shown.policy
                ),
            )
        )
    if seen.get("unsupported_share") is not None:
        found.append(
            (
                tr("Never logged"),
                shown.share("diagnostics.unsupported_share", seen["unsupported_share"], 1),
                tr("of {}'s choices were never tried in the log").format(shown.policy),
            )
        )
    if (tail := seen.get("pareto_k")) is not None:
        found.append(
            (
                tr("Tail of the weights"),
                numbers.decimal(shown.key("diagnostics.pareto_k"), tail, 2),
                tr("above 0.7 a few large weights rule, and intervals are too narrow"),
            )
        )
    if (agreed := seen.get("agreement")) and agreed.get("difference") is not None:
        found.append(
            (
                tr("Two ways differ by"),
                shown.reward("diagnostics.agreement.difference", agreed["difference"], sign=True),
                _explained(agreed),
            )
        )
    found.append(
        (
            tr("{}s logged").format(unit.capitalize()),
            shown.count("rows", shown.ope["rows"]),
            _groups(shown),
        )
    )
    return found


def _explained(agreed: Mapping[str, Any]) -> str:
    """Which two estimates differ, and whether chance explains it."""
    names = tr("{} against {}").format(
        evaluation_words.estimator(agreed["first"]), evaluation_words.estimator(agreed["second"])
    )
    if (z := agreed.get("z")) is None:
        return names
    far = abs(z) > 2.0  # standard errors, about one in twenty by chance
    tail = tr("more than chance explains") if far else tr("chance explains it")
    return f"{names}: {tail}"


def _groups(shown: Evaluation) -> str:
    units = shown.seen.get("units")
    if units is None:
        return ""
    if shown.ope["evidence"] == "simulated":
        return tr("in {:,} independent groups of simulated flights").format(units)
    return (
        tr("in {:,} independent groups").format(units)
        if units < shown.ope["rows"]
        else tr("each on its own")
    )
