"""Comparisons by promotion: bars of planned money, and a table of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    Chart,
    Rows,
    bar_rows,
    label,
    labelled_rows,
    layout,
    legend,
    money_axis,
)
from promopilot.experiments.report.compared_figures import figure
from promopilot.experiments.report.compared_rows import COLORS, rows_of
from promopilot.experiments.report.compared_words import measure
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.section import Section

_MOST_ROWS = 12  # promotions drawn: those whose money moves most
_BAR = 13  # px
_SHOWN = ("planned_budget", "expected_conversions", "expected_profit")
Row = tuple[int, dict[str, Any]]


def promotions_section(document: dict[str, Any], numbers: Numbers) -> Section:
    """What moves most first; promotions that get nothing anywhere are counted alone."""
    found = list(zip(*(rows_of(document, "promotion", name) for name in _SHOWN), strict=True))
    kept = [each for each in found if _any(each)]
    labels = [document["names"].get(each[0][1]["key"], each[0][1]["key"]) for each in kept]
    nothing = len(found) - len(kept)
    view = {
        "charts": [_chart(document, labels, [each[0] for each in kept], numbers)],
        "caption": tr("Every promotion, what moves most first"),
        "columns": (
            tr("Promotion"),
            *(
                words.capital(tr("{}, {}").format(measure(name), side))
                for name in _SHOWN
                for side in document["sides"]
            ),
        ),
        "rows": [
            (
                name,
                *(
                    figure(f"compare:rows.{at}.values.{side}", value, row["measure"], numbers)
                    for at, row in each
                    for side, value in enumerate(row["values"])
                ),
            )
            for name, each in zip(labels, kept, strict=True)
        ],
        "notes": [tr("Promotions that get nothing in any plan: {}.").format(nothing)]
        if nothing
        else [],
    }
    return Section("promotions", tr("By promotion"), "compared.html", view)


def _any(rows: Sequence[Row]) -> bool:
    """Whether a plan has anything of a promotion."""
    return any(value for _, row in rows for value in row["values"])


def _chart(
    document: dict[str, Any], labels: list[str], spend: list[Row], numbers: Numbers
) -> Chart:
    sides = range(len(document["sides"]))
    shown = labelled_rows(labels[:_MOST_ROWS], (_BAR + 2) * len(sides))
    most = max((v for _, row in spend for v in row["values"]), default=0.0) or 1.0
    return Chart(
        id="compared-promotions",
        title=tr("Planned money by promotion, what moves most first"),
        traces=[_bars(document, spend[:_MOST_ROWS], side, shown, numbers) for side in sides],
        layout=layout(
            yaxis=shown.axis,
            xaxis=money_axis(numbers.symbol, range=[0, most * 1.22], nticks=5),
            annotations=shown.names,
            barmode="overlay",
            **legend(),
        ),
        height=shown.height + 70,
        note=_note(labels, spend),
    )


def _bars(
    document: dict[str, Any], spend: list[Row], side: int, rows: Rows, numbers: Numbers
) -> dict[str, Any]:
    values = [row["values"][side] for _, row in spend]
    shift = (side - (len(document["sides"]) - 1) / 2) * (_BAR + 2)
    at = [middle + shift for middle in rows.at]
    text = [numbers.amount(value, cents=False) for value in values]
    bars = bar_rows(at, values, COLORS[side % len(COLORS)], text, _BAR)
    return bars | {"name": label(document["sides"][side], lines=4)}


def _note(labels: list[str], spend: list[Row]) -> Markup:
    moved = sum(any(abs(gap) >= 0.005 for gap in row["differences"]) for _, row in spend)
    text = Markup(tr("Promotions whose money differs: {} of {}.")).format(moved, len(spend))
    if len(labels) > _MOST_ROWS:
        text += tr(" ") + tr("Drawn are the {} that move most; the table has all.").format(
            _MOST_ROWS
        )
    return text
