"""What budget a target asks for, and what limits cost, from scenarios.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE
from promopilot.experiments.report.section import Page

KEY = "scenarios"  # of scenarios.json, in the places of figures
MONEY = ("profit", "net_profit", "revenue")


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


def without(page: Page) -> str:
    """The head of the column of what limits cost."""
    return tr("More {} without it").format(words.objective(page.run.world.objective))


def limits(page: Page, document: dict[str, Any]) -> Iterator[tuple[Cell, ...]]:
    """A row for each limit: its name, what it costs, and what loosening it by 1.00 brings."""
    numbers, objective = page.numbers, document["objective"]
    for at, row in enumerate(document["limits"]):
        key = f"{KEY}:limits.{at}"
        each: Cell = NONE
        if row["per_unit"] is not None:
            value = (
                numbers.money(f"{key}.per_unit", row["per_unit"], cents=True)
                if objective in MONEY
                else numbers.decimal(f"{key}.per_unit", row["per_unit"])
            )
            each = Markup("{} <small>{}</small>").format(value, _for(row["unit"]))
        cost: Cell = NONE
        if row["cost"] is not None:
            cost = numbers.outcome(f"{key}.cost", row["cost"], objective)
        yield words.capital(row["limit"]), cost, each


def _for(unit: str) -> str:
    """What 1.00 of a limit is."""
    return {
        "more over the flight": tr("for 1.00 more over the flight"),
        "less over the flight": tr("for 1.00 less over the flight"),
        "more a day": tr("for 1.00 more a day"),
        "less a day": tr("for 1.00 less a day"),
        "more a day for each": tr("for 1.00 more a day for each"),
    }[unit]


def limits_note(page: Page, document: dict[str, Any]) -> Markup:
    """How to read the table of limits."""
    if not document["limits"]:
        return Markup(tr("None of your limits keeps the plan from a better one."))
    return Markup(
        tr(
            "Each row: the plan made anew without that one limit, all others kept, on a flight in "
            "which everything goes as expected. What two limits cost together is not the sum of "
            "both."
        )
    )
