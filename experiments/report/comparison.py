"""How policies compare on the same simulated flights, and what the exported plan gives up."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE
from promopilot.experiments.report import words
from promopilot.experiments.report.differences import differences_chart
from promopilot.experiments.report.headroom import headroom
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.plan_gain import plan_gain_chart
from promopilot.experiments.report.policy_rows import in_percent_of_baseline
from promopilot.experiments.report.policy_values import values_chart
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Page, Section
from promopilot.experiments.report.stressed import stress_chart


def section(page: Page) -> Section:
    """Values with intervals, paired differences, stress, and the plan against daily updating."""
    simulations = page.run.simulations
    recommended = simulations["recommended"]
    charts = [values_chart(page)]
    if in_percent_of_baseline(simulations["policies"]):
        charts += [differences_chart(page), stress_chart(page)]
    charts.append(plan_gain_chart(page))
    view = {
        "charts": charts,
        "facts": headroom(page) if in_percent_of_baseline(simulations["policies"]) else [],
        "recommended": _recommended(recommended),
        "why": said(simulations["why"]),
        "baseline": words.policy(BASELINE),
    }
    return Section(
        "policies", tr("How the policies compare"), "policies.html", view, tr("Policies")
    )


def _recommended(name: str) -> Markup:
    strong = Markup("<strong>{}</strong>").format(words.policy(name))
    does = words.what_policy_does(name)
    if not does:
        return Markup(tr("Recommended: {}.")).format(strong)
    return Markup(tr("Recommended: {} ({}).")).format(strong, does)
