"""The page of an update: where the flight stands, what differs, and what changes from now on."""

from __future__ import annotations

from datetime import date
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.numbers import NONE, Numbers, bare, marked
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.section import Section, day, period
from promopilot.experiments.report.tiles import Tile
from promopilot.experiments.report.update_charts import arrived_chart, pace_chart

Update = dict[str, Any]


def render_update(update: Update) -> str:
    """One self-contained HTML page from what `update.json` holds."""
    numbers = Numbers(update["currency"])
    sections = [
        Section("summary", "Summary", "update_summary.html", _summary(update, numbers)),
        Section("money", "Money", "update_chart.html", {"charts": [pace_chart(update, numbers)]}),
        Section("brought", "What it brought", "update_chart.html", _brought(update, numbers)),
    ]
    if "planned" in update:
        sections.append(
            Section("next", "What changes", "update_table.html", _changes(update, numbers))
        )
    sections.append(
        Section("read", "How to read this", "update_read.html", _reading(update, numbers))
    )
    of = period(date.fromisoformat(update["start"]), date.fromisoformat(update["last"]))
    morning = day(date.fromisoformat(update["date"]))
    return render_page(sections, f"Update of {morning}", f"update, flight of {of}", morning)


def _summary(update: Update, numbers: Numbers) -> dict[str, Any]:
    taken, left, budget = update["days_taken"], update["days_left"], update["budget"]
    money = numbers.money("update:budget.spent", budget["spent"])
    total = numbers.money("update:budget.total", budget["total"])
    sentence = Markup("{} of {} are over, and {} of {} are spent. ").format(
        marked("update:days_taken", taken, bare(taken, 0)),
        f"{taken + left} days",
        money,
        total,
    )
    if left == 0:
        sentence += "The flight is over: there is nothing left to plan."
    else:
        sentence += Markup("The plan of the {} that are left spends {}, by the {}.").format(
            f"{left} days" if left > 1 else "one day",
            numbers.money("update:planned.rest", update["planned"]["rest"]),
            words.policy(update["policy"]),
        )
    overspent = budget["overspent"]
    return {
        "sentence": sentence,
        "tiles": _tiles(update, numbers),
        "alarms": [alarm["text"] for alarm in update["alarms"]],
        "overspent": ""
        if overspent <= 0
        else Markup("{} more than the budget are gone: nothing is planned any more.").format(
            numbers.money("update:budget.overspent", overspent)
        ),
        "notes": update["taken"]["notes"],
    }


def _tiles(update: Update, numbers: Numbers) -> list[Tile]:
    budget, rows = update["budget"], update["promotions"]
    came, mean = (
        sum(row["conversions"] for row in rows),
        sum(row["foreseen"]["mean"] for row in rows),
    )
    planned = sum(row["planned"] for row in update["days"])
    alarms = len(update["alarms"])
    tiles = [
        Tile(
            "Money left",
            numbers.money("update:budget.left", budget["left"]),
            Markup("of {}").format(numbers.money("update:budget.total", budget["total"])),
        ),
        Tile(
            "Spent so far",
            numbers.money("update:budget.spent", budget["spent"]),
            Markup("planned {}").format(numbers.money("update:days.*.planned", planned)),
        ),
        Tile(
            "Conversions so far",
            numbers.count("update:promotions.*.conversions", came),
            Markup("foreseen for what was shown {}").format(
                numbers.count("update:promotions.*.foreseen.mean", mean)
            ),
        ),
        Tile(
            "Warnings",
            numbers.count("update:alarms", alarms),
            Markup("promotions or placements that left what was foreseen"),
            "bad" if alarms else "good",
        ),
    ]
    if "planned" in update:
        rest = update["planned"]
        low, high = (
            numbers.money(f"update:planned.profit_p{at}", rest[f"profit_p{at}"]) for at in (10, 90)
        )
        tiles.insert(
            2,
            Tile(
                "Profit of the days left",
                numbers.money("update:planned.expected_profit", rest["expected_profit"]),
                Markup("before media; in 8 of 10 cases {} to {}").format(low, high),
            ),
        )
    return tiles


def _brought(update: Update, numbers: Numbers) -> dict[str, Any]:
    return {"charts": [chart for chart in [arrived_chart(update, numbers)] if chart is not None]}


def _changes(update: Update, numbers: Numbers) -> dict[str, Any]:
    names = {row["promotion_id"]: row["name"] for row in update["promotions"]}
    rows = []
    for at, row in enumerate(update["planned"]["promotions"]):
        cells = [
            numbers.money(f"update:planned.promotions.{at}.{name}", row[name], cents=False)
            for name in ("planned_rest_before", "planned_rest", "next_day_before", "next_day")
        ]
        change = row["planned_rest"] - row["planned_rest_before"]
        shown = numbers.amount(change, sign=True, cents=False) if abs(change) >= 0.5 else NONE
        if row["planned_rest"] or row["planned_rest_before"]:
            rows.append((-abs(change), (names[row["promotion_id"]], *cells[:2], shown, *cells[2:])))
    first = day(date.fromisoformat(update["date"]), year=False)
    return {
        "caption": "Spend of the days that are left, by promotion, the largest change first",
        "columns": (
            *("Promotion", "As planned before", "As planned now", "Change"),
            *(f"{first}, before", f"{first}, now"),
        ),
        "rows": [row for _, row in sorted(rows, key=lambda pair: pair[0])],
        "text": "The full plan by day, placement and segment is plan.csv beside this page. "
        "Promotions without money before and now are left out.",
    }


def _reading(update: Update, numbers: Numbers) -> dict[str, Any]:
    prices = [
        (
            row["placement_id"],
            numbers.money(f"update:placements.{at}.usual_cpm", row["usual_cpm"], cents=True),
            NONE
            if row["last_cpm"] is None
            else numbers.money(f"update:placements.{at}.last_cpm", row["last_cpm"], cents=True),
        )
        for at, row in enumerate(update["placements"])
    ]
    return {"prices": prices, "columns": ("Placement", "Usual", "As last seen")}
