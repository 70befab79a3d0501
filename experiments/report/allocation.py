"""Where the money goes today and in the plan: by placement, promotion and segment."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from promopilot.experiments.report.budget_table import budget_table
from promopilot.experiments.report.chart import (
    Cell,
    Chart,
    Rows,
    bar_rows,
    labelled_rows,
    layout,
    legend,
    money_axis,
)
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.moves import moves_chart
from promopilot.experiments.report.numbers import marked, plan_change, plan_sum
from promopilot.experiments.report.section import Page, Section
from promopilot.experiments.report.waterfall import waterfall_chart

MOST_ROWS = 12
_BAR = 13  # px


def section(page: Page) -> Section:
    """One chart per way of cutting the budget, what changes and what that brings, every line."""
    run = page.run
    charts = [
        _chart(page, "placement_id", tr("By placement"), tr("Placement"), run.placements),
        _chart(page, "segment_id", tr("By segment"), tr("Segment"), run.segments),
        _chart(page, "promotion_id", tr("By promotion"), tr("Promotion"), run.promotions),
    ]
    view = {
        "charts": charts,
        "changes": [moves_chart(page), waterfall_chart(page)],
        "table": budget_table(page),
        "symbol": page.numbers.symbol.strip(),
    }
    return Section(
        "allocation", tr("Where the money goes"), "allocation.html", view, tr("Allocation")
    )


def _chart(page: Page, column: str, title: str, heading: str, names: dict[str, str]) -> Chart:
    budgets = ["current_budget", "planned_budget"]
    sums = page.run.plan.groupby(column, sort=False)[budgets].sum()
    sums = sums.loc[sums.max(axis=1).sort_values(ascending=False, kind="stable").index]
    shown = sums.iloc[:MOST_ROWS]
    labels = [names.get(str(i), str(i)) for i in shown.index]
    bars = shown
    if len(sums) > MOST_ROWS:
        rest = sums.iloc[MOST_ROWS:]
        bars = pd.concat([shown, rest.sum().to_frame("").T])
        labels.append(tr("all others ({})").format(len(rest)))
    rows = labelled_rows(labels, 2 * _BAR + 2)
    top = float(bars.to_numpy().max()) or 1.0
    chart_layout = layout(
        yaxis=rows.axis,
        xaxis=money_axis(page.numbers.symbol, range=[0, top * 1.22], nticks=5),
        annotations=rows.names,
        barmode="overlay",
        **legend(),
    )
    return Chart(
        id=f"allocation-{column.removesuffix('_id')}",
        title=title,
        traces=[
            _bars(page, bars["current_budget"], tr("current mix"), "before", rows, -_BAR / 2 - 1),
            _bars(page, bars["planned_budget"], tr("plan"), "accent", rows, _BAR / 2 + 1),
        ],
        layout=chart_layout,
        height=rows.height + 70,
        note=_note(page, sums, names, column),
        columns=(
            heading,
            tr("Current mix"),
            tr("Plan"),
            tr("Change"),
        ),
        rows=[_row(page, column, str(key), names, sums) for key in sums.index],
    )


def _bars(
    page: Page, values: pd.Series[float], name: str, color: str, rows: Rows, shift: float
) -> dict[str, Any]:
    at = [middle + shift for middle in rows.at]
    text = [page.numbers.amount(v, cents=False) for v in values]
    hover = f"{name} %{{text}}<extra></extra>"
    return bar_rows(at, values.tolist(), color, text, _BAR) | {"name": name, "hovertemplate": hover}


def _row(
    page: Page, column: str, key: str, names: dict[str, str], sums: pd.DataFrame
) -> tuple[Cell, ...]:
    change = float(sums["planned_budget"][key] - sums["current_budget"][key])
    return (
        *_told(page, column, key, names, sums),
        marked(
            plan_change(**{column: key}),
            *(change, page.numbers.amount(change, sign=True, cents=False)),
        ),
    )


def _told(
    page: Page, column: str, key: str, names: dict[str, str], sums: pd.DataFrame
) -> tuple[str, Markup, Markup]:
    """Name, current and planned money."""
    current, planned = (
        page.numbers.money(plan_sum(name, **{column: key}), float(sums[name][key]), cents=False)
        for name in ("current_budget", "planned_budget")
    )
    return names.get(key, key), current, planned


def _note(page: Page, sums: pd.DataFrame, names: dict[str, str], column: str) -> Markup:
    written = sums.map(lambda value: page.numbers.amount(value, cents=False))
    seen = written["planned_budget"] != written["current_budget"]
    change = (sums["planned_budget"] - sums["current_budget"]).where(seen, 0.0)
    if not seen.any():
        return Markup(tr("The plan leaves this split as it is."))
    up, down = str(change.idxmax()), str(change.idxmin())

    def told(key: str) -> tuple[str, Markup, Markup]:
        return _told(page, column, key, names, sums)

    parts = []
    if change[up] > 0:
        parts.append(Markup(tr("Most is added to “{}”: {} becomes {}.")).format(*told(up)))
    if change[down] < 0:
        parts.append(Markup(tr("Most is taken from “{}”: {} becomes {}.")).format(*told(down)))
    dropped = int(((sums["planned_budget"] == 0) & (sums["current_budget"] > 0)).sum())
    if dropped:
        text = plural(
            dropped,
            later("{} of {} that get money today gets none in the plan."),
            later("{} of {} that get money today get none in the plan."),
        )
        had = int((sums["current_budget"] > 0).sum())
        parts.append(Markup(text).format(dropped, had))
    return Markup(tr(" ")).join(parts)
