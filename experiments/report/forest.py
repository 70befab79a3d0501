"""Estimates and gains with their intervals, one row for each way of estimating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    DOT,
    Cell,
    Chart,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    legend,
    padded,
    upright,
)
from promopilot.experiments.report.evaluation import (
    Evaluation,
    has_own_range,
    has_range,
)
from promopilot.experiments.report.interval_chart import Ends, interval_chart
from promopilot.experiments.report.language import tr


def estimates_chart(shown: Evaluation, market: Mapping[str, Any] | None = None) -> Chart:
    """What a decision of the policy would bring, beside what the logged ones brought.

    Args:
        shown: The evaluation; at least one of its estimates is defined.
        market: Where the log comes from a market whose truth is known: `true_value`,
            `rolled_out_value` and `rolled_out_ci95`.
    """
    ope, rows = shown.ope, shown.defined
    values = [row["estimate"] for _, row in rows]
    ends = [_ends(row["ci95"]) for _, row in rows]
    labels = [shown.titled(row) for _, row in rows]
    colors = ["muted"] * len(rows)
    shapes = [upright(ope["logged_value"], "muted", "dot")]
    if market:
        shapes.append(upright(market["true_value"], "accent"))
        labels.append(tr("{} played for whole flights (another question)").format(shown.policy))
        values.append(market["rolled_out_value"])
        ends.append(_ends(market["rolled_out_ci95"]))
        colors.append("warm")
    lines = labelled_rows(labels, DOT)
    known = _drawn(values, ends) + [shape["x0"] for shape in shapes]
    return Chart(
        id=f"{shown.id}evidence",
        title=tr("What one {} of {} would bring").format(shown.unit, shown.policy),
        traces=[
            interval_rows(lines, values, ends, colors, _hover(shown, values, ends)),
            *_key_lines(market is not None),
        ],
        layout=layout(
            yaxis=lines.axis,
            xaxis=axis(nticks=6, zeroline=False, range=padded(known), **shown.rewards.ticks),
            annotations=lines.names,
            shapes=shapes,
            **legend(),
        ),
        height=lines.height + 80,
        note=_note(shown, market),
        columns=(
            tr("Estimated by"),
            tr("What it trusts"),
            tr("Estimate"),
            tr("{} interval").format(shown.sure),
            tr("Setting"),
        ),
        rows=[_row(shown, at, row) for at, row in rows],
    )


def gains_chart(shown: Evaluation) -> Chart:
    """How much more than the logged decisions the policy would bring, compared on the same ones."""
    rows = [pair for pair in shown.defined if pair[1]["diff_vs_logged"] is not None]
    values = [row["diff_vs_logged"] for _, row in rows]
    ends = [_ends(row["diff_ci95"]) for _, row in rows]
    colors = [
        "accent" if _is_above(pair) else "warm" if _is_below(pair) else "muted" for pair in ends
    ]
    titles, hover = [shown.titled(row) for _, row in rows], _hover(shown, values, ends, sign=True)
    return interval_chart(
        f"{shown.id}gains",
        tr("How much more than what was logged, per {}").format(shown.unit),
        list(zip(titles, values, ends, colors, hover, strict=True)),
        _gains_note(shown, rows),
        ticks=shown.rewards.ticks,
        columns=(
            *(tr("Estimated by"), tr("Gain"), tr("{} interval").format(shown.sure)),
            *(tr("Usable evidence"), tr("Largest weight")),
        ),
        figures=[
            (
                shown.titled(row),
                shown.reward(f"estimates.{at}.diff_vs_logged", row["diff_vs_logged"], sign=True),
                shown.rewards.between(
                    shown.key(f"estimates.{at}.diff_ci95"), row["diff_ci95"], sign=True
                ),
                shown.count(f"estimates.{at}.ess", row["ess"]),
                shown.numbers.decimal(shown.key(f"estimates.{at}.max_weight"), row["max_weight"]),
            )
            for at, row in rows
        ],
    )


def _ends(pair: Sequence[float | None]) -> Ends:
    low, high = pair
    return low, high


def _drawn(values: list[float], ends: list[Ends]) -> list[float]:
    """Everything that an axis has to hold."""
    return [*values, *(v for pair in ends for v in pair if v is not None)]


def _is_above(ends: Sequence[float | None]) -> bool:
    return ends[0] is not None and ends[0] > 0


def _is_below(ends: Sequence[float | None]) -> bool:
    return ends[1] is not None and ends[1] < 0


def _hover(
    shown: Evaluation, values: list[float], ends: list[Ends], *, sign: bool = False
) -> list[str]:
    text = shown.rewards.text
    return [
        f"{text(v, sign=sign)}<br>"
        + (
            tr("no range")
            if low is None or high is None
            else tr("{} to {}").format(text(low, sign=sign), text(high, sign=sign))
        )
        for v, (low, high) in zip(values, ends, strict=True)
    ]


def _key_lines(truth: bool) -> list[dict[str, Any]]:
    lines = [(tr("what the log brought"), "muted", "dot")]
    if truth:
        lines.append((tr("true value in the market"), "accent", "solid"))
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": [None],
            "y": [None],
            "line": {"color": color, "dash": dash, "width": 1.5},
            "showlegend": True,
        }
        for name, color, dash in lines
    ]


def _row(shown: Evaluation, at: int, row: dict[str, Any]) -> tuple[Cell, ...]:
    return (
        shown.titled(row),
        words.trusts(row["estimator"]),
        shown.reward(f"estimates.{at}.estimate", row["estimate"]),
        shown.rewards.between(shown.key(f"estimates.{at}.ci95"), row["ci95"]),
        _setting(shown, at, row),
    )


def _setting(shown: Evaluation, at: int, row: dict[str, Any]) -> Cell:
    """How an estimator's one number was set: given, or chosen from the log."""
    numbers = {k: v for k, v in row["params"].items() if isinstance(v, int | float)}
    if not numbers:
        return tr("nothing to set")
    key, value = next(iter(numbers.items()))
    text = shown.numbers.decimal(shown.key(f"estimates.{at}.params.{key}"), float(value))
    if not row.get("tuned_by"):
        return Markup(tr("{}, as given")).format(text)
    if not row.get("candidates"):
        return Markup(tr("{}, chosen from the log")).format(text)
    return Markup(tr("{}, chosen from the log out of {}")).format(
        text, shown.count(f"estimates.{at}.candidates", row["candidates"])
    )


def _note(shown: Evaluation, market: Mapping[str, Any] | None) -> Markup:
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
    better, worse = sum(map(_is_above, own)), sum(map(_is_below, own))
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


def _gains_note(shown: Evaluation, rows: list[tuple[int, dict[str, Any]]]) -> Markup:
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
    better, worse = sum(map(_is_above, ends)), sum(map(_is_below, ends))
    below = tr(" and {} below it").format(worse) if worse else ""
    return tr(": here {} of {} lie above it{}").format(
        better, sum(None not in pair for pair in ends), below
    )
