"""How policies compare on the same simulated flights, and what the exported plan gives up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE, BOUND, POLICIES
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    Cell,
    Chart,
    axis,
    labelled_rows,
    large_numbers,
    layout,
    upright,
)
from promopilot.experiments.report.differences import differences_chart
from promopilot.experiments.report.headroom import LEARNT, headroom
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE, bare
from promopilot.experiments.report.plan_gain import has_gain, plan_gain_chart
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Page, Section
from promopilot.experiments.report.stressed import stress_chart


def section(page: Page) -> Section:
    """Values with intervals, paired differences, stress, and the plan against daily updating."""
    simulations = page.run.simulations
    recommended = simulations["recommended"]
    charts = [_values(page)]
    played = [row for name, row in simulations["policies"].items() if name != BOUND]
    # A gain on what brings 0 has no percentage, and the files then hold none.
    if all("vs_replanner_pct" in row for row in played):
        charts += [differences_chart(page), stress_chart(page)]
    if has_gain(page):
        charts.append(plan_gain_chart(page))
    view = {
        "charts": charts,
        "facts": headroom(page),
        "recommended": _recommended(recommended),
        "why": said(simulations["why"]),
        "baseline": words.policy(BASELINE),
    }
    return Section(
        "policies", tr("How the policies compare"), "policies.html", view, tr("Policies")
    )


def _recommended(name: str) -> Markup:
    strong = Markup("<strong>{}</strong>").format(words.policy(name))
    does = words.what_policy_does(name)
    if not does:
        return Markup(tr("Recommended: {}.")).format(strong)
    return Markup(tr("Recommended: {} ({}).")).format(strong, does)


def _values(page: Page) -> Chart:
    """All policies, from zero, and the ceiling where it is known."""
    figures, recommended = page.run.simulations["policies"], page.run.simulations["recommended"]
    order = _order(figures)
    values = [figures[name][_mean_key(figures[name])] for name in order]
    ends = [tuple(figures[name]["value_ci95"]) for name in order]
    rows, text = labelled_rows([_label(page, name) for name in order], 18), _as_text(page)
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": rows.at,
        "width": 16,
        "marker": {"color": [_color(name, recommended) for name in order]},
        "text": [f" {text(value)}" for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "muted", "size": 11},
        "customdata": [[text(low), text(high)] for low, high in ends],
        "hovertemplate": tr("%{text} (%{customdata[0]} to %{customdata[1]})<extra></extra>"),
    }
    goal = words.objective(page.run.world.objective)
    ceiling = [figures[BOUND]["value_mean"]] if BOUND in figures else []
    low, high = min(0.0, *values), max(0.0, *values, *ceiling)
    table = [_policy_row(page, name, figures[name]) for name in order]
    return Chart(
        id="policies",
        title=tr("Mean {} of a flight").format(goal),
        traces=[bars],
        layout=layout(
            yaxis=rows.axis,
            xaxis=axis(
                tickprefix="" if goal == "orders" else page.numbers.symbol,
                tickformat=large_numbers(),
                nticks=5,
                range=[low * 1.2, high + 0.2 * (high - low)],
            ),
            annotations=rows.names,
            shapes=[upright(at, "muted", "dot") for at in ceiling],
        ),
        height=rows.height + 40,
        note=_values_note(page, order),
        columns=(
            *(tr("Policy"), tr("Flights"), tr("Mean {}").format(goal), tr("95 % interval")),
            *(tr("Against the {}").format(words.policy(BASELINE)), tr("95 % interval")),
            *(tr("Share of what looking ahead adds"), tr("Of the best with hindsight")),
            tr("Time per decision"),
        ),
        rows=table,
    )


def _color(name: str, recommended: str) -> str:
    if name == recommended:
        return "accent"
    return "before" if name not in POLICIES or POLICIES[name].usable else "warm"


def _label(page: Page, name: str) -> str:
    simulations = page.run.simulations
    label = words.policy(name)
    if simulations["policies"][name]["flights"] < simulations["flights_test"]:
        label += tr(" · from {} flights").format(simulations["policies"][name]["flights"])
    return label + (tr(" · recommended") if name == simulations["recommended"] else "")


def _values_note(page: Page, order: list[str]) -> Markup:
    simulations, count = page.run.simulations, page.numbers.count
    figures, flights = simulations["policies"], simulations["flights_test"]
    text = Markup(
        tr("All policies met the same {} simulated flights of our own market, not of customers")
    )
    text = text.format(count("simulations:flights_test", flights))
    fewer = next((name for name in order if figures[name]["flights"] < flights), None)
    if fewer is not None:
        text += Markup(
            tr(
                "; those that look ahead met the first {} of them: their bars are the {}'s "
                "plus what they gained on it there"
            )
        ).format(
            count(f"simulations:policies.{fewer}.flights", figures[fewer]["flights"]),
            words.policy(BASELINE),
        )
    able = [name for name in order if name not in POLICIES or POLICIES[name].usable]
    text += Markup(tr(". Of what can be done, the best brings {}, the least good {}.")).format(
        _value(page, able[0]), _value(page, able[-1])
    )
    if BOUND in figures:
        text += Markup(tr(" The dotted line is the {}: {} ({}).")).format(
            words.policy(BOUND), words.what_policy_does(BOUND), _value(page, BOUND)
        )
    return text


def _value(page: Page, name: str) -> Markup:
    row = page.run.simulations["policies"][name]
    key = _mean_key(row)
    return page.numbers.outcome(
        f"simulations:policies.{name}.{key}", row[key], page.run.world.objective
    )


def _mean_key(row: dict[str, Any]) -> str:
    """Of the mean that can be compared with those of policies on all flights."""
    return "value_all_flights" if "value_all_flights" in row else "value_mean"


def _as_text(page: Page) -> Callable[[float], str]:
    if page.run.world.objective == "conversions":
        return lambda value: bare(value, 0)
    return page.numbers.amount


def _order(figures: dict[str, Any]) -> list[str]:
    played = [name for name in figures if name != BOUND]
    return sorted(played, key=lambda name: -figures[name][_mean_key(figures[name])])


def _policy_row(page: Page, name: str, row: dict[str, Any]) -> tuple[Cell, ...]:
    key, numbers, goal = f"simulations:policies.{name}", page.numbers, page.run.world.objective
    (low, high), (below, above) = row["value_ci95"], row.get("vs_replanner_ci95", (None, None))
    gain, closed = row.get("vs_replanner_pct"), row.get("gap_closed") if name in LEARNT else None
    to = Markup(tr("{} to {}"))
    return (
        words.policy(name),
        numbers.count(f"{key}.flights", row["flights"]),
        numbers.outcome(f"{key}.value_mean", row["value_mean"], goal),
        to.format(
            numbers.outcome(f"{key}.value_ci95.0", low, goal),
            numbers.outcome(f"{key}.value_ci95.1", high, goal),
        ),
        numbers.percent(f"{key}.vs_replanner_pct", gain, 2),
        NONE
        if name == BASELINE or gain is None
        else to.format(
            numbers.percent(f"{key}.vs_replanner_ci95.0", below, 2),
            numbers.percent(f"{key}.vs_replanner_ci95.1", above, 2),
        ),
        NONE if closed is None else numbers.share(f"{key}.gap_closed", closed),
        numbers.percent(f"{key}.pct_of_clairvoyant", row.get("pct_of_clairvoyant"), 1, sign=False),
        Markup(tr("{} ms")).format(numbers.decimal(f"{key}.decision_ms", row["decision_ms"], 3)),
    )
