"""What keeps money from going where the next unit would still pay."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import bare, plan_mean, plan_sum
from promopilot.experiments.report.section import Page, Section

# What keeps a row of the plan from more money, as plan.csv calls it; other names are the user's.
LIMITS = {
    "flight budget": "the budget for the whole flight",
    "day budget": "the budget of a day",
    "pool supply": "every exposure of the placement and segment is used",
    "own maximum": "the line item's own maximum",
}


def section(page: Page) -> Section:
    """The limits that bind, with the money at them and what the next unit would bring there."""
    plan = page.run.plan
    bound = plan[plan["binding_limit"] != ""]
    names = bound.groupby("binding_limit")["planned_budget"].sum()
    order = [str(name) for name in names.sort_values(ascending=False, kind="stable").index]
    view = {
        "caption": tr("Limits that the plan runs into, by the money at them"),
        "columns": (
            tr("Limit"),
            tr("Line items and days"),
            tr("Money there"),
            tr("Next {}1 would bring").format(page.numbers.symbol.strip()),
        ),
        "rows": [_row(page, name, int((bound["binding_limit"] == name).sum())) for name in order],
        "note": _note(len(plan), len(bound)),
    }
    return Section("limits", tr("What holds the plan back"), "limits.html", view, tr("Limits"))


def _row(page: Page, name: str, rows: int) -> tuple[Cell, ...]:
    plan, money = page.run.plan, page.numbers.money
    there = plan[plan["binding_limit"] == name]
    planned, weighted = there["planned_budget"], there["marginal_poas"] * there["planned_budget"]
    spent = float(planned.sum())
    following = float(weighted.sum()) / spent if spent > 0 else float(there["marginal_poas"].mean())
    return (
        tr(LIMITS[name]) if name in LIMITS else name,
        bare(rows, 0),
        money(plan_sum("planned_budget", binding_limit=name), spent, cents=False),
        money(
            plan_mean("marginal_poas", "planned_budget", binding_limit=name), following, cents=True
        ),
    )


def _note(every: int, bound: int) -> Markup:
    if bound == 0:
        return Markup(
            tr(
                "No limit holds the plan back: wherever it spends no more, the next unit of money "
                "would return less than it costs."
            )
        )
    return Markup(
        tr(
            "For {} of {} rows of the plan (a line item on a day) a limit stops the money while "
            "the next unit would still pay. For the others it would not pay, so no limit is needed."
        )
    ).format(bare(bound, 0), bare(every, 0))
