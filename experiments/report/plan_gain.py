"""What the exported plan gains over the current mix, and what daily updating adds."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    DOT,
    Chart,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    padded,
)
from promopilot.experiments.report.numbers import bare
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
        ("the plan as exported, played as it stands", "vs_current_mix"),
        (f"the {name}, deciding anew every day", "daily_update_vs_current_mix"),
    ]
    values = [judged[f"{key}_pct"] for _, key in rows]
    ends = [tuple(judged[f"{key}_ci95"]) for _, key in rows]
    labels = [label for label, _ in rows]
    marks = labelled_rows(labels, DOT)
    hover = [
        f"{bare(v, 1, sign=True)} %<br>{bare(low, 1, sign=True)} to {bare(high, 1, sign=True)} %"
        for v, (low, high) in zip(values, ends, strict=True)
    ]
    number = page.numbers.percent
    return Chart(
        id="plan-value",
        title=f"{words.capital(words.objective(page.run.world.objective))} against the current mix",
        traces=[interval_rows(marks, values, ends, ["accent", "before"], hover)],
        layout=layout(
            yaxis=marks.axis,
            xaxis=axis(
                ticksuffix=" %",
                nticks=6,
                range=padded([0.0, *(end for pair in ends for end in pair)]),
            ),
            annotations=marks.names,
        ),
        height=marks.height + 40,
        note=_plan_note(page),
        columns=("Played", "Mean", "Against the current mix", "95 % interval"),
        rows=[
            (
                label,
                page.numbers.outcome(
                    f"plan_value:{value}", judged[value], page.run.world.objective
                ),
                number(f"plan_value:{key}_pct", judged[f"{key}_pct"]),
                Markup("{} to {}").format(
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
        "The file plan.csv is a fixed table and brings {}; deciding anew every day from what "
        "happened would bring {}, {} {}."
    ).format(
        page.numbers.outcome("plan_value:value_as_exported", exported, goal),
        page.numbers.outcome("plan_value:value_with_daily_update", updated, goal),
        page.numbers.share(_UPDATE_GAP, abs(share), 1),
        "more" if gap >= 0 else "less",
    )
    rival = page.run.simulations["policies"]["replanner"]["value_mean"]
    if exported < rival:
        text += Markup(
            " Played as it stands it stays below the {}, which decides daily too: {}."
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
        " A gain this large says more about the current mix than about the plan{}"
    ).format(
        ": its spend is assumed here, so it never was a decision that anybody took."
        if assumed
        else ": check that it is what you really spend before quoting it."
    )
