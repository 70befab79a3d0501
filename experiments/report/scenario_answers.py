"""What budget a target asks for, from scenarios.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.section import Page

KEY = "scenarios"  # of scenarios.json, in the places of figures


def targets(page: Page, document: dict[str, Any]) -> Iterator[Markup]:
    """What budget each target asks for, a sentence each."""
    numbers = page.numbers
    for at, row in enumerate(document["targets"]):
        key = f"{KEY}:targets.{at}"

        def shown(name: str, row: dict[str, Any] = row, key: str = key) -> Markup:
            measure = row["measure"]
            if measure == "conversions":
                return numbers.count(f"{key}.{name}", row[name])
            if measure in ("roas", "poas"):
                return numbers.decimal(f"{key}.{name}", row[name])
            return numbers.money(f"{key}.{name}", row[name])

        budget = numbers.money(f"{key}.budget", row["budget"], cents=False)
        bound = tr("at most") if row["measure"] == "cpa" else tr("at least")
        parts: tuple[str | Markup, ...]
        if not row["met"]:
            text = tr("{} of {} {} is out of reach: the nearest is {}, with a budget of {}.")
            parts = (bound, shown("target"), shown("value"), budget)
        elif row["any_budget"]:
            text = tr("{} of {} {} holds at every budget up to {}, where it is {}.")
            parts = (bound, shown("target"), budget, shown("value"))
        else:
            ask = "least" if row["asks"] == "least budget" else "largest"
            text = {
                "least": tr(
                    "{} of {} {}: the least budget is {}, where {} is expected; {} of flights meet "
                    "the target."
                ),
                "largest": tr(
                    "{} of {} {}: the largest budget is {}, where {} is expected; {} of flights "
                    "meet the target."
                ),
            }[ask]
            share = numbers.share(f"{key}.share_of_flights", row["share_of_flights"])
            parts = (bound, shown("target"), budget, shown("value"), share)
        yield Markup(text).format(measure_name(row["measure"]), *parts)


def measure_name(measure: str) -> str:
    """What a measure is called at the start of a sentence."""
    return {
        "profit": tr("Profit before media"),
        "net_profit": tr("Profit after media"),
        "revenue": tr("Revenue"),
        "conversions": words.capital(tr("orders")),
    }.get(measure, measure.upper())
