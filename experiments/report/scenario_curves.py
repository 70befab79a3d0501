"""What more or less budget would bring, and where it stops paying."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

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
from promopilot.experiments.report.said import said
from promopilot.experiments.report.scenario_answers import KEY, targets
from promopilot.experiments.report.scenario_next import next_of
from promopilot.experiments.report.section import Page, Section
from promopilot.experiments.scenarios.document import scenarios_of_run
from promopilot.experiments.scenarios.falling import why_falling


def has_scenarios(page: Page) -> bool:
    """Whether `promopilot scenarios` was asked of this run as it is, not of an earlier one."""
    return bool(scenarios_of_run(page.run.path))


def scenario_section(page: Page) -> Section:
    """The curves over the budget, and the answers to targets."""
    document = scenarios_of_run(page.run.path)
    view = {
        "lead": _break_even(page, document),
        "charts": [_net_profit(page, document), _next_unit(page, document)],
        "targets": list(targets(page, document)),
    }
    title = tr("What another budget would bring")
    return Section("scenarios", title, "scenario_curves.html", view, tr("Other budgets"))


def _break_even(page: Page, document: dict[str, Any]) -> Markup:
    found = document["break_even"]
    budget = page.numbers.money(f"{KEY}:break_even.budget", found["budget"], cents=False)
    texts = {
        "crosses": tr(
            "Up to a budget of {} more money brings more profit than its media costs; beyond it, "
            "less."
        ),
        "no_use": tr(
            "More money pays up to a budget of {}. Beyond it, little or nothing more would be "
            "spent: it would cost more than it brings, finds no exposures to buy, or is held back "
            "by a limit."
        ),
        "always_pays": tr("Even at {}, the largest budget tried, more money still pays."),
        "never_pays": tr(
            "Even at {}, the smallest budget tried that keeps your limits, more money brings less "
            "profit than its media costs."
        ),
    }
    return Markup(texts[found["kind"]]).format(budget)


def _net_profit(page: Page, document: dict[str, Any]) -> Chart:
    rows = document["scenarios"]
    x = [row["budget"] for row in rows]
    symbol = page.numbers.symbol
    following = next_of(document, f"{symbol}1")
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
        "hovertemplate": tr("budget %{x}<br>net profit %{y}") + "<extra></extra>",
    }
    mix = document["current_mix"]
    points = [
        (
            tr("current mix"),
            mix["planned_budget"] + mix["held_for_subsidy"],
            mix["net_profit"],
            "before",
        ),
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
            following.heading,
        ),
        rows=[_row(page, at, row, following.figure) for at, row in enumerate(rows)],
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


def _row(page: Page, at: int, row: dict[str, Any], following: str) -> tuple[Cell, ...]:
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
        numbers.decimal(f"{key}.{following}", row[following]),
    )


def _profit_note(page: Page, document: dict[str, Any]) -> Markup:
    rows, numbers = document["scenarios"], page.numbers
    best = max(range(len(rows)), key=lambda at: float(rows[at]["net_profit"]))
    text = Markup(
        tr(
            "For each budget the plan was made anew and played on the same {} simulated flights. "
            "Of the budgets tried, {} brings most net profit: {}, in 8 of 10 flights {} to "
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
    sentences = [text, *_warnings(page, document)]
    return Markup(tr(" ")).join(sentences)


def _warnings(page: Page, document: dict[str, Any]) -> list[Markup]:
    """What needs a word: subsidy out of the budget, planned money that falls, budgets refused."""
    told = []
    if "subsidy" in document["covers"]:
        text = tr(
            "The budget pays for discounts too: what is planned is media alone, and what it is "
            "expected to cause in discounts is held back."
        )
        told.append(Markup(text))
    if why := why_falling(document):
        because = {
            "discounts": tr("the larger plan holds that money, and more, for discounts"),
            "stock": tr("a promotion sells out on earlier days, and what is left is kept"),
            "limits": tr("your limits tie days and promotions together"),
        }[why]
        text = tr("Planned media falls once although the budget rises: {}.")
        told.append(Markup(text).format(because))
    for at, one in enumerate(document["refused"]):
        budget = page.numbers.money(f"{KEY}:refused.{at}.budget", one["budget"], cents=False)
        text = tr("A budget of {} cannot keep your limits. {}")
        told.append(Markup(text).format(budget, said(one["why"])))
    return told


def _next_unit(page: Page, document: dict[str, Any]) -> Chart:
    symbol, numbers = page.numbers.symbol, page.numbers
    following = next_of(document, f"{symbol}1")
    name, even = following.figure, following.breaks_even
    rows = [(at, row) for at, row in enumerate(document["scenarios"]) if row[name] is not None]
    x, y = [row["budget"] for _, row in rows], [row[name] for _, row in rows]
    line = {
        **{"type": "scatter", "mode": "lines", "x": x, "y": y, "showlegend": False},
        "line": {"color": "ink", "width": 2},
        "hovertemplate": tr("budget %{x}<br>the next 1.00 brings %{y}") + "<extra></extra>",
    }
    own = [(at, row) for at, row in rows if _is(row, "run")]
    cost = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "layer": "below"}
    cost |= {"y0": even, "y1": even}
    marks = _marks(document)
    note = Markup.escape(following.note)
    for at, row in own:
        note += " " + Markup(tr("At the run's budget it would bring {}.")).format(
            numbers.money(f"{KEY}:scenarios.{at}.{name}", row[name], cents=True)
        )
    return Chart(
        id="scenario-next",
        title=following.title,
        traces=[
            line,
            *(_point(tr("plan"), r["budget"], r[name], "accent") for _, r in own),
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
