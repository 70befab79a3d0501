"""What a market said of each promotion over all days, and what happened."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import (
    Chart,
    Trace,
    axis,
    label,
    labelled_rows,
    layout,
    legend,
)
from promopilot.experiments.report.foreseen_marks import (
    BAR,
    MEAN,
    Row,
    band,
    cells,
    dots,
    in_words,
)
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.section import Page

MOST_ROWS = 12


def by_promotion(page: Page, name: str, found: dict[str, Any]) -> Chart:
    """Orders of the largest promotions over all days, on their predicted ranges.

    Args:
        page: The page.
        name: File that holds the figures, without `.json`.
        found: Its content.
    """
    every: list[Row] = found["by_promotion"]
    order = sorted(range(len(every)), key=lambda n: -every[n]["actual"])
    shown = order[:MOST_ROWS]
    rows = [every[n] for n in shown]
    names = page.run.called(row["promotion"] for row in every)
    laid = labelled_rows([names[row["promotion"]] for row in rows], BAR + 4)
    ranges: Trace = band() | {
        "orientation": "h",
        "y": laid.at,
        "base": [row["low"] for row in rows],
        "x": [row["high"] - row["low"] for row in rows],
        "width": BAR,
    }
    said = [f"{label(names[row['promotion']])}: {in_words(row)}" for row in rows]
    actual = [row["actual"] for row in rows]
    top = max(max(row["high"], row["actual"]) for row in rows)
    return Chart(
        id=f"{name}-promotion",
        title=tr("Orders of each promotion in all these days"),
        traces=[ranges, _means(rows, laid.at), *dots(rows, actual, laid.at, said)],
        layout=layout(
            yaxis=laid.axis,
            xaxis=axis(title=tr("orders"), range=[0, 1.05 * top], nticks=6, zeroline=False),
            annotations=laid.names,
            **legend(),
        ),
        height=laid.height + 80,
        note=_promotion_note(page, name, every, order, names),
        columns=(
            tr("Promotion"),
            tr("Happened"),
            tr("Predicted mean"),
            tr("Predicted range"),
            tr("It fell"),
        ),
        rows=[
            (names[every[n]["promotion"]], *cells(page, f"{name}:by_promotion.{n}", every[n]))
            for n in order
        ],
    )


def _means(rows: list[Row], at: list[float]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": tr(MEAN),
        "x": [row["mean"] for row in rows],
        "y": at,
        "marker": {
            "symbol": "line-ns-open",
            "size": BAR,
            "color": "accent",
            "line": {"width": 2.5, "color": "accent"},
        },
        "hoverinfo": "skip",
    }


def _promotion_note(
    page: Page, name: str, every: list[Row], order: list[int], names: dict[str, str]
) -> Markup:
    shown, rest = order[:MOST_ROWS], order[MOST_ROWS:]
    text = Markup(
        tr(
            "A bar is the range that 8 of 10 simulated flights ended in, its tick their "
            "mean; the dot is what happened, orange where it lies outside."
        )
    )
    worst = max(shown, key=lambda n: abs(every[n]["actual"] - every[n]["mean"]))
    key = f"{name}:by_promotion.{worst}"
    text += Markup(tr(" Furthest off is “{}”: {} orders predicted, {} happened.")).format(
        names[every[worst]["promotion"]],
        page.numbers.count(f"{key}.mean", every[worst]["mean"]),
        page.numbers.count(f"{key}.actual", every[worst]["actual"]),
    )
    if rest:

        def others(value: str) -> Markup:
            minus = "".join(f" - {name}:by_promotion.{n}.{value}" for n in shown)
            total = sum(every[n][value] for n in rest)
            return page.numbers.count(f"{name}:by_promotion.*.{value}{minus}", total)

        text += Markup(
            tr(
                " These are the {} with most orders; of the other {} together {} orders were "
                "predicted and {} happened (all are in the figures below)."
            )
        ).format(len(shown), len(rest), others("mean"), others("actual"))
    return text
