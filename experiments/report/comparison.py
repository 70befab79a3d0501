"""How policies compare on the same simulated flights, and what the exported plan gives up."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import (
    ROW,
    Cell,
    Chart,
    axis,
    interval_rows,
    labelled_rows,
    layout,
    upright,
)
from promopilot.experiments.report.numbers import NONE, bare
from promopilot.experiments.report.section import Page, Section

BASELINE = "replanner"
# From here on a gain says more about what it is measured against than about the plan.
_SUSPICIOUS_PCT = 50.0


def section(page: Page) -> Section:
    """Values with intervals, paired differences, and the plan as a table against daily updating."""
    simulations = page.run.simulations
    recommended = simulations["recommended"]
    view = {
        "charts": [_policies(page), _plan(page)],
        "recommended": words.policy(recommended),
        "what": words.POLICIES.get(recommended, ("", ""))[1],
        "why": simulations["why"],
        "flights": page.numbers.count("simulations:flights_test", simulations["flights_test"]),
        "goal": words.objective(page.run.world.objective),
    }
    return Section("policies", "How the policies compare", "policies.html", view, "Policies")


def _policies(page: Page) -> Chart:
    figures, recommended = page.run.simulations["policies"], page.run.simulations["recommended"]
    order = sorted(figures, key=lambda name: -figures[name]["vs_replanner_pct"])
    values = [figures[name]["vs_replanner_pct"] for name in order]
    ends = [tuple(figures[name]["vs_replanner_ci95"]) for name in order]
    labels = [words.policy(n) + (" · recommended" if n == recommended else "") for n in order]
    vertical, annotations = labelled_rows(labels)
    hover = [
        f"{words.policy(name)}: {bare(v, 2, sign=True)} %<br>{bare(low, 2, sign=True)} to "
        f"{bare(high, 2, sign=True)} %"
        for name, v, (low, high) in zip(order, values, ends, strict=True)
    ]
    colors = ["accent" if name == recommended else "before" for name in order]
    return Chart(
        id="policies",
        title=f"{_upper(words.objective(page.run.world.objective))} against the "
        f"{words.policy(BASELINE)}, flight by flight",
        traces=[interval_rows(labels, values, ends, colors, hover)],
        layout=layout(
            yaxis=vertical,
            xaxis=axis(ticksuffix=" %", nticks=6, zeroline=False),
            annotations=annotations,
            shapes=[upright(0, "muted", "dot")],
        ),
        height=ROW * len(order) + 40,
        note=_policies_note(page, order, figures),
        columns=(
            "Policy",
            f"Mean {words.objective(page.run.world.objective)}",
            "95 % interval",
            f"Against the {words.policy(BASELINE)}",
            "95 % interval",
            "Time per decision",
        ),
        rows=[_policy_row(page, name, figures[name]) for name in order],
    )


def _policy_row(page: Page, name: str, row: dict[str, Any]) -> tuple[Cell, ...]:
    key, numbers, goal = f"simulations:policies.{name}", page.numbers, page.run.world.objective
    (low, high), (below, above) = row["value_ci95"], row["vs_replanner_ci95"]
    to = Markup("{} to {}")
    return (
        words.policy(name),
        numbers.outcome(f"{key}.value_mean", row["value_mean"], goal),
        to.format(
            numbers.outcome(f"{key}.value_ci95.0", low, goal),
            numbers.outcome(f"{key}.value_ci95.1", high, goal),
        ),
        numbers.percent(f"{key}.vs_replanner_pct", row["vs_replanner_pct"], 2),
        NONE
        if name == BASELINE
        else to.format(
            numbers.percent(f"{key}.vs_replanner_ci95.0", below, 2),
            numbers.percent(f"{key}.vs_replanner_ci95.1", above, 2),
        ),
        Markup("{} ms").format(numbers.decimal(f"{key}.decision_ms", row["decision_ms"], 3)),
    )


def _policies_note(page: Page, order: list[str], figures: dict[str, Any]) -> Markup:
    number = page.numbers.percent

    def told(name: str) -> Markup:
        row, key = figures[name], f"simulations:policies.{name}"
        return Markup("{} ({} to {})").format(
            number(f"{key}.vs_replanner_pct", row["vs_replanner_pct"], 2),
            number(f"{key}.vs_replanner_ci95.0", row["vs_replanner_ci95"][0], 2),
            number(f"{key}.vs_replanner_ci95.1", row["vs_replanner_ci95"][1], 2),
        )

    text = Markup(
        "All policies met the same {} simulated flights, so differences are taken flight by "
        "flight. These are flights of our own market, not of customers. "
    ).format(page.numbers.count("simulations:flights_test", page.run.simulations["flights_test"]))
    others = [name for name in order if name != BASELINE]
    if others:
        best, worst = others[0], others[-1]
        text += Markup("Against the {}, the {} brings {}").format(
            words.policy(BASELINE), words.policy(best), told(best)
        )
        if worst != best:
            text += Markup(" and the {} {}").format(words.policy(worst), told(worst))
        text += Markup(".")
    return text


def _plan(page: Page) -> Chart:
    judged, name = page.run.plan_value, words.policy(page.run.simulations["recommended"])
    rows = [
        ("the plan as exported, played as it stands", "vs_current_mix"),
        (f"the {name}, deciding anew every day", "daily_update_vs_current_mix"),
    ]
    values = [judged[f"{key}_pct"] for _, key in rows]
    ends = [tuple(judged[f"{key}_ci95"]) for _, key in rows]
    labels = [label for label, _ in rows]
    vertical, annotations = labelled_rows(labels)
    hover = [
        f"{bare(v, 1, sign=True)} %<br>{bare(low, 1, sign=True)} to {bare(high, 1, sign=True)} %"
        for v, (low, high) in zip(values, ends, strict=True)
    ]
    number = page.numbers.percent
    return Chart(
        id="plan-value",
        title=f"{_upper(words.objective(page.run.world.objective))} against the current mix",
        traces=[interval_rows(labels, values, ends, ["accent", "before"], hover)],
        layout=layout(
            yaxis=vertical,
            xaxis=axis(ticksuffix=" %", nticks=6, rangemode="tozero"),
            annotations=annotations,
        ),
        height=ROW * 2 + 50,
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
    share = 100 * gap / abs(exported) if exported else 0.0
    text = Markup(
        "The file plan.csv is a fixed table and brings {}; deciding anew every day from what "
        "happened would bring {}, {} % {}."
    ).format(
        page.numbers.outcome("plan_value:value_as_exported", exported, goal),
        page.numbers.outcome("plan_value:value_with_daily_update", updated, goal),
        bare(abs(share), 1),
        "more" if gap >= 0 else "less",
    )
    mix = page.run.parameter_sources.get("current mix", "")
    if abs(judged["vs_current_mix_pct"]) > _SUSPICIOUS_PCT:
        text += Markup(" A gain this large says more about the current mix than about the plan")
        text += Markup(
            ": its spend is assumed here, so it never was a decision that anybody took."
            if mix.startswith("assumption")
            else ": check that it is what you really spend before quoting it."
        )
    return text


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
