"""The page of a comparison: two or more plans or runs side by side."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.compared_days import days_section
from promopilot.experiments.report.compared_figures import days_of
from promopilot.experiments.report.compared_paired import paired
from promopilot.experiments.report.compared_promotions import promotions_section
from promopilot.experiments.report.compared_rows import cells, heads, rows_of
from promopilot.experiments.report.compared_words import measure
from promopilot.experiments.report.language import Language, speaking, tr
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Section


def render_comparison(document: dict[str, Any], language: Language) -> str:
    """One self-contained HTML page.

    Args:
        document: What `promopilot.experiments.comparing.document.compared` returns.
        language: The page's.
    """
    numbers = Numbers(document["currency"])
    with speaking(language):
        sections = [
            _summary(document, numbers),
            promotions_section(document, numbers),
            days_section(document, numbers),
        ]
        sides = words.listed(document["sides"])
        title = tr("Comparison of {}").format(sides)
        return render_page(sections, title, tr("comparison"), sides)


def _summary(document: dict[str, Any], numbers: Numbers) -> Section:
    view = {
        "lead": _lead(document, numbers),
        "paired": paired(document["paired"], numbers),
        "caption": tr("Totals of the plans, and each difference to the first"),
        "columns": (tr("Measure"), *heads(document)),
        "rows": [
            (words.capital(measure(row["measure"])), *cells(at, row, numbers))
            for at, row in enumerate(document["rows"])
            if row["level"] == "total"
        ],
        "notes": [said(note) for note in document["notes"]],
        "charts": [],
    }
    return Section("summary", tr("Summary"), "compared.html", view)


def _lead(document: dict[str, Any], numbers: Numbers) -> Markup:
    rows = [
        pair
        for name in ("planned_budget", "expected_net_profit")
        for pair in rows_of(document, "total", name)
    ]
    parts = []
    for side, name in enumerate(document["sides"]):
        spend, profit = (
            numbers.money(f"compare:rows.{at}.values.{side}", row["values"][side], cents=False)
            for at, row in rows
        )
        parts.append(
            Markup(tr("{} spends {} and is expected to bring {} more profit than that")).format(
                name, spend, profit
            )
        )
    return Markup(tr("{}: {}.")).format(days_of(document), Markup(tr("; ")).join(parts))
