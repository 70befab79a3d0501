"""Every line item that has money today or in the plan: a table to sort and to filter."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from promopilot.experiments.plan.margins import mean_margins
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.moves import LEAST
from promopilot.experiments.report.numbers import marked, plan_change, plan_mean, plan_sum
from promopilot.experiments.report.section import Page
from promopilot.experiments.tables.keys import ITEM

MOST_ROWS = 600  # the page stays small enough to mail


@dataclass(frozen=True)
class Line:
    """A row: a line item over the whole flight."""

    promotion: str
    placement: str
    segment: str
    current: Markup
    planned: Markup
    change: Markup
    profit: Markup
    next_unit: Markup
    basis: str
    direction: str  # `up`, `down` or `same`


@dataclass(frozen=True)
class BudgetTable:
    """The rows and what they can be filtered by."""

    lines: list[Line]
    placements: list[str]
    segments: list[str]
    note: Markup


def budget_table(page: Page) -> BudgetTable:
    """Line items, first those with most planned money."""
    plan = page.run.plan
    groups = plan.groupby(ITEM, sort=False)
    sums = groups[["current_budget", "planned_budget", "expected_profit"]].sum()
    sums["next"] = mean_margins(plan, ITEM, "marginal_poas")
    sums["basis"] = groups["basis"].first()
    held = sums[sums[["current_budget", "planned_budget"]].max(axis=1) > LEAST]
    held = held.sort_values(["planned_budget", "current_budget"], ascending=False, kind="stable")
    shown = held.iloc[:MOST_ROWS]
    lines = [
        _line(page, key, row) for key, (_, row) in zip(shown.index, shown.iterrows(), strict=True)
    ]
    return BudgetTable(
        lines,
        sorted({line.placement for line in lines}),
        sorted({line.segment for line in lines}),
        _note(len(sums), len(held), len(shown)),
    )


def _line(page: Page, key: tuple[str, str, str], row: pd.Series[float]) -> Line:
    run, money = page.run, page.numbers.money
    where = dict(zip(ITEM, map(str, key), strict=True))
    current, planned = float(row["current_budget"]), float(row["planned_budget"])
    change = planned - current
    return Line(
        promotion=run.promotions.get(where["promotion_id"], where["promotion_id"]),
        placement=run.placements.get(where["placement_id"], where["placement_id"]),
        segment=run.segments.get(where["segment_id"], where["segment_id"]),
        current=money(plan_sum("current_budget", **where), current, cents=False),
        planned=money(plan_sum("planned_budget", **where), planned, cents=False),
        change=marked(
            plan_change(**where),
            change,
            page.numbers.amount(change, sign=True, cents=False),
        ),
        profit=money(
            plan_sum("expected_profit", **where), float(row["expected_profit"]), cents=False
        ),
        next_unit=money(
            plan_mean("marginal_poas", "planned_budget", **where), float(row["next"]), cents=True
        ),
        basis=str(row["basis"]),
        direction="up" if change > LEAST else "down" if change < -LEAST else "same",
    )


def _note(every: int, held: int, shown: int) -> Markup:
    text = Markup(
        plural(
            held,
            later(
                "{} of {} line items (promotion, placement, segment) has money today or in the "
                "plan."
            ),
            later(
                "{} of {} line items (promotion, placement, segment) have money today or in the "
                "plan."
            ),
        )
    ).format(held, every)
    if shown < held:
        text += Markup(tr(" The table holds the {} with most of it; all are in plan.csv.")).format(
            shown
        )
    return text
