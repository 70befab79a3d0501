"""What charts of estimates and gains say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.evaluation import Evaluation, has_own_range, has_range
from promopilot.experiments.report.language import tr


def estimates_note(shown: Evaluation, market: Mapping[str, Any] | None) -> Markup:
    """What was logged, how many ways find the policy better, and the truth where it is known."""
    ope = shown.ope
    text = Markup(tr("What was logged brought {} per {} (dotted line). ")).format(
        shown.reward("logged_value", ope["logged_value"]), shown.unit
    )
    text += Markup("{}{}").format(_findings(shown), _about_ranges(shown))
    if market:
        true = market["true_value"]
        ranges = [row["ci95"] for _, row in shown.defined if has_range(row)]
        hit = sum(low <= true <= high for low, high in ranges)
        text += Markup(
            tr(
                " The log comes from our own market, so the truth is known: {} (solid line), "
                "inside {} of {} intervals{}."
            )
        ).format(
            shown.reward("market.true_value", true),
            *(hit, len(ranges)),
            "" if hit == len(ranges) else tr(", which says how far the others can be trusted"),
        )
    return text


def _findings(shown: Evaluation) -> str:
    """How many ways find the policy better, or worse, and what follows from their agreement."""
    if shown.ope["verdict"] == "insufficient_support":
        return tr(
            "The log says too little for any of these to be relied on, even where they agree."
        )
    if shown.ope.get("outlook") == "same":
        return ""
    own = [row["diff_ci95"] for _, row in shown.defined if has_own_range(row)]
    better, worse = sum(map(is_above, own)), sum(map(is_below, own))
    if len(own) < 2:
        return ""
    return tr(
        "{} of the {} ways of estimating that have a range of their own find {} clearly "
        "{}. They trust different things: where they agree, the answer does not hang on "
        "one of them."
    ).format(
        max(better, worse), len(own), shown.policy, tr("worse") if worse > better else tr("better")
    )


def _about_ranges(shown: Evaluation) -> str:
    """Which row decides, and which ranges are taken over or missing."""
    rows, said = [row for _, row in shown.defined], ""
    if shown.deciding is not None and len(rows) > 1:
        said += tr(" The verdict rests on the row marked “decides”.")
    if any(row.get("interval_from") for row in rows):
        said += tr(
            " Some ways take the range of a steadier one, stretched to hold their own estimate."
        )
    if missing := sum(not has_range(row) for row in rows):
        said += tr(" {} of {} rows have no range: the log shows too little to tell one.").format(
            missing, len(rows)
        )
    return said


def gains_note(shown: Evaluation, rows: list[tuple[int, dict[str, Any]]]) -> Markup:
    """What an interval of a gain says, and on which side of none they lie."""
    text = Markup(
        tr(
            "Both sides are computed on the same logged {}s, so what moves both cancels out. An "
            "interval that reaches the dotted line leaves room for no gain at all{}."
        )
    ).format(shown.unit, _sides([row["diff_ci95"] for _, row in rows], shown))
    if shown.deciding is None or "gain_ci95_all" not in shown.deciding[1]:
        return text
    at, row = shown.deciding
    return text + Markup(
        tr(
            " The verdict rests on a wider range, {}, which holds for all policies that "
            "are compared at once."
        )
    ).format(
        shown.rewards.between(
            shown.key(f"estimates.{at}.gain_ci95_all"), row["gain_ci95_all"], sign=True
        )
    )


def _sides(ends: Sequence[Sequence[float | None]], shown: Evaluation) -> str:
    """How many intervals lie on either side of no gain, where they can be relied on."""
    if shown.ope["verdict"] == "insufficient_support":
        return ""
    better, worse = sum(map(is_above, ends)), sum(map(is_below, ends))
    below = tr(" and {} below it").format(worse) if worse else ""
    return tr(": here {} of {} lie above it{}").format(
        better, sum(None not in pair for pair in ends), below
    )


def is_above(ends: Sequence[float | None]) -> bool:
    """Whether all of an interval is a gain."""
    return ends[0] is not None and ends[0] > 0


def is_below(ends: Sequence[float | None]) -> bool:
    """Whether all of it is a loss."""
    return ends[1] is not None and ends[1] < 0
