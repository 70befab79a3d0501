"""What charts of what was foreseen share: ranges, what happened, and the cells of their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import Cell, Trace
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import bare
from promopilot.experiments.report.section import Page

_RANGE = later("predicted in 8 of 10 flights")
MEAN = later("predicted mean")
BAR = 12  # px
_MONTH = 31  # dots that have room at a phone's width
_INSIDE = "inside"

Row = dict[str, Any]  # actual, mean, low, high, and `day` or `promotion`


def band() -> Trace:
    """Bars of ranges."""
    return {"type": "bar", "name": tr(_RANGE), "marker": {"color": "band"}, "hoverinfo": "skip"}


def dots(rows: list[Row], x: Sequence[Any], y: Sequence[Any], said: list[str]) -> list[Trace]:
    """What happened, apart where it lies inside its range and where not."""
    traces = []
    for inside, color in ((True, "ink"), (False, "warm")):
        at = [n for n, row in enumerate(rows) if (fell(row) == _INSIDE) == inside]
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


def fell(row: Row) -> str:
    """Where what happened lies: the ends belong to the range."""
    if row["actual"] > row["high"]:
        return "above"
    return "below" if row["actual"] < row["low"] else _INSIDE


def in_words(row: Row) -> str:
    """What is read on hovering."""
    mean, low, high = (bare(row[k], 1) for k in ("mean", "low", "high"))
    return tr("{} happened<br>{} predicted ({} to {})").format(
        bare(row["actual"], 0), mean, low, high
    )


def cells(page: Page, key: str, row: Row) -> tuple[Cell, ...]:
    """What happened, what was predicted, and where the one lies in the other.

    Args:
        page: The page.
        key: Where the row is in the run's files.
        row: The row.
    """
    mean, low, high = (
        page.numbers.decimal(f"{key}.{k}", row[k], 1) for k in ("mean", "low", "high")
    )
    return (
        page.numbers.count(f"{key}.actual", row["actual"]),
        mean,
        Markup(tr("{} to {}")).format(low, high),
        {"above": tr("above"), "below": tr("below"), _INSIDE: tr("inside")}[fell(row)],
    )
