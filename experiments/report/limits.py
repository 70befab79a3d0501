"""What keeps money from going where the next unit would still pay, and what that costs."""

from __future__ import annotations

from collections import Counter

import pandas as pd
from markupsafe import Markup

from promopilot.experiments.plan.margins import mean_margins
from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.limit_costs import costs
from promopilot.experiments.report.limit_effects import effect
from promopilot.experiments.report.numbers import bare, plan_mean, plan_sum
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Page, Section

# What binds a row of the plan, as plan.csv calls it; other names are the user's.
LIMITS = {
    "flight budget": "the budget for the whole flight",
    "day budget": "the budget of a day",
    "pool supply": "every exposure of the placement and segment is used",
    "stock": "the promotion's stock",
    "own maximum": "the line item's own maximum",
    "own minimum": "the line item's own minimum",
    "step": "the largest change from day to day",
    "exploration": "the share of spend for testing",
    "target ROAS": "the target for ROAS",
    "target CPA": "the target for CPA",
    "lock": "locked: spends what it does today",
}
# What a limit does to a row, as the table says it.
EFFECTS = {
    "stops": "stops more money",
    "keeps": "keeps money there",
    "both": "stops more money, or keeps money there",
    "locks": "keeps it as it is today",
}


def section(page: Page) -> Section:
    """The limits that bind, with the money at them, what they do, and what they cost."""
    plan = page.run.plan
    bound = plan[plan["binding_limit"] != ""]
    at = {str(name): rows for name, rows in bound.groupby("binding_limit")}
    order = sorted(at, key=lambda name: -at[name]["planned_budget"].sum())
    view = {
        "caption": tr("Limits that the plan runs into, by the money at them"),
        "columns": (
            tr("Limit"),
            tr("Line items and days"),
            tr("Money there"),
            tr("Next {}1 would bring").format(page.numbers.symbol.strip()),
            tr("What it does"),
        ),
        "rows": [_row(page, name, at[name]) for name in order],
        "note": _note(len(plan), bound),
        "costs": costs(page),
    }
    return Section("limits", tr("What holds the plan back"), "limits.html", view, tr("Limits"))


def _row(page: Page, name: str, there: pd.DataFrame) -> tuple[Cell, ...]:
    money = page.numbers.money
    spent = float(there["planned_budget"].sum())
    following = float(mean_margins(there, ["binding_limit"], "marginal_poas").iloc[0])
    effects = {effect(name, reason) for reason in there["reason"]}
    return (
        tr(LIMITS[name]) if name in LIMITS else said(name),
        bare(len(there), 0),
        money(plan_sum("planned_budget", binding_limit=name), spent, cents=False),
        money(
            plan_mean("marginal_poas", "planned_budget", binding_limit=name), following, cents=True
        ),
        tr(EFFECTS[effects.pop() if len(effects) == 1 else "both"]),
    )


def _note(rows: int, bound: pd.DataFrame) -> Markup:
    """How many rows are stopped, held up and locked, a sentence each."""
    if bound.empty:
        return Markup(
            tr(
                "No limit holds the plan back: wherever it spends no more, the next unit of money "
                "would return less than it costs."
            )
        )
    pairs = zip(bound["binding_limit"], bound["reason"], strict=True)
    counts = Counter(effect(*pair) for pair in pairs)
    parts = []
    if counts["stops"]:
        text = tr(
            "For {} of {} rows of the plan (a line item on a day) a limit stops the money while "
            "the next unit would still pay."
        )
        parts.append(Markup(text).format(bare(counts["stops"], 0), bare(rows, 0)))
    if counts["keeps"]:
        text = plural(
            counts["keeps"],
            later("{} row has money because a limit asks for it; without it, it would have less."),
            later(
                "{} rows have money because a limit asks for it; without it, they would have less."
            ),
        )
        parts.append(Markup(text).format(bare(counts["keeps"], 0)))
    if counts["locks"]:
        text = plural(
            counts["locks"],
            later("{} row is locked to today's spend."),
            later("{} rows are locked to today's spend."),
        )
        parts.append(Markup(text).format(bare(counts["locks"], 0)))
    if len(bound) < rows:
        parts.append(
            Markup(tr("Elsewhere the next unit would not pay, so that no limit is needed."))
        )
    return Markup(tr(" ")).join(parts)
