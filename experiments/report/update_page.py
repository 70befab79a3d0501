"""The page of an update: where the flight stands, what differs, and what changes from now on."""

from __future__ import annotations

from datetime import date
from typing import Any

from promopilot.experiments.report.control_charts import control_charts
from promopilot.experiments.report.language import Language, speaking, tr
from promopilot.experiments.report.numbers import NONE, Numbers
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.section import Section, day, period
from promopilot.experiments.report.update_charts import arrived_chart, pace_chart
from promopilot.experiments.report.update_sentences import Update
from promopilot.experiments.report.update_summary import summary


def render_update(update: Update, language: Language) -> str:
    """One self-contained HTML page.

    Args:
        update: What `update.json` holds.
        language: The page's.
    """
    with speaking(language):
        of = period(date.fromisoformat(update["start"]), date.fromisoformat(update["last"]))
        morning = day(date.fromisoformat(update["date"]))
        return render_page(
            _sections(update, Numbers(update["currency"])),
            tr("Update of {}").format(morning),
            tr("update, flight of {}").format(of),
            morning,
        )


def _sections(update: Update, numbers: Numbers) -> list[Section]:
    charts = [chart for chart in [arrived_chart(update, numbers)] if chart is not None]
    money = {"charts": [pace_chart(update, numbers)]}
    sections = [
        Section("summary", tr("Summary"), "update_summary.html", summary(update, numbers)),
        Section("money", tr("Money"), "charts.html", money),
        Section("brought", tr("What it brought"), "charts.html", {"charts": charts}),
        Section(
            "watched", tr("What is watched"), "update_watched.html", control_charts(update, numbers)
        ),
    ]
    if "planned" in update:
        changes = _changes(update, numbers)
        sections.append(Section("next", tr("What changes"), "update_table.html", changes))
    reading = _reading(update, numbers)
    return [*sections, Section("read", tr("How to read this"), "update_read.html", reading)]


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
        "caption": tr("Spend of the days that are left, by promotion, the largest change first"),
        "columns": (
            *(tr("Promotion"), tr("As planned before"), tr("As planned now"), tr("Change")),
            *(tr("{}, before").format(first), tr("{}, now").format(first)),
        ),
        "rows": [row for _, row in sorted(rows, key=lambda pair: pair[0])],
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
    return {"prices": prices, "columns": (tr("Placement"), tr("Usual"), tr("As last seen"))}
