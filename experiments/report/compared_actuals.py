"""The page of a plan and what then happened."""

from __future__ import annotations

from datetime import date
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Cell, Chart
from promopilot.experiments.report.compared_figures import days_of, figure
from promopilot.experiments.report.compared_ranges import range_cell, ranges_sections
from promopilot.experiments.report.compared_words import measure, nothing_outside, outside_texts
from promopilot.experiments.report.language import Language, speaking, tr
from promopilot.experiments.report.money_lines import money_by_day, on_days
from promopilot.experiments.report.numbers import NONE, Numbers
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Section, day

_MEASURES = ("spend", "conversions", "conversion_value", "profit")


def render_actuals(document: dict[str, Any], language: Language) -> str:
    """One self-contained HTML page.

    Args:
        document: What `promopilot.experiments.comparing.document.held_against` returns.
        language: The page's.
    """
    numbers = Numbers(document["currency"])
    with speaking(language):
        sections = [
            _summary(document, numbers),
            *ranges_sections(document),
            _promotions(document, numbers),
            _days(document, numbers),
        ]
        heading = tr("{}, planned and actual").format(document["plan"])
        return render_page(sections, heading, tr("plan and actuals"), heading)


def _summary(document: dict[str, Any], numbers: Numbers) -> Section:
    at, total = len(document["rows"]) - 1, document["rows"][-1]
    view = {
        "lead": _lead(document, numbers),
        "outside": outside_texts(document),
        "nothing_outside": nothing_outside(),
        "charts": [],
        "caption": tr("Totals; the range is that of 8 of 10 simulated flights"),
        "columns": (
            *(tr("Measure"), tr("Planned"), tr("Due by now"), tr("Actual")),
            *(tr("Difference to what is due"), tr("Range")),
        ),
        "rows": [
            (words.capital(measure(name)), *_cells(at, name, total[name], numbers))
            for name in _MEASURES
        ],
        "notes": [said(note) for note in document["notes"]],
    }
    return Section("summary", tr("Summary"), "compared.html", view)


def _lead(document: dict[str, Any], numbers: Numbers) -> Markup:
    """Days, money and orders in one sentence, without what was not recorded."""
    at, total = len(document["rows"]) - 1, document["rows"][-1]
    texts = {
        "spend": tr("spend {} against {} planned"),
        "conversions": tr("orders {} against {} that were due"),
    }
    parts = [
        Markup(text).format(
            *(
                figure(f"compare:rows.{at}.{name}.{part}", total[name][part], name, numbers)
                for part in ("actual", "due")
            )
        )
        for name, text in texts.items()
        if total[name]["actual"] is not None
    ]
    return Markup(tr("{}, {} of the plan's {} days: {}.")).format(
        days_of(document),
        document["days"],
        document["days_planned"],
        Markup(tr(", ")).join(parts),
    )


def _cells(at: int, name: str, cell: dict[str, Any], numbers: Numbers) -> tuple[Cell, ...]:
    key, gap = f"compare:rows.{at}.{name}", NONE
    if cell["actual"] is not None:
        gap = figure(
            f"{key}.actual - {key}.due", cell["actual"] - cell["due"], name, numbers, sign=True
        )
    shown = (figure(f"{key}.{p}", cell[p], name, numbers) for p in ("planned", "due", "actual"))
    return (*shown, gap, range_cell(key, name, cell, numbers))


def _promotions(document: dict[str, Any], numbers: Numbers) -> Section:
    found = list(enumerate(document["rows"][:-1]))
    kept = [(at, row) for at, row in found if any(_something(row[name]) for name in _MEASURES)]
    kept.sort(key=lambda pair: -pair[1]["spend"]["planned"])
    nothing = len(found) - len(kept)
    view = {
        "charts": [],
        "caption": tr("Every promotion, most planned money first"),
        "columns": (
            *(tr("Promotion"), tr("Spend planned"), tr("Spend")),
            *(tr("Orders due"), tr("Orders"), tr("Range")),
            *(tr("Profit due"), tr("Profit before media"), tr("Range")),
        ),
        "rows": [_row(at, row, document["names"], numbers) for at, row in kept],
        "notes": [tr("Promotions without planned or actual figures: {}.").format(nothing)]
        if nothing
        else [],
    }
    return Section("promotions", tr("By promotion"), "compared.html", view)


def _row(at: int, row: dict[str, Any], names: dict[str, str], numbers: Numbers) -> tuple[Cell, ...]:
    cells: list[Cell] = [names.get(row["promotion_id"], row["promotion_id"])]
    for name in ("spend", "conversions", "profit"):
        _, due, actual, _, ends = _cells(at, name, row[name], numbers)
        cells += [due, actual] if name == "spend" else [due, actual, ends]
    return tuple(cells)


def _something(cell: dict[str, Any]) -> bool:
    return bool(cell["planned"] or cell["actual"])


def _days(document: dict[str, Any], numbers: Numbers) -> Section:
    rows = document["by_day"]
    days = [date.fromisoformat(row["date"]) for row in rows]
    traces = [on_days(tr("planned"), days, [row["planned_budget"] for row in rows], "before")]
    if any(row["spend"] is not None for row in rows):
        traces.append(on_days(tr("spent"), days, [row["spend"] for row in rows], "accent"))
    names = ("planned_budget", "spend", "due_conversions", "conversions")
    chart = Chart(
        id="compared-days",
        title=tr("Money by day, planned and spent"),
        traces=traces,
        layout=money_by_day(days, numbers.symbol),
        height=320,
        note=Markup(tr("On the days that both the plan and {} have.")).format(document["actuals"]),
        columns=(
            *(tr("Day"), tr("Spend planned"), tr("Spend")),
            *(tr("Orders due"), tr("Orders")),
        ),
        rows=[
            (
                day(days[at]),
                *(figure(f"compare:by_day.{at}.{n}", row[n], n, numbers) for n in names),
            )
            for at, row in enumerate(rows)
        ],
    )
    return Section("days", tr("By day"), "compared.html", {"charts": [chart], "rows": []})
