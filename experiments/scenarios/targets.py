"""The budget that just meets a target, or the best that any budget attains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promopilot.experiments.scenarios.budgets import figures
from promopilot.experiments.scenarios.planner import Planner
from promopilot.experiments.scenarios.target import Target
from promopilot.experiments.scenarios.target_search import best, checked, holds, ladder


def answer(
    planner: Planner, target: Target, progress: Callable[[str, float], None]
) -> dict[str, Any]:
    """Bisect over budgets on the reference flight, then check on the test flights and correct.

    Args:
        planner: The run's.
        target: What is asked for.
        progress: Told the share done.

    Returns:
        `met`; the `budget` (without one that meets it: that of the best attainable) and its
        figures; `any_budget`, whether the largest budget tried keeps the target too; and the share
        of test flights in which the target is met.
    """
    budget = checked(planner, target, progress)
    if budget is None:
        budget = best(planner, target)
    totals, most = planner.played(budget), ladder(planner)[-1]
    met = holds(planner, target, budget)
    return {
        "measure": target.measure,
        "target": target.value,
        "met": met,
        "asks": "least budget" if target.least_budget else "largest budget",
        "any_budget": met and not target.least_budget and budget == most,
        "budget": budget,
        "value": round(target.of(totals), 4),
        "share_of_flights": round(float(target.met(target.of_flights(totals)).mean()), 4),
        **figures(totals),
    }
