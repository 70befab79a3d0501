"""How policies compare on the same simulated flights, and what the exported plan gives up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    DOT,
    Cell,
    Chart,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    padded,
    upright,
)
from promopilot.experiments.report.numbers import NONE, bare
from promopilot.experiments.report.plan_gain import has_gain, plan_gain_chart
from promopilot.experiments.report.section import Page, Section

BASELINE = "replanner"
# Policies further than this from the re-optimiser are told, not drawn.
_NEAR_PCT = 25.0


def section(page: Page) -> Section:
    """Values with intervals, paired differences, and the plan as a table against daily updating."""
    simulations = page.run.simulations
    recommended = simulations["recommended"]
    charts = [_values(page)]
    # A gain on what brings 0 has no percentage, and the files then hold none.
    if all("vs_replanner_pct" in row for row in simulations["policies"].values()):
        charts.append(_differences(page))
    if has_gain(page):
        charts.append(plan_gain_chart(page))
    view = {
        "charts": charts,
        "recommended": words.policy(recommended),
        "what": words.POLICIES.get(recommended, ("", ""))[1],
        "why": simulations["why"],
        "baseline": words.policy(BASELINE),
        "flights": page.numbers.count("simulations:flights_test", simulations["flights_test"]),
        "goal": words.objective(page.run.world.objective),
    }
    return Section("policies", "How the policies compare", "policies.html", view, "Policies")


def _values(page: Page) -> Chart:
    """All policies, from zero."""
    figures, recommended = page.run.simulations["policies"], page.run.simulations["recommended"]
    order = _order(figures)
    values = [figures[name]["value_mean"] for name in order]
    ends = [tuple(figures[name]["value_ci95"]) for name in order]
    labels = [words.policy(n) + (" · recommended" if n == recommended else "") for n in order]
    rows, text = labelled_rows(labels, 18), _as_text(page)
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": rows.at,
        "width": 16,
        "marker": {"color": ["accent" if name == recommended else "before" for name in order]},
        "text": [f" {text(value)}" for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "muted", "size": 11},
        "customdata": [[text(low), text(high)] for low, high in ends],
        "hovertemplate": "%{text} (%{customdata[0]} to %{customdata[1]})<extra></extra>",
    }
    goal = words.objective(page.run.world.objective)
    low, high = min(0.0, *values), max(0.0, *values)
    return Chart(
        id="policies",
        title=f"Mean {goal} of a flight",
        traces=[bars],
        layout=layout(
            yaxis=rows.axis,
            xaxis=axis(
                tickprefix="" if goal == "orders" else page.numbers.symbol,
                tickformat="~s",
                nticks=5,
                range=[low * 1.2, high + 0.2 * (high - low)],
            ),
            annotations=rows.names,
        ),
        height=rows.height + 40,
        note=Markup(
            "All policies met the same {} simulated flights of our own market, not of customers. "
            "The best brings {}, the least good {}."
        ).format(
            page.numbers.count("simulations:flights_test", page.run.simulations["flights_test"]),
            _value(page, order[0]),
            _value(page, order[-1]),
        ),
        columns=(
            "Policy",
            f"Mean {goal}",
            "95 % interval",
            f"Against the {words.policy(BASELINE)}",
            "95 % interval",
            "Time per decision",
        ),
        rows=[_policy_row(page, name, figures[name]) for name in order],
    )


def _value(page: Page, name: str) -> Markup:
    value = page.run.simulations["policies"][name]["value_mean"]
    key = f"simulations:policies.{name}.value_mean"
    return page.numbers.outcome(key, value, page.run.world.objective)


def _as_text(page: Page) -> Callable[[float], str]:
    if page.run.world.objective == "conversions":
        return lambda value: bare(value, 0)
    return page.numbers.amount


def _order(figures: dict[str, Any]) -> list[str]:
    return sorted(figures, key=lambda name: -figures[name]["value_mean"])


def _differences(page: Page) -> Chart:
    """Those near the re-optimiser, flight by flight; far ones would hide what is near."""
    figures, recommended = page.run.simulations["policies"], page.run.simulations["recommended"]
    others = [name for name in _order(figures) if name != BASELINE]
    near = [name for name in others if abs(figures[name]["vs_replanner_pct"]) <= _NEAR_PCT]
    shown = near or others
    values = [figures[name]["vs_replanner_pct"] for name in shown]
    ends = [tuple(figures[name]["vs_replanner_ci95"]) for name in shown]
    rows = labelled_rows([words.policy(name) for name in shown], DOT)
    hover = [
        f"{bare(v, 2, sign=True)} % ({bare(low, 2, sign=True)} to {bare(high, 2, sign=True)} %)"
        for v, (low, high) in zip(values, ends, strict=True)
    ]
    colors = ["accent" if name == recommended else "before" for name in shown]
    goal = words.objective(page.run.world.objective)
    return Chart(
        id="differences",
        title=f"{words.capital(goal)} against the {words.policy(BASELINE)}, flight by flight",
        traces=[interval_rows(rows, values, ends, colors, hover)],
        layout=layout(
            yaxis=rows.axis,
            xaxis=axis(
                ticksuffix=" %",
                nticks=6,
                zeroline=False,
                range=padded([0.0, *(end for pair in ends for end in pair)]),
            ),
            annotations=rows.names,
            shapes=[upright(0, "muted", "dot")],
        ),
        height=rows.height + 40,
        note=_differences_note(page, shown, [name for name in others if name not in shown]),
    )


def _differences_note(page: Page, shown: list[str], far: list[str]) -> Markup:
    figures, number = page.run.simulations["policies"], page.numbers.percent

    def told(name: str) -> Markup:
        row, key = figures[name], f"simulations:policies.{name}"
        low, high = row["vs_replanner_ci95"]
        return Markup("{} {} ({} to {})").format(
            words.policy(name),
            number(f"{key}.vs_replanner_pct", row["vs_replanner_pct"], 2),
            number(f"{key}.vs_replanner_ci95.0", low, 2),
            number(f"{key}.vs_replanner_ci95.1", high, 2),
        )

    text = Markup("Against the {} the same flights bring: {}").format(
        words.policy(BASELINE), Markup("; ").join(told(name) for name in shown)
    ) + Markup(". A policy whose interval touches zero is as good as the {}.").format(
        words.policy(BASELINE)
    )
    if far:
        text += Markup(" Too far away to be drawn: {}.").format(
            Markup("; ").join(told(name) for name in far)
        )
    return text


def _policy_row(page: Page, name: str, row: dict[str, Any]) -> tuple[Cell, ...]:
    key, numbers, goal = f"simulations:policies.{name}", page.numbers, page.run.world.objective
    (low, high), (below, above) = row["value_ci95"], row.get("vs_replanner_ci95", (None, None))
    gain = row.get("vs_replanner_pct")
    to = Markup("{} to {}")
    return (
        words.policy(name),
        numbers.outcome(f"{key}.value_mean", row["value_mean"], goal),
        to.format(
            numbers.outcome(f"{key}.value_ci95.0", low, goal),
            numbers.outcome(f"{key}.value_ci95.1", high, goal),
        ),
        NONE if gain is None else numbers.percent(f"{key}.vs_replanner_pct", gain, 2),
        NONE
        if name == BASELINE or gain is None
        else to.format(
            numbers.percent(f"{key}.vs_replanner_ci95.0", below, 2),
            numbers.percent(f"{key}.vs_replanner_ci95.1", above, 2),
        ),
        Markup("{} ms").format(numbers.decimal(f"{key}.decision_ms", row["decision_ms"], 3)),
    )
