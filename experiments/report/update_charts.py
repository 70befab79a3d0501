"""The charts of an update: money over the flight, and what promotions brought."""

from __future__ import annotations

from datetime import date
from itertools import accumulate
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import Chart, layout, legend, money_axis
from promopilot.experiments.report.interval_chart import interval_chart
from promopilot.experiments.report.numbers import Numbers, bare
from promopilot.experiments.report.pace import dates_axis
from promopilot.experiments.report.section import short_day

_SHOWN = 12  # promotions of the chart, those with the most foreseen; the figures hold all


def pace_chart(update: dict[str, Any], numbers: Numbers) -> Chart:
    """Spend up to each day: as planned before, as it was, and as planned from now on."""
    over = update["days"]
    ahead = update.get("planned", {}).get("days", [])
    days = [date.fromisoformat(row["date"]) for row in (*over, *ahead)]
    before = list(
        accumulate([row["planned"] for row in over] + [r["planned_before"] for r in ahead])
    )
    spent = list(accumulate(row["spend"] for row in over))
    total = update["budget"]["spent"]
    now = [total + money for money in accumulate((row["planned"] for row in ahead), initial=0.0)]
    traces = [
        _line("as planned before", days, before, "before", "solid"),
        _line("spent", days[: len(over)], spent, "accent", "solid"),
    ]
    if ahead:
        traces.append(_line("as planned now", days[len(over) - 1 :], now, "accent", "dash"))
    amount = numbers.amount
    text = Markup("So far {} are spent where {} were planned.").format(
        numbers.money("update:budget.spent", total),
        numbers.money("update:days.*.planned", before[len(over) - 1]),
    )
    if ahead:
        text += Markup(" By the last day it is to be {} of {}.").format(
            amount(now[-1]), numbers.money("update:budget.total", update["budget"]["total"])
        )
    shown = [*spent, *now[1:]]
    return Chart(
        id="pace",
        title="Money spent up to each day",
        traces=traces,
        layout=layout(
            xaxis=dates_axis(days),
            yaxis=money_axis(numbers.symbol, rangemode="tozero", nticks=6),
            **legend(y=-0.14, yanchor="top"),
        ),
        height=340,
        note=text,
        columns=("By the end of", "As planned before", "Spent, then as planned now"),
        rows=[
            (short_day(at), amount(plan, cents=False), amount(real, cents=False))
            for at, plan, real in zip(days, before, shown, strict=True)
        ],
    )


def arrived_chart(update: dict[str, Any], numbers: Numbers) -> Chart | None:
    """Conversions of promotions as a share of what was foreseen; None where nothing was shown."""
    rows = [(at, row) for at, row in enumerate(update["promotions"]) if row["foreseen"]["mean"] > 0]
    if not rows:
        return None
    rows.sort(key=lambda pair: -pair[1]["foreseen"]["mean"])
    drawn, outside = [], 0
    for _, row in rows:
        seen, low, high = row["conversions"], row["foreseen"]["low"], row["foreseen"]["high"]
        inside = low <= seen <= high
        outside += not inside
        mean = row["foreseen"]["mean"]
        text = f"{bare(seen, 0)} came, {bare(low, 0)} to {bare(high, 0)} foreseen"
        ends = (100 * min(low / mean, 1.0), 100 * max(high / mean, 1.0))
        drawn.append((row, seen / mean, ends, inside, text))
    note = Markup(
        "Dots are what came, lines what was foreseen in 8 of 10 cases for the impressions that "
        "were shown, as far as conversions can have come in by now; 100 % is the middle of it. "
        "{} of {} promotions lie outside; 2 of 10 would by chance."
    ).format(outside, len(rows))
    chart = interval_chart(
        "brought",
        "Conversions against what was foreseen",
        [(row["name"], 100.0, ends, "muted", text) for row, _, ends, _, text in drawn[:_SHOWN]],
        note,
        ticks={"ticksuffix": " %", "hoverformat": ".0f"},
        lines=((100.0, "muted", "dot"),),
        columns=("Promotion", "Came", "Foreseen", "Range", "Still to come"),
        figures=[
            (
                row["name"],
                numbers.count(f"update:promotions.{at}.conversions", row["conversions"]),
                numbers.decimal(
                    f"update:promotions.{at}.foreseen.mean", row["foreseen"]["mean"], 1
                ),
                f"{bare(row['foreseen']['low'], 0)} to {bare(row['foreseen']['high'], 0)}",
                numbers.decimal(f"update:promotions.{at}.still_to_come", row["still_to_come"], 1),
            )
            for at, row in rows
        ],
    )
    return _with_dots(chart, drawn[:_SHOWN])


def _with_dots(chart: Chart, drawn: list[Any]) -> Chart:
    """The ranges as lines alone, and what came as a dot of its own."""
    ranges = chart.traces[0]
    ranges["marker"] = {"size": 1, "color": "muted"}
    ranges["hoverinfo"] = "skip"
    ranges.pop("hovertemplate")
    shares = [100 * share for _, share, _, _, _ in drawn]
    chart.traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": shares,
            "y": ranges["y"],
            "marker": {
                "size": 11,
                "color": ["accent" if inside else "warm" for _, _, _, inside, _ in drawn],
            },
            "text": [text for _, _, _, _, text in drawn],
            "hovertemplate": "%{text}<extra></extra>",
            "showlegend": False,
        }
    )
    low, high = chart.layout["xaxis"]["range"]
    chart.layout["xaxis"]["range"] = [min(low, *shares) - 4, max(high, *shares) + 4]
    return chart


def _line(name: str, days: list[date], money: list[float], color: str, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(days) == 1 else "lines",
        "name": name,
        "x": [at.isoformat() for at in days],
        "y": money,
        "line": {"color": color, "width": 2.5, "dash": dash},
        "hovertemplate": f"end of %{{x}}<br>{name} %{{y}}<extra></extra>",
    }
