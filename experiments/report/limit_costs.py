"""What limits cost the plan: from the run's own file, else from what `scenarios` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Page
from promopilot.experiments.scenarios.document import scenarios_of_run
from promopilot.experiments.scenarios.limit_costs import read_limit_costs

_COMMANDS = ("scenarios", "report")
MONEY = ("profit", "net_profit", "revenue")


@dataclass(frozen=True)
class Costs:
    """The table of what limits cost."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Markup, ...]  # a paragraph each


def costs(page: Page) -> Costs:
    """A row for each limit: its name, what it costs, and what loosening it by 1.00 brings."""
    key, document = "limit_costs", read_limit_costs(page.run.path)
    if not document:
        key, document = "scenarios", scenarios_of_run(page.run.path)
    found = [(at, row) for at, row in enumerate(document.get("limits", []))]
    told = [(at, row) for at, row in found if row["refused"] is None]
    return Costs(
        tr("What your limits cost, the dearest first"),
        (
            tr("Limit"),
            tr("More {} without it").format(words.objective(page.run.world.objective)),
            tr("Loosened by 1.00"),
        ),
        tuple(_row(page, document["objective"], f"{key}:limits.{at}", row) for at, row in told),
        (_note(document, bool(found)), *(_refused(row) for _, row in found if row["refused"])),
    )


def _row(page: Page, objective: str, key: str, row: dict[str, Any]) -> tuple[Cell, ...]:
    numbers = page.numbers
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
    return words.capital(said(row["limit"])), cost, each


def _for(unit: str) -> str:
    """What 1.00 of a limit is."""
    return {
        "more over the flight": tr("for 1.00 more over the flight"),
        "less over the flight": tr("for 1.00 less over the flight"),
        "more a day": tr("for 1.00 more a day"),
        "less a day": tr("for 1.00 less a day"),
        "more a day for each": tr("for 1.00 more a day for each"),
    }[unit]


def _note(document: dict[str, Any], some: bool) -> Markup:
    """How to read the table, or how to get it."""
    if not document:
        return Markup(
            tr(
                "What each of your limits costs was not worked out in this run, since many plans "
                "are made for it. To see it here: {}, then {}."
            )
        ).format(*(Markup(f"<code>promopilot {name} RUN</code>") for name in _COMMANDS))
    if not some:
        return Markup(tr("None of your limits keeps the plan from a better one."))
    return Markup(
        tr(
            "Each row: the plan made anew without that one limit, all others kept, on a flight in "
            "which everything goes as expected. What two limits cost together is not the sum of "
            "both."
        )
    )


def _refused(row: dict[str, Any]) -> Markup:
    """Why a limit has no cost."""
    text = tr("{}: what it costs cannot be told, since no plan was found without it. {}")
    return Markup(text).format(words.capital(said(row["limit"])), said(row["refused"]))
