"""What more or less budget would bring, where it stops paying, and what limits cost."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.atomic import digest
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    Cell,
    Chart,
    axis,
    layout,
    legend,
    money_axis,
    upright,
)
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE
from promopilot.experiments.report.scenario_answers import (
    KEY,
    limits,
    limits_note,
    targets,
    without,
)
from promopilot.experiments.report.section import Page, Section
from promopilot.experiments.scenarios.document import read_scenarios
from promopilot.experiments.simulation import SIMULATIONS


def has_scenarios(page: Page) -> bool:
    """Whether `promopilot scenarios` was asked of this run as it is, not of an earlier one."""
    document, found = read_scenarios(page.run.path), page.run.path / SIMULATIONS
    return bool(document) and found.is_file() and document["rests_on"] == digest(found)


def scenario_section(page: Page) -> Section:
    """The curves over the budget, the answers to targets, and the table of limits."""
    document = read_scenarios(page.run.path)
    view = {
        "lead": _break_even(page, document),
        "charts": [_net_profit(page, document), _next_unit(page, document)],
        "targets": list(targets(page, document)),
        "limits": list(limits(page, document)),
        "limits_caption": tr("What your limits cost, the dearest first"),
        "limits_columns": (tr("Limit"), without(page), tr("Loosened by 1.00")),
        "limits_note": limits_note(page, document),
    }
    title = tr("What another budget would bring")
    return Section("scenarios", title, "scenario_curves.html", view, tr("Other budgets"))


def _break_even(page: Page, document: dict[str, Any]) -> Markup:
    found, symbol = document["break_even"], page.numbers.symbol
    budget = page.numbers.money(f"{KEY}:break_even.budget", found["budget"], cents=False)
    texts = {
        "crosses": tr(
            "Up to a budget of {} the next {} of media brings more profit than it costs."
        ),
        "no_use": tr(
            "Every {1} of media pays up to a budget of {0}. More finds no use: it would cost more "
            "than it brings, or there are no exposures left to buy."
        ),
        "always_pays": tr("Even at {}, the largest budget tried, the next {} of media pays."),
        "never_pays": tr(
            "Even at {}, the smallest budget tried, the next {} of media costs more than it brings."
        ),
    }
    return Markup(texts[found["kind"]]).format(budget, f"{symbol}1")


def _net_profit(page: Page, document: dict[str, Any]) -> Chart:
    rows = document["scenarios"]
    x = [row["budget"] for row in rows]
    symbol = page.numbers.symbol
    ends = {
        "x": [*x, *reversed(x)],
        "y": [
            *(row["net_profit_p90"] for row in rows),
            *(row["net_profit_p10"] for row in reversed(rows)),
        ],
    }
    band = {
        **{"type": "scatter", "mode": "lines", "name": tr("8 of 10 flights"), "fill": "toself"},
        **ends,
        "fillcolor": "band",
        "line": {"width": 0, "color": "band"},
        "hoverinfo": "skip",
    }
    line = {
        **{"type": "scatter", "mode": "lines", "name": tr("the best plan of each budget")},
        **{"x": x, "y": [row["net_profit"] for row in rows]},
        "line": {"color": "ink", "width": 2},
        "hovertemplate": tr("budget %{x}<br>profit after media %{y}") + "<extra></extra>",
    }
    mix = document["current_mix"]
    points = [
        (tr("current mix"), mix["planned_budget"], mix["net_profit"], "before"),
        *((tr("plan"), r["budget"], r["net_profit"], "accent") for r in rows if _is(r, "run")),
    ]
    return Chart(
        id="scenario-profit",
        title=tr("Profit after media, by budget"),
        traces=[band, line, *(_point(*point) for point in points)],
        layout=layout(
            xaxis=_budgets(page, document),
            yaxis=money_axis(symbol, nticks=6),
            **_marks(document),
            **legend(y=-0.24, yanchor="top"),
        ),
        height=380,
        note=_profit_note(page, document),
        columns=(
            *(tr("Budget"), tr("Planned"), tr("Profit after media"), tr("8 of 10 flights")),
            *(tr("Profit before media"), words.capital(tr("orders")), "ROAS", "POAS", "CPA"),
            tr("Next {} brings").format(f"{symbol}1"),
        ),
        rows=[_row(page, at, row) for at, row in enumerate(rows)],
    )


def _budgets(page: Page, document: dict[str, Any]) -> dict[str, Any]:
    """The axis of budgets, the same in both charts."""
    most = max(row["budget"] for row in document["scenarios"])
    title = tr("budget of the flight")
    return money_axis(page.numbers.symbol, title=title, nticks=6, range=[0, 1.04 * most])


def _is(row: dict[str, Any], role: str) -> bool:
    return role in row["role"].split()


def _marks(document: dict[str, Any]) -> dict[str, Any]:
    """A vertical line where more would not pay."""
    if document["break_even"]["kind"] not in ("crosses", "no_use"):
        return {}
    at = document["break_even"]["budget"]
    label = {"x": at, "y": 0, "yref": "paper", "xanchor": "right", "yanchor": "bottom"}
    label |= {"text": tr("more would not pay") + " ", "showarrow": False}
    return {
        "shapes": [upright(at, "warm", "dash")],
        "annotations": [label | {"font": {"color": "warm", "size": 12}}],
    }


def _point(name: str, x: float, y: float, color: str) -> dict[str, Any]:
    return {
        **{"type": "scatter", "mode": "markers", "name": name, "x": [x], "y": [y]},
        "marker": {"size": 12, "color": color, "line": {"width": 2, "color": "paper"}},
        "hovertemplate": f"{name}<br>%{{x}}<br>%{{y}}<extra></extra>",
    }


def _row(page: Page, at: int, row: dict[str, Any]) -> tuple[Cell, ...]:
    numbers, key = page.numbers, f"{KEY}:scenarios.{at}"

    def money(name: str) -> Markup:
        return numbers.money(f"{key}.{name}", row[name], cents=False)

    return (
        money("budget"),
        money("planned_budget"),
        money("net_profit"),
        Markup(tr("{} to {}")).format(money("net_profit_p10"), money("net_profit_p90")),
        money("profit"),
        numbers.count(f"{key}.conversions", row["conversions"]),
        numbers.decimal(f"{key}.roas", row["roas"]),
        numbers.decimal(f"{key}.poas", row["poas"]),
        NONE if row["cpa"] is None else numbers.money(f"{key}.cpa", row["cpa"]),
        numbers.decimal(f"{key}.marginal_poas", row["marginal_poas"]),
    )


def _profit_note(page: Page, document: dict[str, Any]) -> Markup:
    rows, numbers = document["scenarios"], page.numbers
    best = max(range(len(rows)), key=lambda at: float(rows[at]["net_profit"]))
    text = Markup(
        tr(
            "For each budget the plan was made anew and played on the same {} simulated flights. "
            "Of the budgets tried, {} brings most profit after media: {}, in 8 of 10 flights {} to "
            "{}. The band is wide because flights differ; they differ in the same way at every "
            "budget."
        )
    ).format(
        numbers.count(f"{KEY}:flights", document["flights"]),
        numbers.money(f"{KEY}:scenarios.{best}.budget", rows[best]["budget"], cents=False),
        *(
            numbers.money(f"{KEY}:scenarios.{best}.{name}", rows[best][name], cents=False)
            for name in ("net_profit", "net_profit_p10", "net_profit_p90")
        ),
    )
    if document["too_small"]:
        text += " " + Markup(tr("Smaller budgets cannot keep your limits."))
    return text


def _next_unit(page: Page, document: dict[str, Any]) -> Chart:
    symbol, numbers = page.numbers.symbol, page.numbers
    rows = [
        (at, row)
        for at, row in enumerate(document["scenarios"])
        if row["marginal_poas"] is not None
    ]
    x, y = [row["budget"] for _, row in rows], [row["marginal_poas"] for _, row in rows]
    line = {
        **{"type": "scatter", "mode": "lines", "x": x, "y": y, "showlegend": False},
        "line": {"color": "ink", "width": 2},
        "hovertemplate": tr("budget %{x}<br>the next 1.00 brings %{y}") + "<extra></extra>",
    }
    own = [(at, row) for at, row in rows if _is(row, "run")]
    cost = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "layer": "below"}
    marks = _marks(document)
    note = Markup(
        tr(
            "Profit before media of the next {} of budget. Above the dotted line it brings more "
            "than it costs."
        )
    ).format(f"{symbol}1")
    for at, row in own:
        note += " " + Markup(tr("At the run's budget it would bring {}.")).format(
            numbers.money(f"{KEY}:scenarios.{at}.marginal_poas", row["marginal_poas"], cents=True)
        )
    return Chart(
        id="scenario-next",
        title=tr("What the next {} of budget brings").format(f"{symbol}1"),
        traces=[
            line,
            *(_point(tr("plan"), r["budget"], r["marginal_poas"], "accent") for _, r in own),
        ],
        layout=layout(
            xaxis=_budgets(page, document),
            yaxis=axis(tickprefix=symbol, hoverformat=",.2f", rangemode="tozero", nticks=6),
            shapes=[
                cost | {"line": {"color": "muted", "width": 1.5, "dash": "dot"}},
                *marks.get("shapes", []),
            ],
            annotations=marks.get("annotations", []),
        ),
        height=300,
        note=note,
    )
