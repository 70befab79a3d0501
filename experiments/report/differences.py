"""What each policy brings over the daily re-optimiser, flight by flight."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE, BOUND
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    DOT,
    Chart,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    padded,
    upright,
)
from promopilot.experiments.report.numbers import bare
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
        note=_note(page, shown, [name for name in others if name not in shown]),
    )


def _note(page: Page, shown: list[str], far: list[str]) -> Markup:
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
