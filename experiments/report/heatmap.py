"""The plan as a heatmap: a row per promotion, a column per day."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from promopilot.experiments.report.chart import Cell, Chart, axis, label, layout
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.money_lines import dates_axis
from promopilot.experiments.report.numbers import marked, plan_sum
from promopilot.experiments.report.section import Page, short_day, weekday_and_day

MOST_ROWS = 14
_ROW = 24  # px
_LETTERS = 20  # of a name beside its row: what a phone has room for


def heatmap(page: Page) -> Chart:
    """Planned media by promotion and day, in stronger colour for more."""
    run, days = page.run, [d.isoformat() for d in page.run.world.dates]
    table = run.plan.pivot_table(
        index="promotion_id", columns="date", values="planned_budget", aggfunc="sum"
    )
    table = table.reindex(columns=days).fillna(0.0)
    funded = table[table.sum(axis=1) > 0]
    order = funded.sum(axis=1).sort_values(ascending=False, kind="stable").index
    shown, rest = funded.loc[order[:MOST_ROWS]], funded.loc[order[MOST_ROWS:]]
    names = [run.promotions.get(str(i), str(i)) for i in shown.index]
    if len(rest):
        shown = pd.concat([shown, rest.sum().to_frame("").T])
        names.append(tr("all others ({})").format(len(rest)))
    places = list(range(len(names)))
    money = page.numbers.amount
    told = [weekday_and_day(day) for day in run.world.dates]
    tiles = {
        "type": "heatmap",
        "x": days,
        "y": places,
        "z": shown.to_numpy().tolist(),
        "xgap": 1,
        "ygap": 2,
        "zmin": 0,
        "colorscale": [[0, "wash"], [1, "accent"]],
        "showscale": False,
        "text": [
            [
                f"{label(name)}<br>{day}: {money(v, cents=False)}"
                for day, v in zip(told, row, strict=True)
            ]
            for name, row in zip(names, shown.to_numpy(), strict=True)
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }
    return Chart(
        id="heatmap",
        title=tr("Planned media by promotion and day"),
        traces=[tiles],
        layout=layout(
            xaxis=dates_axis(run.world.dates),
            yaxis=axis(
                tickvals=places,
                ticktext=[_short(name) for name in names],
                range=[len(names) - 0.5, -0.5],
                showgrid=False,
                zeroline=False,
                ticks="",
            ),
        ),
        height=_ROW * max(len(names), 1) + 60,
        note=_note(page, table),
        columns=(tr("Promotion"), *(short_day(day) for day in run.world.dates)),
        rows=[_row(page, str(i), funded.loc[i].tolist()) for i in order[:MOST_ROWS]],
    )


def _short(name: str) -> str:
    return label(name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…")


def _row(page: Page, promotion: str, by_day: list[float]) -> tuple[Cell, ...]:
    return (
        page.run.promotions.get(promotion, promotion),
        *(
            marked(
                plan_sum("planned_budget", promotion_id=promotion, date=day.isoformat()),
                value,
                page.numbers.amount(value, cents=False),
            )
            for day, value in zip(page.run.world.dates, by_day, strict=True)
        ),
    )


def _note(page: Page, table: pd.DataFrame) -> Markup:
    if not len(table) or table.to_numpy().max() <= 0:
        return Markup(tr("The plan funds nothing."))
    at, on = divmod(int(table.to_numpy().argmax()), table.shape[1])
    promotion, day = str(table.index[at]), page.run.world.dates[on]
    most = float(table.to_numpy()[at, on])
    text = Markup(
        tr(
            "The stronger the colour, the more. The most for one promotion on one day is "
            "{}: “{}” on {}."
        )
    ).format(
        page.numbers.money(
            plan_sum("planned_budget", promotion_id=promotion, date=day.isoformat()),
            most,
            cents=False,
        ),
        page.run.promotions.get(promotion, promotion),
        short_day(day),
    )
    never = int((table.sum(axis=1) <= 0).sum())
    if never:
        text += Markup(
            plural(
                never,
                later(" {} promotion gets nothing on any day and is left out."),
                later(" {} promotions get nothing on any day and are left out."),
            )
        ).format(never)
    return text
