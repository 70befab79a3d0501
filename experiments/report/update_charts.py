"""The charts of an update: money over the flight, and what promotions brought."""

from __future__ import annotations

from datetime import date
from itertools import accumulate
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.chart import Chart
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.money_lines import money_by_day, up_to_days
from promopilot.experiments.report.numbers import Numbers, bare
from promopilot.experiments.report.range_chart import Against, range_chart
from promopilot.experiments.report.section import short_day
from promopilot.experiments.report.update_sentences import Update

_SHOWN = 12  # promotions of the chart, those with the most foreseen; the figures hold all


def pace_chart(update: Update, numbers: Numbers) -> Chart:
    """Spend up to each day: as planned before, as it was, and as planned from now on."""
    over, ahead = update["days"], update.get("planned", {}).get("days", [])
    days = [date.fromisoformat(row["date"]) for row in (*over, *ahead)]
    planned = [row["planned"] for row in over] + [row["planned_before"] for row in ahead]
    before = list(accumulate(planned))
    spent = list(accumulate(row["spend"] for row in over))
    total = update["budget"]["spent"]
    now = [total + money for money in accumulate((row["planned"] for row in ahead), initial=0.0)]
    traces = [
        up_to_days(tr("as planned before"), days, before, "before"),
        up_to_days(tr("spent"), days[: len(over)], spent, "accent"),
    ]
    if ahead:
        traces.append(
            up_to_days(tr("as planned now"), days[len(over) - 1 :], now, "accent", "dash")
        )
    text = Markup(tr("So far {} are spent where {} were planned.")).format(
        numbers.money("update:budget.spent", total),
        numbers.money("update:days.*.planned", before[len(over) - 1]),
    )
    if ahead:
        text += tr(" ") + Markup(tr("By the last day it is to be {} of {}.")).format(
            numbers.amount(now[-1]),
            numbers.money("update:budget.total", update["budget"]["total"]),
        )
    amounts = [
        [numbers.amount(money, cents=False) for money in sums]
        for sums in (before, [*spent, *now[1:]])
    ]
    return Chart(
        id="pace",
        title=tr("Money spent up to each day"),
        traces=traces,
        layout=money_by_day(days, numbers.symbol, y=-0.14, yanchor="top"),
        height=340,
        note=text,
        columns=(tr("By the end of"), tr("As planned before"), tr("Spent, then as planned now")),
        rows=list(zip(map(short_day, days), *amounts, strict=True)),
    )


def arrived_chart(update: Update, numbers: Numbers) -> Chart | None:
    """Orders of promotions as a share of what was foreseen; None where nothing was shown."""
    rows = [(at, row) for at, row in enumerate(update["promotions"]) if row["foreseen"]["mean"] > 0]
    if not rows:
        return None
    rows.sort(key=lambda pair: -pair[1]["foreseen"]["mean"])
    note = Markup(
        tr(
            "Dots are what came, bars what was foreseen in 8 of 10 cases for the impressions that "
            "were shown, as far as orders can have come in when they were read; 100 % is the "
            "middle of it. {} of {} promotions lie outside; 2 of 10 would by chance."
        )
    ).format(
        numbers.count("update:outside.outside", update["outside"]["outside"]),
        numbers.count("update:outside.promotions", update["outside"]["promotions"]),
    )
    return range_chart(
        "brought",
        tr("Orders against what was foreseen"),
        [_against(row) for _, row in rows[:_SHOWN]],
        note,
        columns=(tr("Promotion"), tr("Came"), tr("Foreseen"), tr("Range"), tr("Still to come")),
        figures=[_figures(at, row, numbers) for at, row in rows],
    )


def _against(row: dict[str, Any]) -> Against:
    seen, foreseen = row["conversions"], row["foreseen"]
    low, high = foreseen["low"], foreseen["high"]
    text = tr("{} came, {} to {} foreseen").format(bare(seen, 0), bare(low, 0), bare(high, 0))
    return Against(row["name"], seen, foreseen["mean"], low, high, low <= seen <= high, text)


def _figures(at: int, row: dict[str, Any], numbers: Numbers) -> tuple[str | Markup, ...]:
    key, foreseen = f"update:promotions.{at}", row["foreseen"]
    return (
        row["name"],
        numbers.count(f"{key}.conversions", row["conversions"]),
        numbers.decimal(f"{key}.foreseen.mean", foreseen["mean"], 1),
        tr("{} to {}").format(bare(foreseen["low"], 0), bare(foreseen["high"], 0)),
        numbers.decimal(f"{key}.still_to_come", row["still_to_come"], 1),
    )
