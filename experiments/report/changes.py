"""The ten changes that bring most, by promotion and placement over the whole flight."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from promopilot.experiments.plan.margins import mean_margins
from promopilot.experiments.report import words
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.numbers import marked, plan_change, plan_mean, plan_sum
from promopilot.experiments.report.replay import gains
from promopilot.experiments.report.section import Page, Section

SHOWN = 10
_KEYS = ["promotion_id", "placement_id"]


@dataclass(frozen=True)
class Change:
    """A row of the table."""

    promotion: str
    placement: str
    current: Markup
    planned: Markup
    change: Markup
    profit: Markup
    next_unit: Markup
    adds: Markup
    basis: str
    direction: str  # `up` or `down`


def section(page: Page) -> Section:
    """The table and what it says."""
    cells = cell_totals(page.run.plan)
    added = gains(page.run).reindex(cells.index).fillna(0.0)
    moved = (cells["planned_budget"] - cells["current_budget"]).abs() >= 0.005
    best = added[moved & (added > 0)].sort_values(ascending=False, kind="stable").index[:SHOWN]
    rows = [_change(page, cells.loc[[key]].iloc[0], key, float(added[key])) for key in best]
    view = {
        "rows": rows,
        "symbol": page.numbers.symbol.strip(),
        "note": _note(page, cells, best),
        "caption": tr(
            "Promotion by placement, over the whole flight; first what adds most {}"
        ).format(words.objective(page.run.world.objective)),
    }
    return Section(
        "changes", tr("The changes that bring most"), "changes.html", view, tr("Changes")
    )


def cell_totals(plan: pd.DataFrame) -> pd.DataFrame:
    """Budgets, expected profit, marginal profit and basis by promotion and placement."""
    groups = plan.groupby(_KEYS, sort=False)
    cells = groups[["current_budget", "planned_budget", "expected_profit"]].sum()
    cells["marginal_poas"] = mean_margins(plan, _KEYS, "marginal_poas")
    cells["learnt"] = groups["basis"].agg(lambda basis: (basis == "data").mean())
    return cells


def _change(page: Page, cell: pd.Series[float], key: object, adds: float) -> Change:
    promotion, placement = key if isinstance(key, tuple) else (str(key), "")
    where = {"promotion_id": str(promotion), "placement_id": str(placement)}
    money = page.numbers.money
    current, planned = float(cell["current_budget"]), float(cell["planned_budget"])
    learnt = float(cell["learnt"])
    return Change(
        promotion=page.run.promotions[where["promotion_id"]],
        placement=page.run.placements[where["placement_id"]],
        current=money(plan_sum("current_budget", **where), current, cents=False),
        planned=money(plan_sum("planned_budget", **where), planned, cents=False),
        change=marked(
            plan_change(**where),
            planned - current,
            page.numbers.amount(planned - current, sign=True, cents=False),
        ),
        profit=money(
            plan_sum("expected_profit", **where), float(cell["expected_profit"]), cents=False
        ),
        next_unit=money(
            plan_mean("marginal_poas", "planned_budget", **where), float(cell["marginal_poas"])
        ),
        adds=marked("average:gain", adds, page.numbers.amount(adds, sign=True, cents=False)),
        basis=tr("data") if learnt == 1 else tr("prior") if learnt == 0 else tr("data in part"),
        direction="up" if planned > current else "down",
    )


def _note(page: Page, cells: pd.DataFrame, best: pd.Index[str]) -> Markup:
    if len(best) == 0:
        return Markup(
            tr("Nothing moves to a better place: the current mix already is the best found.")
        )
    shift = (cells["planned_budget"] - cells["current_budget"]).abs()
    share = float(shift.loc[best].sum() / shift.sum())
    up = int((cells["planned_budget"] > cells["current_budget"]).loc[best].sum())
    down = len(best) - up
    plan = page.run.plan
    never = plan.loc[plan["basis"] == "prior", "planned_budget"].sum()
    prior = float(never) / (float(plan["planned_budget"].sum()) or 1.0)
    what = words.listed(
        [plural(count, *texts).format(count) for count, texts in ((up, _IN), (down, _OUT)) if count]
    )
    text = tr(
        "Of these changes {}: {} of all the money that moves. What a change adds is "
        "its effect on {}, media paid, when both mixes are played in an average flight; changes "
        "are counted as they stand, together with all others. “Next {}1 brings” is the profit of "
        "one more unit of money there: below 1 it would not pay for itself. {} of the planned "
        "money goes where the promotion was never shown before (basis “prior”)."
    )
    return Markup(text).format(
        what,
        page.numbers.share("average:moved_share", share),
        words.objective(page.run.world.objective),
        page.numbers.symbol.strip(),
        page.numbers.share(
            f"{plan_sum('planned_budget', basis='prior')} / {plan_sum('planned_budget')}", prior
        ),
    )


_IN = (later("{} puts money in"), later("{} put money in"))
_OUT = (later("{} takes money out"), later("{} take money out"))
