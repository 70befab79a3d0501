"""Money over days as lines: what every page's charts of days share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from promopilot.experiments.report.chart import axis, layout, legend, money_axis
from promopilot.experiments.report.language import tr


def dates_axis(days: Sequence[date]) -> dict[str, object]:
    """Days in order, a tick a week."""
    step = 7 if len(days) > 10 else max(1, -(-len(days) // 5))
    step *= max(1, len(days) // 42)  # months of weeks: fewer ticks
    return axis(
        type="date",
        tickformat=tr("%-d %b"),
        tick0=days[0].isoformat(),
        dtick=step * 86_400_000,
        showgrid=False,
        hoverformat=tr("%a %-d %b"),
    )


def money_by_day(days: Sequence[date], symbol: str, **legend_parts: Any) -> dict[str, Any]:
    """Layout of a chart of money over days.

    Args:
        days: Of the axis.
        symbol: The currency's.
        legend_parts: Of the legend, where it does not stand above the plot.
    """
    return layout(
        xaxis=dates_axis(days),
        yaxis=money_axis(symbol, rangemode="tozero", nticks=6),
        **legend(**legend_parts),
    )


def on_days(
    name: str, days: Sequence[date], money: Sequence[float | None], color: str
) -> dict[str, Any]:
    """A line with a dot for each day's money."""
    marker = {"color": color, "size": 5}
    hover = "%{x}<br>%{y}<extra></extra>"
    return _line(name, days, money, color) | {
        "mode": "lines+markers",
        "marker": marker,
        "hovertemplate": hover,
    }


def up_to_days(
    name: str, days: Sequence[date], money: Sequence[float], color: str, dash: str = "solid"
) -> dict[str, Any]:
    """A line of what money comes to by the end of each day; a single day is a dot."""
    line = _line(name, days, money, color)
    line["line"] |= {"dash": dash}
    return line | {
        "mode": "lines+markers" if len(days) == 1 else "lines",
        "hovertemplate": tr("end of %{{x}}<br>{} %{{y}}<extra></extra>").format(name),
    }


def _line(
    name: str, days: Sequence[date], money: Sequence[float | None], color: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "x": [day.isoformat() for day in days],
        "y": list(money),
        "line": {"color": color, "width": 2},
    }
