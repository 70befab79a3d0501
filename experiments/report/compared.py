"""The page of a comparison: two or more plans or runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from markupsafe import Markup

from promopilot.experiments.comparing.told import NAMES
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    Cell,
    Chart,
    Rows,
    labelled_rows,
    layout,
    legend,
    money_axis,
)
from promopilot.experiments.report.numbers import NONE, Numbers, bare, marked
from promopilot.experiments.report.pace import dates_axis
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.section import Section, day, period

_MOST_ROWS = 12  # promotions drawn: those whose money moves most
_BAR = 13  # px
_COLORS = ("before", "accent", "c2", "c3", "c4", "c5")
_COUNTS = ("expected_impressions", "expected_clicks", "expected_conversions")
_RATIOS = ("expected_roas", "expected_poas")


def render_comparison(document: dict[str, Any]) -> str:
    """One self-contained HTML page.

    Args:
        document: What `promopilot.experiments.comparing.document.compared` returns.
    """
    numbers = Numbers(document["currency"])
    sections = [
        _summary(document, numbers),
        _promotions(document, numbers),
        _days(document, numbers),
    ]
    sides = words.listed(document["sides"])
    return render_page(sections, f"Comparison of {sides}", "comparison", sides)


def dates_of(document: dict[str, Any]) -> tuple[date, date]:
    """First and last day."""
    return date.fromisoformat(document["first"]), date.fromisoformat(document["last"])


def _summary(document: dict[str, Any], numbers: Numbers) -> Section:
    view = {
        "lead": _lead(document, numbers),
        "paired": _paired(document, numbers),
        "caption": "Totals of the plans, and each difference to the first",
        "columns": ("", *_heads(document)),
        "rows": [
            (words.capital(NAMES[row["measure"]]), *_cells(at, row, numbers))
            for at, row in enumerate(document["rows"])
            if row["level"] == "total"
        ],
        "notes": document["notes"],
        "charts": [],
    }
    return Section("summary", "Summary", "compared.html", view)


def _lead(document: dict[str, Any], numbers: Numbers) -> Markup:
    first, last = dates_of(document)
    rows = {row["measure"]: (at, row) for at, row in enumerate(document["rows"][: _totals()])}
    text = Markup("{}: ").format(period(first, last) if first != last else day(first))
    parts = []
    for side, name in enumerate(document["sides"]):
        spend, profit = (
            numbers.money(f"compare:rows.{at}.values.{side}", row["values"][side], cents=False)
            for at, row in (rows["planned_budget"], rows["expected_net_profit"])
        )
        parts.append(
            Markup("{} spends {} and is expected to bring {} more profit than that").format(
                name, spend, profit
            )
        )
    return text + Markup("; ").join(parts) + "."


def _totals() -> int:
    return sum(name.startswith(("expected", "planned")) for name in NAMES)


def _paired(document: dict[str, Any], numbers: Numbers) -> Markup:
    found = document["paired"]
    if "why_not" in found:
        return Markup(
            "The predictions are not compared flight by flight: {}. Differences of the totals then "
            "hold the luck of either's simulated flights too."
        ).format(found["why_not"])
    goal, texts = found["objective"], []
    for name, row in found["differences"].items():
        key = f"compare:paired.differences.{name}"
        low, high = row["ci95"]
        told = Markup(
            "On the same {} simulated flights {} brings {} {} against {} (95 % interval {} to {})"
        ).format(
            numbers.count("compare:paired.flights", found["flights"]),
            name,
            _signed(f"{key}.mean", row["mean"], numbers, goal),
            words.objective(goal),
            row["to"],
            _signed(f"{key}.ci95.0", low, numbers, goal),
            _signed(f"{key}.ci95.1", high, numbers, goal),
        )
        end = "." if low > 0 or high < 0 else ": that may be nothing."
        texts.append(told + end)
    return Markup(" ").join(texts)


def _signed(key: str, value: float, numbers: Numbers, goal: str) -> Markup:
    if goal == "conversions":
        return marked(key, value, bare(value, 0, sign=True))
    return numbers.money(key, value, sign=True, cents=False)


def _heads(document: dict[str, Any]) -> list[str]:
    first, *others = document["sides"]
    heads = [first]
    for name in others:
        heads += [name, f"Difference of {name}" if len(others) > 1 else "Difference"]
    return heads


def _cells(at: int, row: dict[str, Any], numbers: Numbers) -> list[Cell]:
    """Values of the sides with their differences, in the order of `_heads`."""
    key, measure = f"compare:rows.{at}", row["measure"]
    cells = [figure(f"{key}.values.0", row["values"][0], measure, numbers)]
    for side, gap in enumerate(row["differences"]):
        value = row["values"][side + 1]
        cells.append(figure(f"{key}.values.{side + 1}", value, measure, numbers))
        cells.append(figure(f"{key}.differences.{side}", gap, measure, numbers, sign=True))
    return cells


def figure(
    key: str, value: float | None, measure: str, numbers: Numbers, *, sign: bool = False
) -> Cell:
    """A value of a measure as it is read."""
    if value is None:
        return NONE
    if measure in _COUNTS or measure == "conversions":
        return marked(key, value, bare(value, 0, sign=sign))
    if measure in _RATIOS:
        return marked(key, value, bare(value, 2, sign=sign))
    return numbers.money(key, value, sign=sign)


def _promotions(document: dict[str, Any], numbers: Numbers) -> Section:
    wanted = ("planned_budget", "expected_conversions", "expected_profit")
    rows = {
        name: [
            (at, row)
            for at, row in enumerate(document["rows"])
            if row["level"] == "promotion" and row["measure"] == name
        ]
        for name in wanted
    }
    kept = [n for n, each in enumerate(zip(*rows.values(), strict=True)) if _any(each)]
    nothing = len(rows["planned_budget"]) - len(kept)
    rows = {name: [found[n] for n in kept] for name, found in rows.items()}
    spend = rows["planned_budget"]
    labels = [document["names"].get(row["key"], row["key"]) for _, row in spend]
    shown = labelled_rows(labels[:_MOST_ROWS], (_BAR + 2) * len(document["sides"]))
    most = max((v for _, row in spend for v in row["values"]), default=0.0) or 1.0
    chart = Chart(
        id="compared-promotions",
        title="Planned money by promotion, what moves most first",
        traces=[
            _bars(document, spend, side, shown, numbers) for side in range(len(document["sides"]))
        ],
        layout=layout(
            yaxis=shown.axis,
            xaxis=money_axis(numbers.symbol, range=[0, most * 1.22], nticks=5),
            annotations=shown.names,
            barmode="overlay",
            **legend(),
        ),
        height=shown.height + 70,
        note=_promotions_note(labels, spend),
    )
    first, *others = document["sides"]
    heads = [f"{NAMES[name]}, {side}" for name in wanted for side in (first, *others)]
    table = [
        (
            labels[n],
            *(
                figure(f"compare:rows.{at}.values.{side}", value, name, numbers)
                for name in wanted
                for at, row in [rows[name][n]]
                for side, value in enumerate(row["values"])
            ),
        )
        for n in range(len(spend))
    ]
    view = {
        "charts": [chart],
        "caption": "Every promotion, what moves most first",
        "columns": ("Promotion", *(words.capital(head) for head in heads)),
        "rows": table,
        "notes": [f"{nothing} promotions get nothing in any plan."] if nothing else [],
    }
    return Section("promotions", "By promotion", "compared.html", view)


def _any(rows: Sequence[tuple[int, dict[str, Any]]]) -> bool:
    """Whether a plan has anything of a promotion."""
    return any(value for _, row in rows for value in row["values"])


def _bars(
    document: dict[str, Any],
    spend: list[tuple[int, dict[str, Any]]],
    side: int,
    rows: Rows,
    numbers: Numbers,
) -> dict[str, Any]:
    values = [row["values"][side] for _, row in spend[:_MOST_ROWS]]
    shift = (side - (len(document["sides"]) - 1) / 2) * (_BAR + 2)
    name = document["sides"][side]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": values,
        "y": [middle + shift for middle in rows.at],
        "width": _BAR,
        "marker": {"color": _COLORS[side % len(_COLORS)]},
        "text": [numbers.amount(value, cents=False) for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "muted", "size": 11},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _promotions_note(labels: list[str], spend: list[tuple[int, dict[str, Any]]]) -> Markup:
    moved = sum(any(abs(gap) >= 0.005 for gap in row["differences"]) for _, row in spend)
    text = Markup("The money of {} of {} promotions differs.").format(moved, len(spend))
    if len(labels) > _MOST_ROWS:
        text += f" Drawn are the {_MOST_ROWS} that move most; the table has all."
    return text


def _days(document: dict[str, Any], numbers: Numbers) -> Section:
    rows = [
        (at, row)
        for at, row in enumerate(document["rows"])
        if row["level"] == "day" and row["measure"] == "planned_budget"
    ]
    days = [date.fromisoformat(row["key"]) for _, row in rows]
    traces = [
        line(name, days, [row["values"][side] for _, row in rows], _COLORS[side % len(_COLORS)])
        for side, name in enumerate(document["sides"])
    ]
    what = "week" if document["weekly"] else "day"
    chart = Chart(
        id="compared-days",
        title=f"Planned money by {what}",
        traces=traces,
        layout=layout(
            xaxis=dates_axis(days),
            yaxis=money_axis(numbers.symbol, rangemode="tozero", nticks=6),
            **legend(),
        ),
        height=320,
        note=Markup("What each plan spends on each {} that all of them have.").format(what),
        columns=(words.capital(what), *_heads(document)),
        rows=[(day(days[n]), *_cells(at, row, numbers)) for n, (at, row) in enumerate(rows)],
    )
    view = {"charts": [chart], "rows": []}
    return Section("days", f"By {what}", "compared.html", view)


def line(name: str, days: list[date], values: list[float | None], color: str) -> dict[str, Any]:
    """Money over days."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [each.isoformat() for each in days],
        "y": values,
        "line": {"color": color, "width": 2},
        "marker": {"color": color, "size": 5},
        "hovertemplate": "%{x}<br>%{y}<extra></extra>",
    }
