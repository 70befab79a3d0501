"""The first screen of an update: a sentence, tiles, warnings and notes."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import Numbers, bare, marked
from promopilot.experiments.report.said import said
from promopilot.experiments.report.tiles import Tile
from promopilot.experiments.report.update_sentences import Update, aim, days_told, quiet


def summary(update: Update, numbers: Numbers) -> dict[str, Any]:
    """What `update_summary.html` shows."""
    overspent = update["budget"]["overspent"]
    return {
        "sentence": _sentence(update, numbers),
        "target": aim(update["target"]) if "target" in update else "",
        "tiles": _tiles(update, numbers),
        "alarms": [said(alarm["text"]) for alarm in update["alarms"]],
        "quiet": quiet(update),
        "overspent": ""
        if overspent <= 0
        else Markup(tr("{} more than the budget are gone: nothing is planned any more.")).format(
            numbers.money("update:budget.overspent", overspent)
        ),
        "notes": [said(note) for note in update["taken"]["notes"]],
    }


def _sentence(update: Update, numbers: Numbers) -> Markup:
    taken, left, budget = update["days_taken"], update["days_left"], update["budget"]
    over = Markup(tr("{} of {} are over, and {} of {} are spent.")).format(
        marked("update:days_taken", taken, bare(taken, 0)),
        days_told(taken + left),
        numbers.money("update:budget.spent", budget["spent"]),
        numbers.money("update:budget.total", budget["total"]),
    )
    if left == 0:
        return over + tr(" ") + tr("The flight is over: there is nothing left to plan.")
    rest = Markup(tr("The plan for what is left ({}) spends {}, by the {}.")).format(
        days_told(left),
        numbers.money("update:planned.rest", update["planned"]["rest"]),
        words.policy(update["policy"]),
    )
    return over + tr(" ") + rest


def _tiles(update: Update, numbers: Numbers) -> list[Tile]:
    budget, alarms = update["budget"], len(update["alarms"])
    planned = sum(row["planned"] for row in update["days"])
    ahead = [_ahead(update["planned"], numbers)] if "planned" in update else []
    return [
        Tile(
            tr("Money left"),
            numbers.money("update:budget.left", budget["left"]),
            Markup(tr("of {}")).format(numbers.money("update:budget.total", budget["total"])),
        ),
        Tile(
            tr("Spent so far"),
            numbers.money("update:budget.spent", budget["spent"]),
            Markup(tr("planned {}")).format(numbers.money("update:days.*.planned", planned)),
        ),
        *ahead,
        _came(update["total"], numbers),
        Tile(
            tr("Warnings"),
            numbers.count("update:alarms", alarms),
            Markup(tr("promotions or placements that left what was foreseen")),
            "bad" if alarms else "good",
        ),
    ]


def _ahead(planned: dict[str, Any], numbers: Numbers) -> Tile:
    low, high = (
        numbers.money(f"update:planned.profit_p{at}", planned[f"profit_p{at}"]) for at in (10, 90)
    )
    return Tile(
        tr("Profit of the days left"),
        numbers.money("update:planned.expected_profit", planned["expected_profit"]),
        Markup(tr("before media; in 8 of 10 cases {} to {}")).format(low, high),
    )


def _came(total: dict[str, Any], numbers: Numbers) -> Tile:
    foreseen = total["foreseen"]
    return Tile(
        tr("Orders so far"),
        numbers.count("update:total.conversions", total["conversions"]),
        Markup(tr("foreseen for what was shown {}; in 8 of 10 cases {} to {}")).format(
            *(
                numbers.count(f"update:total.foreseen.{name}", foreseen[name])
                for name in ("mean", "low", "high")
            )
        ),
    )
