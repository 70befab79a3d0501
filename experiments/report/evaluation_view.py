"""What the template of an evaluation shows, whoever's policy it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promopilot.experiments.report import evaluation_words
from promopilot.experiments.report.calibration import probabilities_chart, rewards_chart
from promopilot.experiments.report.chart import Chart
from promopilot.experiments.report.evaluation import Evaluation
from promopilot.experiments.report.forest import estimates_chart, gains_chart
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.next_test import next_test_facts
from promopilot.experiments.report.said import said
from promopilot.experiments.report.usable import usable_facts
from promopilot.experiments.report.weights import clipping_chart, has_clipping, weights_chart


def evaluation_view(
    shown: Evaluation,
    verdicts: Mapping[str, tuple[str, str]],
    market: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Verdict, reasons, next test, estimates and how far to trust them.

    Args:
        shown: The evaluation.
        verdicts: Headline of each verdict, and what follows from it.
        market: Where the log comes from a market whose truth is known; see `estimates_chart`.
    """
    ope = shown.ope
    headline, advice = evaluation_words.told_verdict(ope, verdicts)
    test = ope.get("next_test", {})
    return {
        "headline": headline,
        "verdict": ope["verdict"],
        "advice": advice,
        "reasons": [said(reason) for reason in ope["reasons"]],
        "evidence": tr(evaluation_words.EVIDENCE.get(ope["evidence"], ope["evidence"])),
        "test": said(test.get("text", "")),
        "settles": said(test.get("settles", "")),
        "test_facts": next_test_facts(shown),
        "planned_for": "",
        "facts": usable_facts(shown) if shown.seen else [],
        "charts": _estimates(shown, market),
        "trust_charts": _trust(shown),
        "notes": [] if market else [said(note) for note in shown.seen.get("notes", [])],
    }


def _estimates(shown: Evaluation, market: Mapping[str, Any] | None) -> list[Chart]:
    if not shown.defined:
        return []
    charts = [estimates_chart(shown, market)]
    if any(None not in row["diff_ci95"] for _, row in shown.defined):
        charts.append(gains_chart(shown))
    return charts


def _trust(shown: Evaluation) -> list[Chart]:
    """The charts that the diagnostics have figures for."""
    charts = [weights_chart(shown)] if shown.seen.get("weight_histogram") else []
    if shown.seen.get("reward_calibration"):
        charts.append(rewards_chart(shown))
    if shown.seen.get("propensity_calibration"):
        charts.append(probabilities_chart(shown))
    if has_clipping(shown):
        charts.append(clipping_chart(shown))
    return charts
