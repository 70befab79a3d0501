"""How policies fare in markets that are not as believed, each against the re-optimiser there."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE
from promopilot.experiments.recommendation import LEAST_STRESS_PCT
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Cell, Chart
from promopilot.experiments.report.differences import gain_text
from promopilot.experiments.report.interval_chart import interval_chart
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE, percent_sign, percent_text
from promopilot.experiments.report.section import Page


def stress_chart(page: Page) -> Chart:
    """The policy that was to be recommended, drawn; all of them in the table of figures."""
    stress, name = page.run.simulations["stress"], _candidate(page)
    rows = []
    for each, figures in stress.items():
        if "vs_replanner_pct" not in figures[name]:
            continue
        value, (low, high) = (figures[name][f"vs_replanner_{key}"] for key in ("pct", "ci95"))
        color = "bad" if low < LEAST_STRESS_PCT else "accent"
        rows.append((words.stress(each), value, (low, high), color, gain_text(value, low, high)))
    policies = list(next(iter(stress.values())))
    others = [each for each in policies if each != BASELINE]
    goal = words.objective(page.run.world.objective)
    return interval_chart(
        "stress",
        tr("If the market is not as believed: the {} against the {}").format(
            words.policy(name), words.policy(BASELINE)
        ),
        rows,
        _note(page, name),
        ticks={"ticksuffix": percent_sign()},
        lines=((0.0, "muted", "dot"), (LEAST_STRESS_PCT, "bad", "dot")),
        columns=(
            tr("The market differs"),
            tr("{} of the {} there").format(words.capital(goal), words.policy(BASELINE)),
            *(words.capital(words.policy(each)) for each in others),
        ),
        figures=[_row(page, each, others) for each in stress],
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
        tr(
            "In each row {} test flights are played again in a market that differs in "
            "one thing from what every policy believes. "
        )
    ).format(page.numbers.count(f"simulations:stress.{next(iter(stress))}.{name}.flights", flights))
    if lows:
        worst = min(lows, key=lambda each: lows[each])
        text += Markup(
            tr("The {} fares worst with “{}”: {} at the lower end of the interval. ")
        ).format(
            words.policy(name),
            words.stress(worst),
            number(f"simulations:stress.{worst}.{name}.vs_replanner_ci95.0", lows[worst], 2),
        )
    return text + Markup(
        tr(
            "To be recommended a policy may nowhere fall below {} there (red line); the "
            "figures of all policies stand below."
        )
    ).format(percent_text(LEAST_STRESS_PCT, 0))


def _row(page: Page, stress: str, others: list[str]) -> tuple[Cell, ...]:
    rows = page.run.simulations["stress"][stress]
    return (
        Markup("{} <small>{}</small>").format(words.stress(stress), tr(words.STRESSES[stress][1])),
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
    return Markup(tr("{} ({} to {})")).format(
        page.numbers.percent(f"{key}.vs_replanner_pct", row["vs_replanner_pct"], 2),
        page.numbers.percent(f"{key}.vs_replanner_ci95.0", low, 2),
        page.numbers.percent(f"{key}.vs_replanner_ci95.1", high, 2),
    )
