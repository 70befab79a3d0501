"""Comparisons by day or week: lines of planned money and their figures."""

from __future__ import annotations

from datetime import date
from itertools import cycle
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import Chart, label
from promopilot.experiments.report.compared_rows import COLORS, cells, heads, rows_of
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.money_lines import money_by_day, on_days
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.section import Section, day


def days_section(document: dict[str, Any], numbers: Numbers) -> Section:
    """What each plan spends on the days, or in the weeks, that all of them have."""
    rows = rows_of(document, "day", "planned_budget")
    days = [date.fromisoformat(row["key"]) for _, row in rows]
    weekly = document["weekly"]
    chart = Chart(
        id="compared-days",
        title=tr("Planned money by week") if weekly else tr("Planned money by day"),
        traces=[
            on_days(label(name, lines=4), days, [row["values"][side] for _, row in rows], color)
            for side, (name, color) in enumerate(zip(document["sides"], cycle(COLORS)))
        ],
        layout=money_by_day(days, numbers.symbol),
        height=320,
        note=Markup(
            tr("What each plan spends in each week that all of them have.")
            if weekly
            else tr("What each plan spends on each day that all of them have.")
        ),
        columns=(tr("Week") if weekly else tr("Day"), *heads(document)),
        rows=[(day(days[n]), *cells(at, row, numbers)) for n, (at, row) in enumerate(rows)],
    )
    title = tr("By week") if weekly else tr("By day")
    return Section("days", title, "compared.html", {"charts": [chart], "rows": []})
