"""A chart as data: what plotly draws, the note that says the same in words, and its figures.

Colours are written as names of the page's CSS variables ("accent", "before", …) and painted by
`charts.js`, so that light, dark and printed pages each get their own.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from html import escape
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.language import spoken

Trace = dict[str, Any]
Layout = dict[str, Any]
Cell = str | Markup

WRAP = 44  # characters of a label's line: what fits beside nothing at a phone's width


@dataclass(frozen=True)
class Chart:
    """One chart of the page."""

    id: str
    title: str
    traces: list[Trace]
    layout: Layout
    height: int  # px
    note: Markup  # what it shows and what to conclude; the text alternative
    columns: tuple[str, ...] = ()  # headers of the table of its figures
    rows: list[tuple[Cell, ...]] = field(default_factory=list)  # the first cell heads its row
    small: bool = False  # one of several that share a note

    @property
    def figure(self) -> dict[str, Any]:
        """What plotly draws."""
        return {"data": self.traces, "layout": self.layout}


def label(text: str, width: int = WRAP, lines: int = 2) -> str:
    """Text of a user for plotly, which reads markup: escaped, and broken into lines."""
    parts = textwrap.wrap(text, width, max_lines=lines, placeholder=" …") or [""]
    return "<br>".join(escape(part, quote=False) for part in parts)


def layout(**parts: Any) -> Layout:
    """The house layout: no frame, quiet grid, fixed ranges so that a finger scrolls the page."""
    house: Layout = {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "bargap": 0.25,
        "xaxis": axis(),
        "yaxis": axis(),
    }
    return house | parts


def axis(**parts: Any) -> dict[str, Any]:
    """An axis of the house."""
    house: dict[str, Any] = {
        "fixedrange": True,
        "automargin": True,
        "gridcolor": "line",
        "linecolor": "line",
        "zerolinecolor": "line",
        "tickfont": {"color": "muted"},
        "title": {"font": {"color": "muted", "size": 12}, "standoff": 8},
    }
    title = parts.pop("title", None)
    if title is not None:
        house["title"] = {**house["title"], "text": title}
    return house | parts


def money_axis(symbol: str, **parts: Any) -> dict[str, Any]:
    """An axis in money."""
    return axis(tickprefix=symbol, hoverformat=",.2f", **large_numbers(), **parts)


def outcome_axis(symbol: str, objective: str, **parts: Any) -> dict[str, Any]:
    """An axis of what is maximised: money, or a count of orders."""
    return money_axis("" if objective == "conversions" else symbol, **parts)


def large_numbers() -> dict[str, Any]:
    """How an axis whose numbers may be large writes them: 12k, 3M, 0.5; Chinese has no such k.

    The format "~s" would write 0.5 as 500m, which reads as millions.
    """
    if spoken() == "en":
        return {"exponentformat": "B", "separatethousands": True}
    return {"tickformat": ",~f"}


def legend(**parts: Any) -> dict[str, Any]:
    """A legend above the plot."""
    house = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"}
    return {"showlegend": True, "legend": house | {"traceorder": "normal"} | parts}


_LABEL = {"x": 0, "xref": "paper", "xanchor": "left", "yanchor": "middle", "showarrow": False}
# Behind the names, so that lines do not strike them through.
_LABEL |= {"bgcolor": "paper", "borderpad": 1}
_LINE = 17  # px of a line of a label
_GAP = 14  # px between rows


@dataclass(frozen=True)
class Rows:
    """Rows from the top, each with its name above its marks, so that any width has room for both.

    The vertical axis counts pixels, so that a long name takes a second line, not its marks' room.
    """

    at: list[float]  # middle of each row's marks
    axis: dict[str, Any]
    names: list[dict[str, Any]]  # annotations
    height: int  # px of all rows


def labelled_rows(labels: list[str], marks: int) -> Rows:
    """Lay rows out.

    Args:
        labels: Names, as users wrote them.
        marks: Height of what stands below each name, px.
    """
    at, names, top = [], [], 0.0
    for text in labels:
        shown = label(text)
        room = _LINE * (1 + shown.count("<br>"))
        names.append(
            {**_LABEL, "y": top + room / 2, "text": shown, "align": "left"}
            | {"font": {"color": "ink", "size": 12.5}}
        )
        at.append(top + room + 2 + marks / 2)
        top += room + marks + _GAP
    vertical = axis(
        range=[top - _GAP / 2, -2], showticklabels=False, showgrid=False, zeroline=False, ticks=""
    )
    return Rows(at, vertical, names, round(top))


def padded(values: list[float], share: float = 0.06) -> list[float]:
    """A range around values with some room at both ends."""
    low, high = min(values), max(values)
    room = share * (high - low or abs(high) or 1.0)
    return [low - room, high + room]


DOT = 16  # px of a dot's row


def interval_rows(
    rows: Rows,
    values: list[float],
    intervals: list[tuple[float | None, float | None]],
    colors: list[str],
    hover: list[str],
) -> Trace:
    """Dots with intervals on labelled rows; one without an interval is a dot alone."""
    ends = [
        (v if low is None else low, v if high is None else high)
        for v, (low, high) in zip(values, intervals, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": values,
        "y": rows.at,
        "showlegend": False,
        "marker": {"size": 11, "color": colors},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - v for v, (_, high) in zip(values, ends, strict=True)],
            "arrayminus": [v - low for v, (low, _) in zip(values, ends, strict=True)],
            "color": "muted",
            "thickness": 2.5,
            "width": 0,
        },
        "text": hover,
        "hovertemplate": "%{text}<extra></extra>",
    }


def bar_rows(
    at: list[float], values: list[float], colors: str | list[str], text: list[str], width: int
) -> Trace:
    """Bars from zero on labelled rows, each with what it comes to behind it.

    Args:
        at: Middle of each bar.
        values: How long they are.
        colors: One for all, or one for each.
        text: What is written behind them, and read on hovering.
        width: Of a bar, px.
    """
    return {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": at,
        "width": width,
        "marker": {"color": colors},
        "text": text,
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "muted", "size": 11},
        "hovertemplate": "%{text}<extra></extra>",
    }


def upright(x: float, color: str, dash: str = "solid") -> dict[str, Any]:
    """A vertical line through a plot."""
    line = {"color": color, "width": 1.5, "dash": dash}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1} | {
        "line": line,
        "layer": "below",
    }
