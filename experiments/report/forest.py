"""Estimates and gains with their intervals, one row for each way of estimating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import evaluation_words
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
)
from promopilot.experiments.report.forest_notes import (
    estimates_note,
    gains_note,
    is_above,
    is_below,
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
        note=estimates_note(shown, market),
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
        "accent" if is_above(pair) else "warm" if is_below(pair) else "muted" for pair in ends
    ]
    titles, hover = [shown.titled(row) for _, row in rows], _hover(shown, values, ends, sign=True)
    return interval_chart(
        f"{shown.id}gains",
        tr("How much more than what was logged, per {}").format(shown.unit),
        list(zip(titles, values, ends, colors, hover, strict=True)),
        gains_note(shown, rows),
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
        evaluation_words.trusts(row["estimator"]),
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
