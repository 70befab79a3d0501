"""The plan at a grid of budgets: what each brings, with ranges and the return of the next unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promopilot.experiments.scenarios.planner import Margins, Planner, cents
from promopilot.experiments.scenarios.totals import Totals

SHARES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # of the run's budget
RANGED = ("spend", "conversions", "conversion_value", "profit", "net_profit")
_RANGE = (0.1, 0.9)  # of flights: 8 of 10 lie between
_SAME = 0.004  # budgets nearer than this share to each other are one row


@dataclass(frozen=True)
class Scenario:
    """The plan of one budget on the test flights."""

    budget: float
    roles: tuple[str, ...]  # of `run`, `current_mix`, `break_even`; none for a step of the grid
    totals: Totals
    margins: Margins | None  # None where the next unit would not be planned

    def as_row(self) -> dict[str, float | str | None]:
        """Its figures: money in cents, ratios with four decimals; None where there is none."""
        row: dict[str, float | str | None] = {"budget": self.budget, "role": " ".join(self.roles)}
        row |= figures(self.totals)
        row["kept"] = cents(max(self.budget - self.totals.planned, 0.0))
        row["marginal_roas"] = None if self.margins is None else round(self.margins.roas, 4)
        row["marginal_poas"] = None if self.margins is None else round(self.margins.poas, 4)
        return row


def figures(totals: Totals) -> dict[str, float | str | None]:
    """Means over flights, ratios of means, and the ends of what 8 of 10 flights bring."""
    mean = totals.mean()
    row: dict[str, float | str | None] = {"planned_budget": cents(totals.planned)}
    for name in ("spend", "conversions", "conversion_value", "subsidy", "profit", "net_profit"):
        row[name] = cents(mean.value(name))
    for name, decimals in (("roas", 4), ("poas", 4), ("cpa", 2)):
        value = mean.value(name)
        row[name] = round(value, decimals) if np.isfinite(value) else None
    for name in RANGED:
        for end, value in zip(("p10", "p90"), np.quantile(totals.of(name), _RANGE), strict=True):
            row[f"{name}_{end}"] = cents(float(value))
    return row


def grid(run: float, marked: Mapping[str, float], asked: Sequence[float] = ()) -> list[float]:
    """Budgets in order: shares of the run's, those marked, and steps up to the largest marked.

    Args:
        run: The run's budget.
        marked: Budgets with a role.
        asked: Budgets in place of the shares.
    """
    budgets = {cents(b) for b in (asked or [run * share for share in SHARES])}
    top, largest = max(marked.values(), default=0.0), max(budgets)
    if not asked and top > largest:  # or the way to the mark would be one straight line
        budgets |= {cents(b) for b in np.linspace(largest, top, 4)[1:]}
    kept = {b for b in budgets if not any(abs(b - m) <= _SAME * m for m in marked.values())}
    return sorted(kept | {cents(m) for m in marked.values()})


def scenarios(
    planner: Planner,
    marked: Mapping[str, float],
    asked: Sequence[float],
    progress: Callable[[str, float], None],
) -> tuple[list[Scenario], list[float]]:
    """Plans of all budgets of the grid, and the budgets too small for the run's limits.

    Args:
        planner: The run's.
        marked: Budgets by role.
        asked: Budgets in place of the grid's own.
        progress: Told the share done.
    """
    budgets = grid(planner.world.budget, marked, asked)
    found, left_out = list[Scenario](), list[float]()
    for done, budget in enumerate(budgets):
        progress("scenarios: budgets", done / len(budgets))
        if not planner.can(budget):
            left_out.append(budget)
            continue
        roles = tuple(role for role, amount in marked.items() if cents(amount) == budget)
        totals, margins = planner.played(budget), planner.margins(budget)
        found.append(Scenario(budget, roles, totals, margins))
    return found, left_out
