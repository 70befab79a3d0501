"""Estimates and gains with their intervals, one row for each way of estimating."""

from __future__ import annotations

from collections.abc import Mapping
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
from promopilot.experiments.report.evaluation import Evaluation


def estimates_chart(shown: Evaluation, market: Mapping[str, Any] | None = None) -> Chart:
    """What a decision of the policy would bring, beside what the logged ones brought.

    Args:
        shown: The evaluation; at least one of its estimates is defined.
        market: Where the log comes from a market whose truth is known: `true_value`,
            `rolled_out_value` and `rolled_out_ci95`.
    """
    ope, rows = shown.ope, shown.defined
    values = [row["estimate"] for _, row in rows]
    ends = [tuple(row["ci95"]) for _, row in rows]
    labels = [shown.called(row) for _, row in rows]
    colors = ["muted"] * len(rows)
    shapes = [upright(ope["logged_value"], "muted", "dot")]
    if market:
        shapes.append(upright(market["true_value"], "accent"))
        labels.append(f"{shown.policy} played for whole flights (another question)")
        values.append(market["rolled_out_value"])
        ends.append(tuple(market["rolled_out_ci95"]))
        colors.append("warm")
    lines = labelled_rows(labels, DOT)
    known = [v for pair in ends for v in pair] + [shape["x0"] for shape in shapes]
    return Chart(
        id=f"{shown.id}evidence",
        title=f"What one {shown.unit} of {shown.policy} would bring",
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
        columns=("Estimated by", "What it trusts", "Estimate", "95 % interval", "Setting"),
        rows=[_row(shown, at, row) for at, row in rows],
    )


def gains_chart(shown: Evaluation) -> Chart:
    """How much more than the logged decisions the policy would bring, compared on the same ones."""
    rows = [pair for pair in shown.defined if None not in pair[1]["diff_ci95"]]
    values = [row["diff_vs_logged"] for _, row in rows]
    ends = [tuple(row["diff_ci95"]) for _, row in rows]
    lines = labelled_rows([shown.called(row) for _, row in rows], DOT)
    colors = ["accent" if low > 0 else "warm" if high < 0 else "muted" for low, high in ends]
    return Chart(
        id=f"{shown.id}gains",
        title=f"How much more than what was logged, per {shown.unit}",
        traces=[interval_rows(lines, values, ends, colors, _hover(shown, values, ends, sign=True))],
        layout=layout(
            yaxis=lines.axis,
            xaxis=axis(
                nticks=6,
                zeroline=False,
                range=padded([0.0, *(v for pair in ends for v in pair)]),
                **shown.rewards.ticks,
            ),
            annotations=lines.names,
            shapes=[upright(0.0, "muted", "dot")],
        ),
        height=lines.height + 40,
        note=_gains_note(shown, rows),
        columns=("Estimated by", "Gain", "95 % interval", "Usable evidence", "Largest weight"),
        rows=[
            (
                shown.called(row),
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


def _hover(
    shown: Evaluation, values: list[float], ends: list[tuple[Any, ...]], *, sign: bool = False
) -> list[str]:
    text = shown.rewards.text
    return [
        f"{text(v, sign=sign)}<br>{text(low, sign=sign)} to {text(high, sign=sign)}"
        for v, (low, high) in zip(values, ends, strict=True)
    ]


def _key_lines(truth: bool) -> list[dict[str, Any]]:
    lines = [("what the log brought", "muted", "dot")]
    if truth:
        lines.append(("true value in the market", "accent", "solid"))
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
        shown.called(row),
        words.ESTIMATORS.get(row["estimator"], ("", ""))[1],
        shown.reward(f"estimates.{at}.estimate", row["estimate"]),
        shown.rewards.between(shown.key(f"estimates.{at}.ci95"), row["ci95"]),
        _setting(shown, at, row),
    )


def _setting(shown: Evaluation, at: int, row: dict[str, Any]) -> Cell:
    """How an estimator's one number was set: given, or chosen from the log."""
    numbers = {k: v for k, v in row["params"].items() if isinstance(v, int | float)}
    if not numbers:
        return "nothing to set"
    key, value = next(iter(numbers.items()))
    text = shown.numbers.decimal(shown.key(f"estimates.{at}.params.{key}"), float(value))
    if not row.get("tuned_by"):
        return Markup("{}, as given").format(text)
    if not row.get("candidates"):
        return Markup("{}, chosen from the log").format(text)
    return Markup("{}, chosen from the log out of {}").format(
        text, shown.count(f"estimates.{at}.candidates", row["candidates"])
    )


def _note(shown: Evaluation, market: Mapping[str, Any] | None) -> Markup:
    ope, rows = shown.ope, shown.defined
    better = sum(row["diff_ci95"][0] is not None and row["diff_ci95"][0] > 0 for _, row in rows)
    text = Markup(
        "What was logged brought {} per {} (dotted line). {} of {} ways of estimating find "
        "{} clearly better. They trust different things: where they agree, the answer does not "
        "hang on one of them."
    ).format(
        shown.reward("logged_value", ope["logged_value"]),
        *(shown.unit, better, len(rows)),
        f"{shown.policy}'s choices",
    )
    if market:
        true = market["true_value"]
        hit = sum(row["ci95"][0] <= true <= row["ci95"][1] for _, row in rows)
        text += Markup(
            " The log comes from our own market, so the truth is known: {} (solid line), inside "
            "{} of {} intervals{}."
        ).format(
            shown.reward("market.true_value", true),
            *(hit, len(rows)),
            "" if hit == len(rows) else ", which says how far the others can be trusted",
        )
    return text


def _gains_note(shown: Evaluation, rows: list[tuple[int, dict[str, Any]]]) -> Markup:
    better = sum(row["diff_ci95"][0] > 0 for _, row in rows)
    worse = sum(row["diff_ci95"][1] < 0 for _, row in rows)
    text = Markup(
        "Both sides are computed on the same logged {}s, so what moves both cancels out. An "
        "interval that reaches the dotted line leaves room for no gain at all: here {} of {} lie "
        "above it"
    ).format(shown.unit, better, len(rows))
    return text + (Markup(" and {} below it.").format(worse) if worse else Markup("."))
