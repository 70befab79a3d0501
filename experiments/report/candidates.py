"""Several policies on one log: their gains side by side, with intervals that hold for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import evaluation_words
from promopilot.experiments.report.chart import Cell, Chart
from promopilot.experiments.report.evaluation import Evaluation
from promopilot.experiments.report.interval_chart import interval_chart
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import NONE
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Section


def candidates_section(shown: Mapping[str, Evaluation], selection: Mapping[str, Any]) -> Section:
    """Verdict over all, and each one's gain.

    Args:
        shown: The evaluations by what their policies are called, all of one log.
        selection: The content of `selection.json`.
    """
    told = [row for row in enumerate(selection["candidates"]) if _is_told(row[1])]
    view = {
        "verdict": selection["verdict"],
        "headline": _headline(shown, selection["verdict"]),
        "advice": said(selection["text"]),
        "charts": [_chart(shown, told, selection)] if told else [],
        "rows": [
            _row(at, one, row)
            for (at, row), one in zip(
                enumerate(selection["candidates"]), shown.values(), strict=True
            )
        ],
        "cut": tr(_CUT) if _is_cut(selection) else "",
    }
    return Section("summary", tr("Summary"), "candidates.html", view)


def _headline(shown: Mapping[str, Evaluation], verdict: str) -> str:
    """What the furthest verdict comes to, or that no policy with that verdict looks better."""
    leading = [one.ope for one in shown.values() if one.ope["verdict"] == verdict]
    if all(evaluation_words.outlook(ope) for ope in leading):
        return tr("None looks better: keep what is done today")
    return tr(evaluation_words.POLICY_VERDICTS[verdict][0])


_CUT = later(
    "A range of “ahead of the best other” never leaves 0 on the side that the order of the "
    "policies already tells: where it begins or ends at 0 it says which policies may be the best, "
    "not that the difference is known so well."
)


def _is_cut(selection: Mapping[str, Any]) -> bool:
    """Whether a range of the lead ends at 0, as intervals with the best do (Hsu 1984)."""
    return any(0.0 in row.get("ahead_interval", ()) for row in selection["candidates"])


def _is_told(row: Mapping[str, Any]) -> bool:
    return row["gain"] is not None and None not in row["gain_interval"]


def _chart(
    shown: Mapping[str, Evaluation],
    told: list[tuple[int, dict[str, Any]]],
    selection: Mapping[str, Any],
) -> Chart:
    first = next(iter(shown.values()))
    text = first.rewards.text
    rows = []
    for _, row in told:
        value, (low, high) = row["gain"], row["gain_interval"]
        hover = tr("{}<br>{} to {}").format(*(text(v, sign=True) for v in (value, low, high)))
        color = "accent" if row["may_be_best"] else "muted"
        rows.append((row["policy"], value, (low, high), color, hover))
    sure = first.numbers.share("selection:confidence", selection["confidence"])
    note = Markup(
        tr(
            "The more policies are tried on one log, the luckier the luckiest looks. So "
            "these intervals are wider than each policy's own: with a confidence of {} "
            "all of them hold at once. Coloured dots may be the best. The dotted line is "
            "what was logged: {} per {}."
        )
    ).format(
        sure, first.rewards.show("selection:logged_value", selection["logged_value"]), first.unit
    )
    return interval_chart(
        "candidates",
        tr("How much more than what was logged, per {}").format(first.unit),
        rows,
        note,
        ticks=first.rewards.ticks,
    )


def _row(at: int, one: Evaluation, row: Mapping[str, Any]) -> tuple[Cell, ...]:
    key, rewards = f"selection:candidates.{at}", one.rewards
    ahead: Cell = NONE
    if row.get("ahead_of_others") is not None:
        ahead = Markup("{} ({})").format(
            rewards.show(f"{key}.ahead_of_others", row["ahead_of_others"], sign=True),
            rewards.between(f"{key}.ahead_interval", row["ahead_interval"], sign=True),
        )
    return (
        Markup('<a href="#candidate-{}">{}</a>').format(at, row["policy"]),
        rewards.show(f"{key}.estimate", row["estimate"]),
        rewards.show(f"{key}.gain", row["gain"], sign=True),
        rewards.between(f"{key}.gain_interval", row["gain_interval"], sign=True),
        ahead,
        tr("yes") if row["may_be_best"] else tr("no"),
        evaluation_words.told_verdict(one.ope, evaluation_words.POLICY_VERDICTS)[0],
    )
