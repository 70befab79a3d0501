"""The plan at a grid of budgets: what each brings, with ranges and the return of the next unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promopilot.experiments.scenarios.next_unit import NextUnit, next_unit
from promopilot.experiments.scenarios.planner import Planner, cents
from promopilot.experiments.scenarios.totals import Totals

SHARES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)  # of the run's budget
_STRIDE = 1.4  # ratio of neighbours at most, beyond the largest share
RANGED = ("spend", "conversions", "conversion_value", "profit", "net_profit")
_RANGE = (0.1, 0.9)  # of flights: 8 of 10 lie between
_SAME = 0.004  # budgets nearer than this share to each other are one row


@dataclass(frozen=True)
class Scenario:
    """The plan of one budget on the test flights."""

    budget: float
    roles: tuple[str, ...]  # of `run`, `current_mix`, `break_even`; none for a step of the grid
    totals: Totals
    held: float  # money of the budget for the subsidy that the plan is expected to cause
    kept: float  # money of the budget that is neither planned nor held
    next: NextUnit | None  # None where the next unit would not be used

    def as_row(self) -> dict[str, float | str | None]:
        """Its figures: money in cents, ratios with four decimals; None where there is none."""
        row: dict[str, float | str | None] = {"budget": self.budget, "role": " ".join(self.roles)}
        row |= figures(self.totals)
        row["held_for_subsidy"], row["kept"] = cents(self.held), cents(self.kept)
        for name in ("roas", "poas", "net_profit"):
            value = None if self.next is None else getattr(self.next, name)
            row[f"marginal_{name}"] = None if value is None else round(value, 4)
        return row


@dataclass(frozen=True)
class Refused:
    """A budget with which the limits cannot be kept."""

    budget: float
    why: str  # the limits that clash


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
        steps = int(np.ceil(np.log(top / largest) / np.log(_STRIDE)))
        budgets |= {cents(b) for b in np.geomspace(largest, top, steps + 1)[1:]}
    kept = {b for b in budgets if not any(abs(b - m) <= _SAME * m for m in marked.values())}
    return sorted(kept | {cents(m) for m in marked.values()})


def scenarios(
    planner: Planner,
    marked: Mapping[str, float],
    asked: Sequence[float],
    progress: Callable[[str, float], None],
) -> tuple[list[Scenario], list[Refused]]:
    """Plans of all budgets of the grid, and the budgets with which the limits cannot be kept.

    Args:
        planner: The run's.
        marked: Budgets by role.
        asked: Budgets in place of the grid's own.
        progress: Told the share done.
    """
    world = planner.world
    budgets = grid(world.budget, marked, asked)
    found, refused = list[Scenario](), list[Refused]()
    for done, budget in enumerate(budgets):
        progress("scenarios: budgets", done / len(budgets))
        if why := planner.refusal(budget):
            refused.append(Refused(budget, why))
            continue
        roles = tuple(role for role, amount in marked.items() if cents(amount) == budget)
        totals = planner.played(budget)
        outlay = totals.outlay(world.covers)
        kept = max(budget - world.initial.spent - outlay, 0.0)
        held, following = outlay - totals.planned, next_unit(planner, budget)
        found.append(Scenario(budget, roles, totals, held, kept, following))
    return found, refused
