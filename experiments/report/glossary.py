"""The page's words and what they mean, in one place."""

from __future__ import annotations

from promopilot.experiments.policies import BASELINE
from promopilot.experiments.report import words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.section import Page, Section

# Beside the policies.
TERMS = {
    "line item": "A promotion in one placement for one segment: what receives money.",
    "flight": "The dates that the plan covers.",
    "exposure": "One showing of a promotion to one person.",
    "current mix": (
        "What would be spent if nothing changed: the mean of the last four weeks on the same "
        "weekday."
    ),
    "profit before media": (
        "What orders earn: price times margin, less the discount that you pay, before what the "
        "exposures cost."
    ),
    "net profit": "Profit before media, less what the exposures cost.",
    "revenue": "What customers paid, after discount.",
    "POAS": "Profit before media per unit of media spend.",
    "ROAS": "Revenue per unit of media spend.",
    "what the next unit brings": (
        "Profit of one more unit of money at the place, on top of what is planned there. Below 1 "
        "it does not pay for itself."
    ),
    "basis": (
        "“data” where the line item was shown before, so that its response was learnt; “prior” "
        "where it is inferred from similar ones."
    ),
    "range": (
        "Where a figure lies in 8 of 10 cases, or in 95 of 100 where 95 % is written, as far as "
        "chance in the simulated flights goes."
    ),
    "simulated flight": (
        "The flight played once in a market made from your data and assumptions, with its own luck."
    ),
    "decision": "Which promotion fills the next block of exposures of a placement and segment.",
    "usable evidence": (
        "How many logged decisions' worth of evidence is left once only those count that resemble "
        "the plan."
    ),
    "incremental": "Caused by the promotion: it would not have happened without it.",
}


def section(page: Page) -> Section:
    """Terms, then the policies that this run compared."""
    compared = [
        name
        for name in page.run.simulations["policies"]
        if name in words.POLICIES and name != "current_mix"
    ]
    first = sorted(compared, key=lambda name: name != BASELINE)
    policies = [(words.policy(name), words.what_policy_does(name)) for name in first]
    terms = [(tr(term), tr(meaning)) for term, meaning in TERMS.items()]
    view = {"terms": [(words.capital(term), meaning) for term, meaning in terms + policies]}
    return Section("glossary", tr("Words used here"), "glossary.html", view, tr("Glossary"))
