"""Money over time: what is planned so far, against the budget."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from markupsafe import Markup

from promopilot.experiments.report.chart import Chart, layout, legend, money_axis
from promopilot.experiments.report.kept import kept, kept_key
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.money_lines import dates_axis, up_to_days
from promopilot.experiments.report.numbers import marked, plan_sum
from promopilot.experiments.report.section import Page, short_day


def upto(page: Page, day: int, column: str = "planned_budget") -> str:
    """Key of what a column sums to by the end of a day of the flight."""
    return plan_sum(column, date_upto=page.run.world.dates[day].isoformat())


def pace(page: Page) -> Chart:
    """Money planned so far, beside an even pace, the current mix and the budget."""
    run, days = page.run, page.run.world.dates
    sums = run.plan.groupby("date")[["planned_budget", "current_budget"]].sum()
    sums = sums.reindex([d.isoformat() for d in days]).fillna(0.0).cumsum()
    # A point per day's end, and one before the first day.
    ends = [days[0] - timedelta(days=1), *days]
    budget, amount = run.world.budget, page.numbers.amount
    planned = [0.0, *sums["planned_budget"]]
    traces = [
        up_to_days(
            tr("even pace"), ends, np.linspace(0, budget, len(ends)).tolist(), "muted", "dot"
        ),
        up_to_days(tr("current mix"), ends, [0.0, *sums["current_budget"]], "before"),
        up_to_days(tr("plan"), ends, planned, "accent"),
    ]
    middle = max(len(days) // 2 - 1, 0)
    text = Markup(
        tr(
            "By the end of {} the plan has used {} of the budget; by the last day {}, "
            "and {} is kept."
        )
    ).format(
        short_day(days[middle]),
        page.numbers.share(f"{upto(page, middle)} / world:budget", planned[middle + 1] / budget),
        page.numbers.share(f"{upto(page, -1)} / world:budget", planned[-1] / budget),
        page.numbers.money(kept_key(page), kept(page)),
    )
    return Chart(
        id="pace",
        title=tr("Money planned so far, against the budget"),
        traces=traces,
        layout=layout(
            xaxis=dates_axis(days),
            yaxis=money_axis(page.numbers.symbol, range=[0, budget * 1.06], nticks=6),
            shapes=[
                {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": budget, "y1": budget}
                | {"line": {"color": "warm", "width": 1.5, "dash": "dash"}}
            ],
            annotations=[
                {"xref": "paper", "x": 0, "xanchor": "left", "y": budget, "yanchor": "bottom"}
                | {"text": tr("budget"), "showarrow": False, "font": {"color": "warm", "size": 12}}
            ],
            **legend(y=-0.14, yanchor="top"),
        ),
        height=340,
        note=text,
        columns=(tr("By the end of"), tr("Current mix"), tr("Plan"), tr("Share of the budget")),
        rows=[
            (
                short_day(d),
                marked(upto(page, n, "current_budget"), mix, amount(mix, cents=False)),
                marked(upto(page, n), plan, amount(plan, cents=False)),
                page.numbers.share(f"{upto(page, n)} / world:budget", plan / budget),
            )
            for n, (d, mix, plan) in enumerate(
                zip(days, sums["current_budget"], sums["planned_budget"], strict=True)
            )
        ],
    )
