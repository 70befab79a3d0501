"""What each policy brings in a flight: bars from zero, and the ceiling where it is known."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE, BOUND, HINDSIGHT, POLICIES
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    Chart,
    bar_rows,
    labelled_rows,
    layout,
    outcome_axis,
    upright,
)
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import bare
from promopilot.experiments.report.policy_rows import Row, mean_key, on_fewer, order, policy_row
from promopilot.experiments.report.section import Page


def values_chart(page: Page) -> Chart:
    """All policies, from zero, and the ceiling where it is known."""
    figures, recommended = page.run.simulations["policies"], page.run.simulations["recommended"]
    names, text = order(figures), _as_text(page)
    values = [figures[name][mean_key(figures[name])] for name in names]
    hover = [_on_hovering(figures[name], text) for name in names]
    rows = labelled_rows([_label(page, name) for name in names], 18)
    colors = [_color(name, recommended) for name in names]
    bars = bar_rows(rows.at, values, colors, [f" {text(value)}" for value in values], 16)
    bars |= {"hovertext": hover, "hovertemplate": "%{hovertext}<extra></extra>"}
    goal = words.objective(page.run.world.objective)
    ceiling = [figures[BOUND]["value_mean"]] if BOUND in figures else []
    low, high = min(0.0, *values), max(0.0, *values, *ceiling)
    table = [policy_row(page, name, figures[name]) for name in names]
    return Chart(
        id="policies",
        title=tr("Mean {} of a flight").format(goal),
        traces=[bars],
        layout=layout(
            yaxis=rows.axis,
            xaxis=outcome_axis(
                page.numbers.symbol,
                page.run.world.objective,
                nticks=5,
                range=[low * 1.2, high + 0.2 * (high - low)],
            ),
            annotations=rows.names,
            shapes=[upright(at, "muted", "dot") for at in ceiling],
        ),
        height=rows.height + 40,
        note=_values_note(page, names),
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


def _values_note(page: Page, names: list[str]) -> Markup:
    simulations, count = page.run.simulations, page.numbers.count
    figures, flights = simulations["policies"], simulations["flights_test"]
    text = Markup(
        tr("All policies met the same {} simulated flights of our own market, not of customers")
    )
    text = text.format(count("simulations:flights_test", flights))
    fewer = next((name for name in names if figures[name]["flights"] < flights), None)
    if fewer is not None:
        text += Markup(
            tr(
                "; those that look ahead met the first {} of them: what is shown of them is the "
                "mean of the {} plus what they gained on it there"
            )
        ).format(
            count(f"simulations:policies.{fewer}.flights", figures[fewer]["flights"]),
            words.policy(BASELINE),
        )
    text += _beaten_hindsight(page, names)
    able = [name for name in names if name not in POLICIES or POLICIES[name].usable]
    text += Markup(tr(". Of what can be done, the best brings {}, the least good {}.")).format(
        _value(page, able[0]), _value(page, able[-1])
    )
    if BOUND in figures:
        text += Markup(tr(" The dotted line is the {}: {} ({}).")).format(
            words.policy(BOUND), words.what_policy_does(BOUND), _value(page, BOUND)
        )
    return text


def _beaten_hindsight(page: Page, names: list[str]) -> Markup:
    """What to make of a policy that stands above the best with hindsight, if one does."""
    figures = page.run.simulations["policies"]
    if HINDSIGHT not in names:
        return Markup("")
    best = figures[HINDSIGHT][mean_key(figures[HINDSIGHT])]
    above = [name for name in names if figures[name][mean_key(figures[name])] > best]
    if not above:
        return Markup("")
    return Markup(
        tr(
            ". That the {} seems to bring more than the {} is chance of the flights that only one "
            "of them met; on the flights of both it brings {} of it"
        )
    ).format(
        words.policy(above[0]),
        words.policy(HINDSIGHT),
        page.numbers.percent(
            f"simulations:policies.{above[0]}.pct_of_clairvoyant",
            figures[above[0]].get("pct_of_clairvoyant"),
            1,
            sign=False,
        ),
    )


def _value(page: Page, name: str) -> Markup:
    row = page.run.simulations["policies"][name]
    key = mean_key(row)
    return page.numbers.outcome(
        f"simulations:policies.{name}.{key}", row[key], page.run.world.objective
    )


def _on_hovering(row: Row, text: Callable[[float], str]) -> str:
    mean = text(row[mean_key(row)])
    if on_fewer(row):
        return tr("{}, from {} flights").format(mean, row["flights"])
    return tr("{} ({} to {})").format(mean, *map(text, row["value_ci95"]))


def _as_text(page: Page) -> Callable[[float], str]:
    if page.run.world.objective == "conversions":
        return lambda value: bare(value, 0)
    return page.numbers.amount
