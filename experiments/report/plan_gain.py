"""What the exported plan gains over the current mix, and what daily updating adds."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart
from promopilot.experiments.report.gain import Gain, axis_of_gains, doubts, gain
from promopilot.experiments.report.interval_chart import interval_chart
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.section import Page

_UPDATE_GAP = "abs plan_value:value_with_daily_update - plan_value:value_as_exported"


def plan_gain_chart(page: Page) -> Chart:
    """Intervals of both gains."""
    judged, name = page.run.plan_value, words.policy(page.run.simulations["recommended"])
    goal = page.run.world.objective
    rows = [
        (
            tr("the plan as exported, played as it stands"),
            *("value_as_exported", "accent", gain(page)),
        ),
        (
            tr("the {}, deciding anew every day").format(name),
            *("value_with_daily_update", "before", gain(page, updated=True)),
        ),
    ]
    return interval_chart(
        "plan-value",
        tr("{} against the current mix").format(words.capital(words.objective(goal))),
        [
            (label, found.value, (found.low, found.high), color, _on_hovering(found))
            for label, _, color, found in rows
        ],
        _plan_note(page),
        ticks=axis_of_gains(page),
        columns=(tr("Played"), tr("Mean"), tr("Against the current mix"), tr("95 % interval")),
        figures=[
            (
                label,
                page.numbers.outcome(f"plan_value:{value}", judged[value], goal),
                found.signed,
                found.between,
            )
            for label, value, _, found in rows
        ],
    )


def _on_hovering(found: Gain) -> str:
    return tr("{} ({})").format(found.signed.striptags(), found.between.striptags())


def _plan_note(page: Page) -> Markup:
    judged, goal = page.run.plan_value, page.run.world.objective
    exported, updated = judged["value_as_exported"], judged["value_with_daily_update"]
    gap = updated - exported
    text = Markup(
        tr(
            "The file plan.csv is a fixed table and brings {}; deciding anew every day from what "
            "happened would bring {}, {} {}."
        )
    ).format(
        page.numbers.outcome("plan_value:value_as_exported", exported, goal),
        page.numbers.outcome("plan_value:value_with_daily_update", updated, goal),
        # Per cent of what may be a loss would say nothing.
        page.numbers.share(f"{_UPDATE_GAP} / plan_value:value_as_exported", abs(gap) / exported, 1)
        if exported > 0
        else page.numbers.outcome(_UPDATE_GAP, abs(gap), goal),
        tr("more") if gap >= 0 else tr("less"),
    )
    rival = page.run.simulations["policies"][BASELINE]["value_mean"]
    if exported < rival and page.run.simulations["recommended"] != BASELINE:  # else told above
        text += Markup(
            tr(" Played as it stands it stays below the {}, which decides daily too: {}.")
        ).format(
            words.policy(BASELINE),
            page.numbers.outcome(f"simulations:policies.{BASELINE}.value_mean", rival, goal),
        )
    return text + doubts(page)
