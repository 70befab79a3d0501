"""What each policy brings over the daily re-optimiser, flight by flight."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE, BOUND
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart
from promopilot.experiments.report.interval_chart import interval_chart
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import percent_sign, percent_text
from promopilot.experiments.report.section import Page

# Policies further than this from the re-optimiser are told, not drawn.
_NEAR_PCT = 25.0


def differences_chart(page: Page) -> Chart:
    """Those near the re-optimiser, flight by flight; far ones would hide what is near."""
    figures, recommended = page.run.simulations["policies"], page.run.simulations["recommended"]
    others = [name for name in figures if name not in (BASELINE, BOUND)]
    others.sort(key=lambda name: -figures[name]["vs_replanner_pct"])
    near = [name for name in others if abs(figures[name]["vs_replanner_pct"]) <= _NEAR_PCT]
    shown = near or others
    rows = []
    for name in shown:
        value, (low, high) = (figures[name][f"vs_replanner_{key}"] for key in ("pct", "ci95"))
        color = "accent" if name == recommended else "before"
        rows.append((words.policy(name), value, (low, high), color, gain_text(value, low, high)))
    goal = words.objective(page.run.world.objective)
    return interval_chart(
        "differences",
        tr("{} against the {}, flight by flight").format(
            words.capital(goal), words.policy(BASELINE)
        ),
        rows,
        _note(page, shown, [name for name in others if name not in shown]),
        ticks={"ticksuffix": percent_sign()},
    )


def gain_text(value: float, low: float, high: float, decimals: int = 2) -> str:
    """A gain in per cent and its interval, as read on hovering."""
    return tr("{} ({} to {})").format(
        *(percent_text(each, decimals, sign=True) for each in (value, low, high))
    )


def _note(page: Page, shown: list[str], far: list[str]) -> Markup:
    figures, number = page.run.simulations["policies"], page.numbers.percent

    def told(name: str) -> Markup:
        row, key = figures[name], f"simulations:policies.{name}"
        low, high = row["vs_replanner_ci95"]
        return Markup(tr("{} {} ({} to {})")).format(
            words.policy(name),
            number(f"{key}.vs_replanner_pct", row["vs_replanner_pct"], 2),
            number(f"{key}.vs_replanner_ci95.0", low, 2),
            number(f"{key}.vs_replanner_ci95.1", high, 2),
        )

    text = Markup(tr("Against the {} the same flights bring: {}")).format(
        words.policy(BASELINE), Markup(tr("; ")).join(told(name) for name in shown)
    ) + Markup(tr(". A policy whose interval touches zero is as good as the {}.")).format(
        words.policy(BASELINE)
    )
    if far:
        text += Markup(tr(" Too far away to be drawn: {}.")).format(
            Markup(tr("; ")).join(told(name) for name in far)
        )
    return text
