"""How policies fare in markets that are not as believed, each against the re-optimiser there."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE
from promopilot.experiments.recommendation import LEAST_STRESS_PCT
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
from promopilot.experiments.report.section import Page


def stress_chart(page: Page) -> Chart:
    """The policy that was to be recommended, drawn; all of them in the table of figures."""
    stress, name = page.run.simulations["stress"], _candidate(page)
    drawn = [each for each in stress if "vs_replanner_pct" in stress[each][name]]
    values = [stress[each][name]["vs_replanner_pct"] for each in drawn]
    ends = [tuple(stress[each][name]["vs_replanner_ci95"]) for each in drawn]
    rows = labelled_rows([words.stress(each) for each in drawn], DOT)
    hover = [
        f"{bare(v, 2, sign=True)} % ({bare(low, 2, sign=True)} to {bare(high, 2, sign=True)} %)"
        for v, (low, high) in zip(values, ends, strict=True)
    ]
    colors = ["bad" if low < LEAST_STRESS_PCT else "accent" for low, _ in ends]
    policies = list(next(iter(stress.values())))
    others = [each for each in policies if each != BASELINE]
    goal = words.objective(page.run.world.objective)
    return Chart(
        id="stress",
        title=f"If the market is not as believed: the {words.policy(name)} "
        f"against the {words.policy(BASELINE)}",
        traces=[interval_rows(rows, values, ends, colors, hover)],
        layout=layout(
            yaxis=rows.axis,
            xaxis=axis(
                ticksuffix=" %",
                nticks=6,
                zeroline=False,
                range=padded([0.0, LEAST_STRESS_PCT, *(end for pair in ends for end in pair)]),
            ),
            annotations=rows.names,
            shapes=[upright(0, "muted", "dot"), upright(LEAST_STRESS_PCT, "bad", "dot")],
        ),
        height=rows.height + 40,
        note=_note(page, name),
        columns=(
            "The market differs",
            f"{words.capital(goal)} of the {words.policy(BASELINE)} there",
            *(words.capital(words.policy(each)) for each in others),
        ),
        rows=[_row(page, each, others) for each in stress],
    )


def _candidate(page: Page) -> str:
    """The recommended policy, or, where that is the re-optimiser, its best rival on validation."""
    simulations = page.run.simulations
    if simulations["recommended"] != BASELINE:
        return str(simulations["recommended"])
    gains = {
        name: row["vs_replanner_pct"]
        for name, row in simulations["validation"].items()
        if name != BASELINE
    }
    return str(max(gains, key=lambda name: gains[name]))


def _note(page: Page, name: str) -> Markup:
    stress, number = page.run.simulations["stress"], page.numbers.percent
    lows = {
        each: rows[name]["vs_replanner_ci95"][0]
        for each, rows in stress.items()
        if "vs_replanner_ci95" in rows[name]
    }
    flights = next(iter(stress.values()))[name]["flights"]
    text = Markup(
        "In each row {} test flights are played again in a market that differs in one thing from "
        "what every policy believes. "
    ).format(page.numbers.count(f"simulations:stress.{next(iter(stress))}.{name}.flights", flights))
    if lows:
        worst = min(lows, key=lambda each: lows[each])
        text += Markup(
            "The {} fares worst with “{}”: {} at the lower end of the interval. "
        ).format(
            words.policy(name),
            words.stress(worst),
            number(f"simulations:stress.{worst}.{name}.vs_replanner_ci95.0", lows[worst], 2),
        )
    return text + Markup(
        "To be recommended a policy may nowhere fall below {} there (red line); the figures of all "
        "policies stand below."
    ).format(f"{bare(LEAST_STRESS_PCT, 0)} %")


def _row(page: Page, stress: str, others: list[str]) -> tuple[Cell, ...]:
    rows = page.run.simulations["stress"][stress]
    return (
        Markup("{} <small>{}</small>").format(words.stress(stress), words.STRESSES[stress][1]),
        page.numbers.outcome(
            f"simulations:stress.{stress}.{BASELINE}.value_mean",
            rows[BASELINE]["value_mean"],
            page.run.world.objective,
        ),
        *(_gain(page, f"simulations:stress.{stress}.{name}", rows[name]) for name in others),
    )


def _gain(page: Page, key: str, row: dict[str, Any]) -> Cell:
    if "vs_replanner_pct" not in row:
        return NONE
    low, high = row["vs_replanner_ci95"]
    return Markup("{} ({} to {})").format(
        page.numbers.percent(f"{key}.vs_replanner_pct", row["vs_replanner_pct"], 2),
        page.numbers.percent(f"{key}.vs_replanner_ci95.0", low, 2),
        page.numbers.percent(f"{key}.vs_replanner_ci95.1", high, 2),
    )
