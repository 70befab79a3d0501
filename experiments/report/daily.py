"""The plan day by day, and its pace against the budget."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from markupsafe import Markup

from promopilot.experiments.report.chart import Cell, Chart, label, layout, legend, money_axis
from promopilot.experiments.report.heatmap import heatmap
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.money_lines import dates_axis
from promopilot.experiments.report.numbers import plan_sum
from promopilot.experiments.report.pace import pace, upto
from promopilot.experiments.report.section import Page, Section, short_day, weekday_and_day

COLORS = tuple(f"c{n}" for n in range(1, 9))
OTHERS = later("other placements")
_SUMS = ("current_budget", "planned_budget", "expected_profit")  # of each day, in the table


def section(page: Page) -> Section:
    """Bars by day and placement, days by promotion, and money spent so far."""
    view = {"charts": [_by_day(page), heatmap(page), pace(page)]}
    return Section("daily", tr("Day by day"), "charts.html", view, tr("Daily plan"))


def _by_day(page: Page) -> Chart:
    run, days = page.run, [d.isoformat() for d in page.run.world.dates]
    table = run.plan.pivot_table(
        index="date", columns="placement_id", values="planned_budget", aggfunc="sum"
    )
    table = table.reindex(days).fillna(0.0)
    order = table.sum().sort_values(ascending=False, kind="stable").index
    kept = list(order[: len(COLORS) - 1])
    parts = {run.placements.get(str(i), str(i)): table[i] for i in kept if table[i].sum() > 0}
    rest = table[order[len(kept) :]].sum(axis=1)
    if rest.sum() > 0:
        parts[tr(OTHERS)] = rest
    sums = run.plan.groupby("date")[list(_SUMS)].sum().reindex(days).fillna(0.0)
    traces = [
        {
            "type": "bar",
            "name": label(name),
            "x": days,
            "y": values.tolist(),
            "marker": {"color": color},
            "hovertemplate": f"%{{x}}<br>{label(name)}<br>%{{y}}<extra></extra>",
        }
        for (name, values), color in zip(parts.items(), COLORS, strict=False)
    ]
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": tr("current mix, all placements"),
            "x": days,
            "y": sums["current_budget"].tolist(),
            "line": {"color": "ink", "width": 2, "dash": "dot", "shape": "hvh"},
            "hovertemplate": tr("%{x}<br>current mix %{y}<extra></extra>"),
        }
    )
    return Chart(
        id="by-day",
        title=tr("Planned media per day, by placement"),
        traces=traces,
        layout=layout(
            barmode="stack",
            bargap=0.18,
            xaxis=dates_axis(page.run.world.dates),
            yaxis=money_axis(page.numbers.symbol, rangemode="tozero", nticks=6),
            **legend(y=-0.14, yanchor="top"),
        ),
        height=400 + 20 * len(parts),
        note=_note(page, table.sum(axis=1)),
        columns=(tr("Day"), tr("Current mix"), tr("Plan"), tr("Expected profit before media")),
        rows=[_row(page, day, sums) for day in page.run.world.dates],
    )


def _row(page: Page, day: date, sums: pd.DataFrame) -> tuple[Cell, ...]:
    at = day.isoformat()
    return (
        weekday_and_day(day),
        *(
            page.numbers.money(plan_sum(name, date=at), float(sums[name][at]), cents=False)
            for name in _SUMS
        ),
    )


def _note(page: Page, by_day: pd.Series[float]) -> Markup:
    dates = page.run.world.dates
    high, low = int(np.argmax(by_day.to_numpy())), int(np.argmin(by_day.to_numpy()))

    def told(at: int) -> tuple[str, Markup]:
        key = plan_sum("planned_budget", date=dates[at].isoformat())
        return short_day(dates[at]), page.numbers.money(key, float(by_day.iloc[at]), cents=False)

    text = Markup(tr("Most is planned for {} ({}), least for {} ({}).")).format(
        *told(high), *told(low)
    )
    half = len(dates) // 2
    if half == 0:
        return text
    total = float(by_day.sum())
    first = float(by_day.iloc[:half].sum()) / total if total > 0 else 0.0
    even = half / len(dates)
    share = page.numbers.share(f"{upto(page, half - 1)} / {plan_sum('planned_budget')}", first)
    if first > even + 0.02:
        lean = tr("the plan spends early")
        if page.run.world.dynamics.fatigue_exponent > 0:
            lean += tr(", as people tire of what they have seen")
    elif first < even - 0.02:
        lean = tr("the plan holds money back for later days")
    else:
        lean = tr("an even pace")
    return text + Markup(tr(" The first half gets {} of the money: {}.")).format(share, lean)
