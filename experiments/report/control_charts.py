"""The control charts of an update: how far each promotion and price is from what was foreseen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from markupsafe import Markup

from promopilot.envs.arrays import Floats
from promopilot.experiments.report.chart import Cell, Chart, Layout, axis, layout
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.money_lines import dates_axis
from promopilot.experiments.report.numbers import NONE, Numbers
from promopilot.experiments.report.section import short_day
from promopilot.experiments.report.update_sentences import Update

_SHOWN = 6  # charts that are drawn, more if more have a warning; the table has all


@dataclass(frozen=True)
class _Line:
    """One control chart after T days."""

    key: str  # of its place in update.json
    name: str  # of the promotion or placement
    what: str  # is watched of it
    average: Floats  # [T]
    limit: Floats  # [T]
    since: date | None  # from when things differ; None without a warning

    @property
    def shares(self) -> Floats:
        """[T] of the way from the middle to where a warning is due."""
        return self.average / self.limit


def control_charts(update: Update, numbers: Numbers) -> dict[str, Any]:
    """Those with a warning, then those nearest to one, and a table of all."""
    lines = sorted(_lines(update), key=lambda one: (one.since is None, -abs(one.shares[-1])))
    drawn = lines[: max(_SHOWN, sum(line.since is not None for line in lines))]
    days = [date.fromisoformat(row["date"]) for row in update["days"]]
    law = update["charts"]["law"]
    note = Markup(
        tr(
            "A control chart each for orders and clicks of every promotion and, where spend is "
            "told, the price of every placement: {} in all. A line is the average of how far days "
            "were from what was believed on the morning of each, the latest day with a weight of "
            "{}. Where it crosses a dotted line a warning is due, which stands until it is back in "
            "the middle. Drawn are those with a warning, then those nearest to one: {}. The table "
            "has all, in standard deviations."
        )
    ).format(
        numbers.count("update:charts.law.charts", law["charts"]),
        numbers.decimal("update:charts.law.weight", law["weight"], 1),
        len(drawn),
    )
    return {
        "charts": [_chart(number, line, days) for number, line in enumerate(drawn)],
        "note": note,
        "caption": tr("All control charts"),
        "columns": (
            *(tr("Promotion or placement"), tr("What"), tr("Average as last seen")),
            *(tr("A warning is due at ±"), tr("Differs since")),
        ),
        "rows": [_row(line, numbers) for line in lines],
    }


def _lines(update: Update) -> list[_Line]:
    texts = {"clicks": tr("clicks"), "conversions": tr("orders"), "price": tr("price")}
    names = {row["promotion_id"]: row["name"] for row in update["promotions"]}
    since = {
        (alarm["what"], alarm["id"]): date.fromisoformat(alarm["since"])
        for alarm in update["alarms"]
    }
    return [
        _Line(
            key=f"update:charts.lines.{at}",
            name=line["id"] if line["what"] == "price" else names[line["id"]],
            what=texts[line["what"]],
            average=np.array(line["average"]),
            limit=np.array(line["limit"]),
            since=since.get((line["what"], line["id"])),
        )
        for at, line in enumerate(update["charts"]["lines"])
    ]


def _row(line: _Line, numbers: Numbers) -> tuple[Cell, ...]:
    last = len(line.average) - 1
    return (
        line.name,
        line.what,
        numbers.decimal(f"{line.key}.average.{last}", line.average[last]),
        numbers.decimal(f"{line.key}.limit.{last}", line.limit[last]),
        NONE if line.since is None else short_day(line.since),
    )


def _chart(number: int, line: _Line, days: list[date]) -> Chart:
    color = "accent" if line.since is None else "bad"
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [day.isoformat() for day in days],
        "y": line.shares.round(4).tolist(),
        "line": {"color": color, "width": 2},
        "marker": {"color": color, "size": 5},
        "hovertemplate": tr("%{x}<br>%{y:.0%} of what makes a warning due<extra></extra>"),
    }
    return Chart(
        id=f"control-{number}",
        title=line.name,
        traces=[trace],
        layout=_layout(days, float(np.abs(line.shares).max())),
        height=190,
        note=Markup("{}").format(line.what),
        small=True,
    )


def _layout(days: list[date], farthest: float) -> Layout:
    most = max(1.3, 1.1 * farthest)
    due = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "layer": "below"} | {
        "line": {"color": "muted", "width": 1.5, "dash": "dot"}
    }
    return layout(
        xaxis=dates_axis(days),
        yaxis=axis(
            range=[-most, most],
            tickvals=[-1, 0, 1],
            ticktext=[tr("far less"), tr("as foreseen"), tr("far more")],
        ),
        shapes=[due | {"y0": at, "y1": at} for at in (-1, 1)],
    )
