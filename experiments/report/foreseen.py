"""What a market said and what happened: charts by day and by promotion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import (
    Cell,
    Chart,
    Trace,
    axis,
    label,
    labelled_rows,
    layout,
    legend,
    padded,
)
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import bare
from promopilot.experiments.report.pace import dates_axis
from promopilot.experiments.report.section import Page, weekday_and_day

MOST_ROWS = 12
_RANGE = later("predicted in 8 of 10 flights")
_MEAN = later("predicted mean")
_BAR = 12  # px

Row = dict[str, Any]  # actual, mean, low, high, and `day` or `promotion`


def by_day(page: Page, name: str, found: dict[str, Any]) -> Chart:
    """Orders of each day, on its predicted range.

    Args:
        page: The page.
        name: File that holds the figures, without `.json`.
        found: Its content.
    """
    rows: list[Row] = found["by_day"]
    days = [date.fromisoformat(row["day"]) for row in rows]
    said = [f"{weekday_and_day(d)}: {_in_words(row)}" for d, row in zip(days, rows, strict=True)]
    dates = [row["day"] for row in rows]
    # Half a day more at both ends, so that the line's steps are as wide as the bars.
    edges = [f"{days[0] - timedelta(days=1)}T12:00", f"{days[-1]}T12:00"]
    mean = {
        "type": "scatter",
        "mode": "lines",
        "name": tr(_MEAN),
        "x": [edges[0], *dates, edges[1]],
        "y": [row["mean"] for row in (rows[0], *rows, rows[-1])],
        "line": {"color": "accent", "width": 2, "shape": "hvh"},
        "hoverinfo": "skip",
    }
    band: Trace = _band() | {
        "x": dates,
        "base": [row["low"] for row in rows],
        "y": [row["high"] - row["low"] for row in rows],
    }
    actual = [row["actual"] for row in rows]
    path = _path() | {"x": dates, "y": actual}
    return Chart(
        id=f"{name}-day",
        title=tr("Orders of each day"),
        traces=[band, mean, path, *_dots(rows, dates, actual, said)],
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
            (weekday_and_day(d), *_cells(page, f"{name}:by_day.{n}", row))
            for n, (d, row) in enumerate(zip(days, rows, strict=True))
        ],
    )


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
    laid = labelled_rows([names[row["promotion"]] for row in rows], _BAR + 4)
    band: Trace = _band() | {
        "orientation": "h",
        "y": laid.at,
        "base": [row["low"] for row in rows],
        "x": [row["high"] - row["low"] for row in rows],
        "width": _BAR,
    }
    mean = {
        "type": "scatter",
        "mode": "markers",
        "name": tr(_MEAN),
        "x": [row["mean"] for row in rows],
        "y": laid.at,
        "marker": {
            "symbol": "line-ns-open",
            "size": _BAR,
            "color": "accent",
            "line": {"width": 2.5, "color": "accent"},
        },
        "hoverinfo": "skip",
    }
    said = [f"{label(names[row['promotion']])}: {_in_words(row)}" for row in rows]
    actual = [row["actual"] for row in rows]
    top = max(max(row["high"], row["actual"]) for row in rows)
    return Chart(
        id=f"{name}-promotion",
        title=tr("Orders of each promotion in all these days"),
        traces=[band, mean, *_dots(rows, actual, laid.at, said)],
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
            (names[every[n]["promotion"]], *_cells(page, f"{name}:by_promotion.{n}", every[n]))
            for n in order
        ],
    )


def _band() -> Trace:
    return {"type": "bar", "name": tr(_RANGE), "marker": {"color": "band"}, "hoverinfo": "skip"}


def _path() -> Trace:
    line = {"color": "muted", "width": 1}
    return {"type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "skip"} | {
        "line": line
    }


def _dots(rows: list[Row], x: Sequence[Any], y: Sequence[Any], said: list[str]) -> list[Trace]:
    """What happened, apart where it lies inside its range and where not."""
    traces = []
    for inside, color in ((True, "ink"), (False, "warm")):
        at = [n for n, row in enumerate(rows) if (_fell(row) == _INSIDE) == inside]
        if not at:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": tr("what happened, {}").format(tr("inside") if inside else tr("outside")),
                "x": [x[n] for n in at],
                "y": [y[n] for n in at],
                "marker": {
                    "size": 8 if len(rows) <= _MONTH else 6,
                    "color": color,
                    "line": {"width": 1, "color": "paper"},
                },
                "cliponaxis": False,
                "text": [said[n] for n in at],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return traces


_MONTH = 31  # dots that have room at a phone's width
_INSIDE = "inside"


def _fell(row: Row) -> str:
    """Where what happened lies: the ends belong to the range."""
    if row["actual"] > row["high"]:
        return "above"
    return "below" if row["actual"] < row["low"] else _INSIDE


def _in_words(row: Row) -> str:
    mean, low, high = (bare(row[k], 1) for k in ("mean", "low", "high"))
    return tr("{} happened<br>{} predicted ({} to {})").format(
        bare(row["actual"], 0), mean, low, high
    )


def _scale(rows: list[Row]) -> list[float]:
    """From zero, unless all lies far above it."""
    ends = [value for row in rows for value in (row["actual"], row["low"], row["high"])]
    low, high = padded(ends, 0.08)
    return [low if low > 0.5 * high else 0.0, high]


def _cells(page: Page, key: str, row: Row) -> tuple[Cell, ...]:
    mean, low, high = (
        page.numbers.decimal(f"{key}.{k}", row[k], 1) for k in ("mean", "low", "high")
    )
    return (
        page.numbers.count(f"{key}.actual", row["actual"]),
        mean,
        Markup(tr("{} to {}")).format(low, high),
        {"above": tr("above"), "below": tr("below"), _INSIDE: tr("inside")}[_fell(row)],
    )


def _day_note(page: Page, name: str, rows: list[Row]) -> Markup:
    fell = [_fell(row) for row in rows]
    actual, mean = (sum(row[k] for row in rows) for k in ("actual", "mean"))
    text = Markup(
        tr(
            "A bar is the range that 8 of 10 simulated flights kept to on that day, the "
            "line their mean; dots are what happened, orange ones outside the range: {} "
            "of {} days lie above it, {} below. In all {} orders were predicted and {} "
            "happened: "
        )
    ).format(
        fell.count("above"),
        len(rows),
        fell.count("below"),
        page.numbers.count(f"{name}:by_day.*.mean", mean),
        page.numbers.count(f"{name}:by_day.*.actual", actual),
    )
    if abs(mean - actual) <= _LEVEL * actual:
        return text + Markup(tr("the level was about right."))
    if mean > actual:
        return text + Markup(tr("the market promised too much, and the plan may do so too."))
    return text + Markup(tr("the market promised too little, and the plan may do so too."))


_LEVEL = 0.1  # of what happened; less is about right


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
