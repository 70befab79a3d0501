"""The plan day by day, and its pace against the budget."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
from markupsafe import Markup

from promopilot.experiments.report.chart import Cell, Chart, axis, label, layout, legend, money_axis
from promopilot.experiments.report.numbers import KEPT, marked, plan_sum
from promopilot.experiments.report.section import Page, Section, short_day

COLORS = tuple(f"c{n}" for n in range(1, 9))
OTHERS = "other placements"


def section(page: Page) -> Section:
    """Bars by day and placement, and money spent so far."""
    view = {"charts": [_by_day(page), _pace(page)]}
    return Section("daily", "Day by day", "charts.html", view, "Daily plan")


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
        parts[OTHERS] = rest
    current = run.plan.groupby("date")["current_budget"].sum().reindex(days).fillna(0.0)
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
            "name": "current mix, all placements",
            "x": days,
            "y": current.tolist(),
            "line": {"color": "ink", "width": 2, "dash": "dot", "shape": "hvh"},
            "hovertemplate": "%{x}<br>current mix %{y}<extra></extra>",
        }
    )
    return Chart(
        id="by-day",
        title="Planned media per day, by placement",
        traces=traces,
        layout=layout(
            barmode="stack",
            bargap=0.18,
            xaxis=_dates(page),
            yaxis=money_axis(page.numbers.symbol, rangemode="tozero", nticks=6),
            **legend(y=-0.14, yanchor="top"),
        ),
        height=400 + 20 * len(parts),
        note=_note(page, table.sum(axis=1)),
        columns=("Day", "Current mix", "Plan", "Expected profit before media"),
        rows=[_row(page, day) for day in page.run.world.dates],
    )


def _upto(page: Page, day: int, column: str = "planned_budget") -> str:
    """Key of what a column sums to by the end of a day of the flight."""
    return plan_sum(column, date_upto=page.run.world.dates[day].isoformat())


def _dates(page: Page) -> dict[str, object]:
    days = page.run.world.dates
    step = 7 if len(days) > 10 else max(1, -(-len(days) // 5))
    step *= max(1, len(days) // 42)  # months of weeks: fewer ticks
    return axis(
        type="date",
        tickformat="%-d %b",
        tick0=days[0].isoformat(),
        dtick=step * 86_400_000,
        showgrid=False,
        hoverformat="%a %-d %b",
    )


def _row(page: Page, day: date) -> tuple[Cell, ...]:
    rows = page.run.plan[page.run.plan["date"] == day.isoformat()]
    columns = ("current_budget", "planned_budget", "expected_profit")
    return (
        f"{_WEEKDAYS[day.weekday()]} {short_day(day)}",
        *(
            page.numbers.money(
                plan_sum(name, date=day.isoformat()), float(rows[name].sum()), cents=False
            )
            for name in columns
        ),
    )


def _note(page: Page, by_day: pd.Series[float]) -> Markup:
    dates = page.run.world.dates
    high, low = int(np.argmax(by_day.to_numpy())), int(np.argmin(by_day.to_numpy()))

    def told(at: int) -> tuple[str, Markup]:
        key = plan_sum("planned_budget", date=dates[at].isoformat())
        return short_day(dates[at]), page.numbers.money(key, float(by_day.iloc[at]), cents=False)

    text = Markup("Most is planned for {} ({}), least for {} ({}).").format(*told(high), *told(low))
    half = len(dates) // 2
    if half == 0:
        return text
    total = float(by_day.sum())
    first = float(by_day.iloc[:half].sum()) / total if total > 0 else 0.0
    even = half / len(dates)
    share = page.numbers.share(f"{_upto(page, half - 1)} / {plan_sum('planned_budget')}", first)
    if first > even + 0.02:
        lean = "the plan spends early"
        if page.run.world.settings.fatigue_exponent > 0:
            lean += ", as audiences tire of what they have seen"
    elif first < even - 0.02:
        lean = "the plan holds money back for later days"
    else:
        lean = "an even pace"
    return text + Markup(" The first half gets {} of the money: {}.").format(share, lean)


def _pace(page: Page) -> Chart:
    run, days = page.run, page.run.world.dates
    sums = run.plan.groupby("date")[["planned_budget", "current_budget"]].sum()
    sums = sums.reindex([d.isoformat() for d in days]).fillna(0.0).cumsum()
    # A point per day's end, and one before the first day.
    ends = [(days[0] - timedelta(days=1)).isoformat(), *(d.isoformat() for d in days)]
    budget, amount = run.world.budget, page.numbers.amount
    planned = [0.0, *sums["planned_budget"]]
    traces = [
        _so_far("even pace", ends, np.linspace(0, budget, len(ends)).tolist(), "muted", "dot"),
        _so_far("current mix", ends, [0.0, *sums["current_budget"]], "before", "solid"),
        _so_far("plan", ends, planned, "accent", "solid"),
    ]
    middle = max(len(days) // 2 - 1, 0)
    text = Markup(
        "By the end of {} the plan has used {} of the budget; by the last day {}, and {} is kept."
    ).format(
        short_day(days[middle]),
        page.numbers.share(f"{_upto(page, middle)} / world:budget", planned[middle + 1] / budget),
        page.numbers.share(f"{_upto(page, -1)} / world:budget", planned[-1] / budget),
        page.numbers.money(KEPT, budget - float(run.total["planned_budget"])),
    )
    return Chart(
        id="pace",
        title="Money planned so far, against the budget",
        traces=traces,
        layout=layout(
            xaxis=_dates(page),
            yaxis=money_axis(page.numbers.symbol, range=[0, budget * 1.06], nticks=6),
            shapes=[
                {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": budget, "y1": budget}
                | {"line": {"color": "warm", "width": 1.5, "dash": "dash"}}
            ],
            annotations=[
                {"xref": "paper", "x": 0, "xanchor": "left", "y": budget, "yanchor": "bottom"}
                | {"text": "budget", "showarrow": False, "font": {"color": "warm", "size": 12}}
            ],
            **legend(y=-0.14, yanchor="top"),
        ),
        height=340,
        note=text,
        columns=("By the end of", "Current mix", "Plan", "Share of the budget"),
        rows=[
            (
                short_day(d),
                marked(_upto(page, n, "current_budget"), mix, amount(mix, cents=False)),
                marked(_upto(page, n), plan, amount(plan, cents=False)),
                page.numbers.share(f"{_upto(page, n)} / world:budget", plan / budget),
            )
            for n, (d, mix, plan) in enumerate(
                zip(days, sums["current_budget"], sums["planned_budget"], strict=True)
            )
        ],
    )


def _so_far(name: str, x: list[str], y: list[float], color: str, dash: str) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": color, "width": 2.5 if name == "plan" else 2, "dash": dash},
        "hovertemplate": f"end of %{{x}}<br>{name} %{{y}}<extra></extra>",
    }


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
