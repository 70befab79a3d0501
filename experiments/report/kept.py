"""What of the budget the plan leaves: neither spent nor held for discounts."""

from __future__ import annotations

from promopilot.experiments.report.section import Page

_KEPT = "world:budget - summary:TOTAL.planned_budget"


def kept(page: Page) -> float:
    """Money that the plan neither spends nor expects discounts to need."""
    run = page.run
    held = float(run.total["expected_subsidy"]) if "subsidy" in run.world.covers else 0.0
    return run.world.budget - float(run.total["planned_budget"]) - held


def kept_key(page: Page) -> str:
    """Where `kept` is in the run's files."""
    covers = "subsidy" in page.run.world.covers
    return _KEPT + " - summary:TOTAL.expected_subsidy" * covers
