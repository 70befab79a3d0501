"""The page of a plan and what then happened."""

from __future__ import annotations

from datetime import date
from typing import Any

from markupsafe import Markup

from promopilot.experiments.comparing.told import NAMES, outside_texts
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    DOT,
    Cell,
    Chart,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    legend,
    money_axis,
)
from promopilot.experiments.report.compared import dates_of, figure, line
from promopilot.experiments.report.numbers import NONE, Numbers
from promopilot.experiments.report.pace import dates_axis
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.section import Section, day, period

_MEASURES = ("spend", "conversions", "conversion_value", "profit")
_MOST_ROWS = 20  # promotions drawn: those with most planned money


def render_actuals(document: dict[str, Any]) -> str:
    """One self-contained HTML page.

    Args:
        document: What `promopilot.experiments.comparing.document.held_against` returns.
    """
    numbers = Numbers(document["currency"])
    sections = [_summary(document, numbers)]
    sections += _ranges(document, numbers)
    sections += [_promotions(document, numbers), _days(document, numbers)]
    heading = f"{document['plan']}, planned and actual"
    return render_page(sections, heading, "plan and actuals", heading)


def _summary(document: dict[str, Any], numbers: Numbers) -> Section:
    first, last = dates_of(document)
    at, total = len(document["rows"]) - 1, document["rows"][-1]
    spend, orders = total["spend"], total["conversions"]
    text = Markup("{}, {} of the plan's {} days: ").format(
        period(first, last) if first != last else day(first),
        document["days"],
        document["days_planned"],
    )
    parts = [
        Markup("{} {} against {} planned").format(
            label,
            figure(f"compare:rows.{at}.{name}.actual", cell["actual"], name, numbers),
            figure(f"compare:rows.{at}.{name}.planned", cell["planned"], name, numbers),
        )
        for label, name, cell in (("spend", "spend", spend), ("orders", "conversions", orders))
        if cell["actual"] is not None
    ]
    view = {
        "lead": text + Markup(", ").join(parts) + ".",
        "outside": outside_texts(document),
        "charts": [],
        "caption": "Totals; the range is that of 8 of 10 simulated flights",
        "columns": ("", "Planned", "Actual", "Difference", "Range"),
        "rows": [
            (words.capital(NAMES[name]), *_cells(at, name, total[name], numbers))
            for name in _MEASURES
        ],
        "notes": document["notes"],
    }
    return Section("summary", "Summary", "compared.html", view)


def _cells(at: int, name: str, cell: dict[str, Any], numbers: Numbers) -> tuple[Cell, ...]:
    key = f"compare:rows.{at}.{name}"
    gap: Cell = NONE
    if cell["actual"] is not None:
        place = f"{key}.actual - compare:rows.{at}.{name}.planned"
        gap = figure(place, cell["actual"] - cell["planned"], name, numbers, sign=True)
    return (
        figure(f"{key}.planned", cell["planned"], name, numbers),
        figure(f"{key}.actual", cell["actual"], name, numbers),
        gap,
        _range(key, name, cell, numbers),
    )


def _range(key: str, name: str, cell: dict[str, Any], numbers: Numbers) -> Cell:
    if "low" not in cell:
        return NONE
    text = Markup("{} to {}").format(
        figure(f"{key}.low", cell["low"], name, numbers),
        figure(f"{key}.high", cell["high"], name, numbers),
    )
    if "outside" in cell:
        text += Markup(" <small>{} it</small>").format(cell["outside"])
    return text


def _ranges(document: dict[str, Any], numbers: Numbers) -> list[Section]:
    """Orders against their range, as shares of what was planned; no section without ranges."""
    rows = [
        row
        for row in document["rows"][:-1]
        if "low" in row["conversions"]
        and row["conversions"]["planned"] > 0
        and row["conversions"]["actual"] is not None
    ]
    if not rows:
        return []
    rows = sorted(rows, key=lambda row: -row["spend"]["planned"])[:_MOST_ROWS]
    names = [document["names"].get(row["promotion_id"], row["promotion_id"]) for row in rows]
    laid = labelled_rows(names, DOT)
    share = [_shares(row["conversions"]) for row in rows]
    middle = [(low + high) / 2 for low, _, high in share]
    band = interval_rows(
        laid, middle, [(low, high) for low, _, high in share], ["rgba(0,0,0,0)"] * len(rows), []
    )
    band |= {"hoverinfo": "skip", "name": "8 of 10 flights", "mode": "markers"}
    band["error_x"] = band["error_x"] | {"thickness": 9, "color": "band"}
    out = ["outside" in row["conversions"] for row in rows]
    points = {
        **{"type": "scatter", "mode": "markers", "showlegend": False},
        **{"x": [actual for _, actual, _ in share], "y": laid.at},
        "marker": {"size": 11, "color": ["warm" if each else "accent" for each in out]},
        "text": [
            f"{row['conversions']['actual']:,.0f} of {row['conversions']['planned']:,.0f} expected"
            for row in rows
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }
    chart = Chart(
        id="compared-ranges",
        title="Orders as a share of what was expected",
        traces=[band, points],
        layout=layout(
            yaxis=laid.axis,
            xaxis=axis(ticksuffix=" %", nticks=6, zeroline=False, rangemode="tozero"),
            annotations=laid.names,
        ),
        height=laid.height + 40,
        note=Markup(
            "Bars: 8 of 10 simulated flights of the plan on these days. Dots: what happened; {} of "
            "{} lie outside. By chance alone about 2 of 10 would."
        ).format(sum(out), len(out)),
    )
    return [
        Section(
            "ranges", "Orders against their range", "compared.html", {"charts": [chart], "rows": []}
        )
    ]


def _shares(cell: dict[str, Any]) -> tuple[float, float, float]:
    """Low end, actual and high end in per cent of what was planned."""
    low, actual, high = (100 * cell[name] / cell["planned"] for name in ("low", "actual", "high"))
    return low, actual, high


def _promotions(document: dict[str, Any], numbers: Numbers) -> Section:
    order = sorted(
        range(len(document["rows"]) - 1), key=lambda at: -document["rows"][at]["spend"]["planned"]
    )
    rows = []
    for at in order:
        row = document["rows"][at]
        if not any(row[name]["planned"] or row[name]["actual"] for name in _MEASURES):
            continue
        cells: list[Cell] = []
        for name in ("spend", "conversions", "profit"):
            planned, actual, _, ends = _cells(at, name, row[name], numbers)
            cells += [planned, actual] if name == "spend" else [planned, actual, ends]
        rows.append((document["names"].get(row["promotion_id"], row["promotion_id"]), *cells))
    view = {
        "charts": [],
        "caption": "Every promotion, most planned money first",
        "columns": (
            *("Promotion", "Spend planned", "Spend", "Orders expected", "Orders", "Range"),
            *("Profit expected", "Profit", "Range"),
        ),
        "rows": rows,
        "notes": _left_out(len(order) - len(rows)),
    }
    return Section("promotions", "By promotion", "compared.html", view)


def _left_out(count: int) -> list[str]:
    return [f"{count} promotions had neither planned nor actual figures."] if count else []


def _days(document: dict[str, Any], numbers: Numbers) -> Section:
    rows = document["by_day"]
    days = [date.fromisoformat(row["date"]) for row in rows]
    traces = [line("planned", days, [row["planned_budget"] for row in rows], "before")]
    if any(row.get("spend") is not None for row in rows):
        traces.append(line("actual", days, [row.get("spend") for row in rows], "accent"))

    def cells(at: int, row: dict[str, Any]) -> tuple[Cell, ...]:
        names = ("planned_budget", "spend", "expected_conversions", "conversions")
        return tuple(
            figure(f"compare:by_day.{at}.{name}", row.get(name), name, numbers) for name in names
        )

    chart = Chart(
        id="compared-days",
        title="Money by day, planned and spent",
        traces=traces,
        layout=layout(
            xaxis=dates_axis(days),
            yaxis=money_axis(numbers.symbol, rangemode="tozero", nticks=6),
            **legend(),
        ),
        height=320,
        note=Markup("On the days that both the plan and {} have.").format(document["actuals"]),
        columns=("Day", "Spend planned", "Spend", "Orders expected", "Orders"),
        rows=[(day(days[at]), *cells(at, row)) for at, row in enumerate(rows)],
    )
    return Section("days", "By day", "compared.html", {"charts": [chart], "rows": []})
