"""What to keep in mind before acting on the plan, each where it applies."""

from __future__ import annotations

from promopilot.experiments.report.language import tr
from promopilot.experiments.report.parameters import kind_of
from promopilot.experiments.report.ranges_held import failed
from promopilot.experiments.report.scenario import attributed
from promopilot.experiments.report.section import Page, Section


def section(page: Page) -> Section:
    """A list, the gravest first."""
    view = {"caveats": list(_caveats(page))}
    return Section("caveats", tr("What to keep in mind"), "caveats.html", view, tr("Caveats"))


def _caveats(page: Page) -> list[str]:
    run = page.run
    kinds = {name: kind_of(source) for name, source in run.parameter_sources.items()}
    supposed = {"prior", "assumption"}
    found = []
    if run.ope["evidence"] == "simulated":
        found.append(
            tr(
                "The gain was found in our own simulated market. No customer has seen this plan: "
                "try it on part of the budget before moving all of it."
            )
        )
    if failed(run.backtest) or failed(run.afterwards):
        found.append(
            tr(
                "The market did not foresee days that it had not seen. Take amounts as a guess and "
                "only the direction of changes as a hint."
            )
        )
    if kinds.get("current mix") in supposed:
        found.append(
            tr(
                "What is spent today is assumed, not read from your tables; gains on it are as "
                "good as that assumption."
            )
        )
    if kinds.get("saturation") in supposed:
        found.append(
            tr(
                "How fast more money stops helping is assumed, not measured. Changes far beyond "
                "what was ever spent rest on it most."
            )
        )
    if any(kinds[name] in supposed for name in kinds if name.startswith("price ")):
        found.append(tr("Media prices are assumed in part; real prices move the whole plan."))
    if attributed(page):
        found.append(
            tr(
                "Every order after an exposure counts, also those that customers would have placed "
                "anyway. The profit that promotions cause is smaller."
            )
        )
    if (run.plan["basis"] == "prior").any():
        found.append(
            tr(
                "Some line items were never shown before. What they bring is inferred from similar "
                "ones, and only showing them will tell."
            )
        )
    found.append(
        tr(
            "The file is a fixed table. Whoever updates it daily from what happened does better "
            "than whoever lets it run; how much is shown under “Policies”."
        )
    )
    found.append(
        tr(
            "Advertising platforms may spend more on a day than its budget and less on another. "
            "Compare over a week, not over a day."
        )
    )
    return found
