"""What to keep in mind before acting on the plan, each where it applies."""

from __future__ import annotations

from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.parameters import kind_of
from promopilot.experiments.report.ranges_held import failed
from promopilot.experiments.report.scenario import attributed
from promopilot.experiments.report.section import Page, Section


def section(page: Page) -> Section:
    """A list, the gravest first."""
    view = {"caveats": [tr(_CAVEATS[name]) for name, applies in _applying(page).items() if applies]}
    return Section("caveats", tr("What to keep in mind"), "caveats.html", view, tr("Caveats"))


def _applying(page: Page) -> dict[str, bool]:
    """Which of the caveats apply, in the order in which they are told."""
    run, supposed = page.run, ("prior", "assumption")
    kinds = {name: kind_of(source) for name, source in run.parameter_sources.items()}
    judged = run.plan_value
    return {
        "simulated": run.ope["evidence"] == "simulated",
        "not foreseen": failed(run.backtest) or failed(run.afterwards),
        "mix": kinds.get("current mix") in supposed,
        "saturation": kinds.get("saturation") in supposed,
        "prices": any(k in supposed for n, k in kinds.items() if n.startswith("price of ")),
        "attributed": attributed(page),
        "new": bool((run.plan["basis"] == "prior").any()),
        "fixed": judged["value_with_daily_update"] > judged["value_as_exported"],
        "platforms": True,
    }


_CAVEATS = {
    "simulated": later(
        "The gain was found in our own simulated market. No customer has seen this plan: "
        "try it on part of the budget before moving all of it."
    ),
    "not foreseen": later(
        "The market did not foresee days that it had not seen. Take amounts as a guess and "
        "only the direction of changes as a hint."
    ),
    "mix": later(
        "What is spent today is assumed, not read from your tables; gains on it are as "
        "good as that assumption."
    ),
    "saturation": later(
        "How fast more money stops helping is assumed, not measured. Changes far beyond "
        "what was ever spent rest on it most."
    ),
    "prices": later("Media prices are assumed in part; real prices move the whole plan."),
    "attributed": later(
        "Every order after an exposure counts, also those that customers would have placed "
        "anyway. The profit that promotions cause is smaller."
    ),
    "new": later(
        "Some line items were never shown before. What they bring is inferred from similar "
        "ones, and only showing them will tell."
    ),
    "fixed": later(
        "The file is a fixed table. Whoever updates it daily from what happened does "
        "better than whoever lets it run; how much is shown under “Policies”."
    ),
    "platforms": later(
        "Advertising platforms may spend more on a day than its budget and less on "
        "another. Compare over a week, not over a day."
    ),
}
