"""What the exported plan gains over the current mix, and what daily updating adds."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart
from promopilot.experiments.report.differences import gain_text
from promopilot.experiments.report.interval_chart import interval_chart
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import percent_sign
from promopilot.experiments.report.section import Page

# From here on a gain says more about what it is measured against than about the plan.
_SUSPICIOUS_PCT = 50.0
_UPDATE_GAP = (
    "abs plan_value:value_with_daily_update - plan_value:value_as_exported "
    "/ plan_value:value_as_exported"
)


def plan_gain_chart(page: Page) -> Chart:
    """Intervals of both gains."""
    judged, name = page.run.plan_value, words.policy(page.run.simulations["recommended"])
    rows = [
        (tr("the plan as exported, played as it stands"), "vs_current_mix"),
        (tr("the {}, deciding anew every day").format(name), "daily_update_vs_current_mix"),
    ]
    marks = []
    for (label, key), color in zip(rows, ("accent", "before"), strict=True):
        value, (low, high) = judged[f"{key}_pct"], judged[f"{key}_ci95"]
        marks.append((label, value, (low, high), color, gain_text(value, low, high, 1)))
    number = page.numbers.percent
    return interval_chart(
        "plan-value",
        tr("{} against the current mix").format(
            words.capital(words.objective(page.run.world.objective))
        ),
        marks,
        _plan_note(page),
        ticks={"ticksuffix": percent_sign()},
        columns=(tr("Played"), tr("Mean"), tr("Against the current mix"), tr("95 % interval")),
        figures=[
            (
                label,
                page.numbers.outcome(
                    f"plan_value:{value}", judged[value], page.run.world.objective
                ),
                number(f"plan_value:{key}_pct", judged[f"{key}_pct"]),
                Markup(tr("{} to {}")).format(
                    number(f"plan_value:{key}_ci95.0", judged[f"{key}_ci95"][0]),
                    number(f"plan_value:{key}_ci95.1", judged[f"{key}_ci95"][1]),
                ),
            )
            for (label, key), value in zip(
                rows, ("value_as_exported", "value_with_daily_update"), strict=True
            )
        ],
    )


def _plan_note(page: Page) -> Markup:
    judged, goal = page.run.plan_value, page.run.world.objective
    exported, updated = judged["value_as_exported"], judged["value_with_daily_update"]
    gap = updated - exported
    share = gap / abs(exported) if exported else 0.0
    text = Markup(
        tr(
            "The file plan.csv is a fixed table and brings {}; deciding anew every day from what "
            "happened would bring {}, {} {}."
        )
    ).format(
        page.numbers.outcome("plan_value:value_as_exported", exported, goal),
        page.numbers.outcome("plan_value:value_with_daily_update", updated, goal),
        page.numbers.share(_UPDATE_GAP, abs(share), 1),
        tr("more") if gap >= 0 else tr("less"),
    )
    rival = page.run.simulations["policies"]["replanner"]["value_mean"]
    if exported < rival:
        text += Markup(
            tr(" Played as it stands it stays below the {}, which decides daily too: {}.")
        ).format(
            words.policy("replanner"),
            page.numbers.outcome("simulations:policies.replanner.value_mean", rival, goal),
        )
    return text + large_gain(page)


def has_gain(page: Page) -> bool:
    """Whether the current mix brings anything that a percentage could be of."""
    return "vs_current_mix_pct" in page.run.plan_value


def large_gain(page: Page) -> Markup:
    """A warning where the gain over the current mix is too large to be quoted."""
    if not has_gain(page) or abs(page.run.plan_value["vs_current_mix_pct"]) <= _SUSPICIOUS_PCT:
        return Markup("")
    assumed = page.run.parameter_sources.get("current mix", "").startswith("assumption")
    return Markup(
        tr(" A gain this large says more about the current mix than about the plan{}")
    ).format(
        tr(": its spend is assumed here, so it never was a decision that anybody took.")
        if assumed
        else tr(": check that it is what you really spend before quoting it.")
    )
