"""What a market said of each day and what happened."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import (
    Chart,
    Trace,
    axis,
    layout,
    legend,
    padded,
)
from promopilot.experiments.report.foreseen_marks import (
    MEAN,
    Row,
    band,
    cells,
    dots,
    fell,
    in_words,
)
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.money_lines import dates_axis
from promopilot.experiments.report.section import Page, weekday_and_day

_LEVEL = 0.1  # of what happened; less is about right


def by_day(page: Page, name: str, found: dict[str, Any]) -> Chart:
    """Orders of each day, on its predicted range.

    Args:
        page: The page.
        name: File that holds the figures, without `.json`.
        found: Its content.
    """
    rows: list[Row] = found["by_day"]
    days = [date.fromisoformat(row["day"]) for row in rows]
    said = [f"{weekday_and_day(d)}: {in_words(row)}" for d, row in zip(days, rows, strict=True)]
    dates = [row["day"] for row in rows]
    # Half a day more at both ends, so that the line's steps are as wide as the bars.
    edges = [f"{days[0] - timedelta(days=1)}T12:00", f"{days[-1]}T12:00"]
    mean = {
        "type": "scatter",
        "mode": "lines",
        "name": tr(MEAN),
        "x": [edges[0], *dates, edges[1]],
        "y": [row["mean"] for row in (rows[0], *rows, rows[-1])],
        "line": {"color": "accent", "width": 2, "shape": "hvh"},
        "hoverinfo": "skip",
    }
    ranges: Trace = band() | {
        "x": dates,
        "base": [row["low"] for row in rows],
        "y": [row["high"] - row["low"] for row in rows],
    }
    actual = [row["actual"] for row in rows]
    path = _path() | {"x": dates, "y": actual}
    return Chart(
        id=f"{name}-day",
        title=tr("Orders of each day"),
        traces=[ranges, mean, path, *dots(rows, dates, actual, said)],
        layout=layout(
            bargap=0.12,
            xaxis=dates_axis(days) | {"range": edges},
            yaxis=axis(title=tr("orders a day"), range=_scale(rows), nticks=6),
            **legend(),
        ),
        height=330,
        note=_day_note(page, name, rows),
        columns=(
            tr("Day"),
            tr("Happened"),
            tr("Predicted mean"),
            tr("Predicted range"),
            tr("It fell"),
        ),
        rows=[
            (weekday_and_day(d), *cells(page, f"{name}:by_day.{n}", row))
            for n, (d, row) in enumerate(zip(days, rows, strict=True))
        ],
    )


def _path() -> Trace:
    line = {"color": "muted", "width": 1}
    return {"type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "skip"} | {
        "line": line
    }


def _scale(rows: list[Row]) -> list[float]:
    """From zero, unless all lies far above it."""
    ends = [value for row in rows for value in (row["actual"], row["low"], row["high"])]
    low, high = padded(ends, 0.08)
    return [low if low > 0.5 * high else 0.0, high]


def _day_note(page: Page, name: str, rows: list[Row]) -> Markup:
    lies = [fell(row) for row in rows]
    actual, mean = (sum(row[k] for row in rows) for k in ("actual", "mean"))
    text = Markup(
        tr(
            "A bar is the range that 8 of 10 simulated flights kept to on that day, the "
            "line their mean; dots are what happened, orange ones outside the range: {} "
            "of {} days lie above it, {} below. In all {} orders were predicted and {} "
            "happened: "
        )
    ).format(
        lies.count("above"),
        len(rows),
        lies.count("below"),
        page.numbers.count(f"{name}:by_day.*.mean", mean),
        page.numbers.count(f"{name}:by_day.*.actual", actual),
    )
    if abs(mean - actual) <= _LEVEL * actual:
        return text + Markup(tr("the level was about right."))
    if mean > actual:
        return text + Markup(tr("the market promised too much, and the plan may do so too."))
    return text + Markup(tr("the market promised too little, and the plan may do so too."))
