"""How much money moves: the change of each promotion's budget, up or down."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from promopilot.experiments.report.chart import Chart, bar_rows, labelled_rows, layout, money_axis
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.numbers import marked, plan_change
from promopilot.experiments.report.section import Page

MOST_ROWS = 12
_BAR = 16  # px
LEAST = 0.005  # money; less is no change


def moves_chart(page: Page) -> Chart:
    """The largest changes by promotion, most added first."""
    sums = page.run.plan.groupby("promotion_id", sort=False)[["current_budget", "planned_budget"]]
    change = sums.sum().pipe(lambda s: s["planned_budget"] - s["current_budget"])
    largest = change.abs().sort_values(ascending=False, kind="stable").index[:MOST_ROWS]
    shown = change[largest].sort_values(ascending=False, kind="stable")
    rows = labelled_rows([page.run.promotions.get(str(i), str(i)) for i in shown.index], _BAR)
    low, high = min(0.0, float(shown.min())), max(0.0, float(shown.max()))
    room = 0.24 * ((high - low) or 1.0)
    colors = ["accent" if v > 0 else "warm" for v in shown]
    text = [page.numbers.amount(v, sign=True, cents=False) for v in shown]
    return Chart(
        id="moves",
        title=tr("How each promotion's budget changes"),
        traces=[bar_rows(rows.at, shown.tolist(), colors, text, _BAR)],
        layout=layout(
            yaxis=rows.axis,
            xaxis=money_axis(
                page.numbers.symbol,
                range=[low - room * (low < 0), high + room],
                nticks=5,
                zerolinecolor="muted",
            ),
            annotations=rows.names,
        ),
        height=rows.height + 40,
        note=_note(page, change),
    )


def _note(page: Page, change: pd.Series[float]) -> Markup:
    up, down = change[change > LEAST], change[change < -LEAST]
    if up.empty and down.empty:
        return Markup(tr("No promotion's budget changes."))
    text = Markup(
        plural(
            len(up),
            later("{} promotion gets more, {} less, {} the same. In all the budget {}."),
            later("{} promotions get more, {} less, {} the same. In all the budget {}."),
        )
    ).format(
        len(up), len(down), len(change) - len(up) - len(down), _total(page, float(change.sum()))
    )
    if len(change) > MOST_ROWS:
        text += Markup(tr(" The {} largest changes are drawn; all are in the table.")).format(
            MOST_ROWS
        )
    return text


def _total(page: Page, change: float) -> Markup:
    if abs(change) < 0.5:  # what is read is in whole units
        return Markup(tr("stays the same"))
    shown = page.numbers.amount(change, sign=True, cents=False)
    return Markup(tr("changes by {}")).format(marked(plan_change(), change, shown))
