"""What sets promotions apart, field by field, and what happens when words are taken out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart, Trace, axis, bar_rows, labelled_rows, layout
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import NONE, percent_sign, percent_text
from promopilot.experiments.report.section import Page


def asked(page: Page, rate: str) -> str:
    """What a rate is the chance of, in words."""
    first, second = page.run.first_event, page.run.second_event
    return {
        "ctr": tr("“{}” per exposure").format(first),
        "cvr": tr("“{}” after “{}”").format(second, first),
        "ctcvr": tr("“{}” per exposure").format(second),
    }[rate]


def differ(fields: dict[str, Any], rate: str) -> bool:
    """Whether any field moves a rate by as much as a tenth of a per cent."""
    return any(round(float(each[rate]), 1) > 0 for each in fields.values())


# Columns of promotions that are alike but for their text, where several share a value.
_ALIKE = ("test_id", "group_id", "campaign_id")


def _one_text_each(promotions: pd.DataFrame) -> bool:
    """Whether no data could tell a promotion's wording from the promotion itself."""
    texts = promotions["text"]
    return texts.is_unique and not any(
        (texts.groupby(promotions[column]).nunique() > 1).any()
        for column in _ALIKE
        if column in promotions
    )


def fields_chart(page: Page, rate: str) -> Chart:
    """How far each field moves a rate, the largest first."""
    sizes = {name: float(each[rate]) for name, each in page.run.explanations["fields"].items()}
    order = sorted(sizes, key=lambda name: -sizes[name])
    names = [words.field(name) for name in order]
    rows = labelled_rows(names, 20)
    values = [sizes[name] for name in order]
    cells = {
        name: page.numbers.percent(f"explanations:fields.{name}.{rate}", sizes[name], sign=False)
        for name in order
    }
    note = Markup(
        tr(
            "How far each field moves the predicted chance of {} away from the average of the "
            "promotions explained, up or down. Most is set by the {}: {} on average."
        )
    ).format(asked(page, rate), names[0], cells[order[0]])
    if len(order) > 1:
        note += Markup(tr(" Least by the {}: {}.")).format(names[-1], cells[order[-1]])
    if "text" in sizes and _one_text_each(page.run.tables.promotions):
        note += tr(
            " Every promotion has one text here, and no two the same: what is put down to the "
            "wording may as well be the promotion or campaign itself."
        )
    return Chart(
        id="why-fields",
        title=tr("What sets the promotions apart"),
        traces=[_bars(values, rows.at, ["accent"] * len(values))],
        layout=layout(
            yaxis=rows.axis,
            xaxis=axis(ticksuffix=percent_sign(), range=[0, 1.2 * (max(values) or 1.0)], nticks=6),
            annotations=rows.names,
        ),
        height=rows.height + 40,
        note=note,
        columns=(tr("Field"), tr("Moves the chance by")),
        rows=[(words.capital(name), cells[key]) for name, key in zip(names, order, strict=True)],
    )


_TAKEN_OUT = {
    "raising": later("words said to raise it"),
    "random": later("as many words at random"),
    "lowering": later("words said to lower it"),
}


def deletion_chart(page: Page, rate: str) -> Chart:
    """What a rate changes by without the words said to move it, beside random words."""
    key = f"explanations:comprehensiveness.{rate}"
    test = page.run.explanations["comprehensiveness"][rate]
    rows = labelled_rows([tr(name) for name in _TAKEN_OUT.values()], 20)
    values = [float(test[f"{kind}_pct"]) for kind in _TAKEN_OUT]
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.2 * ((high - low) or 1.0)
    percent = page.numbers.percent
    changed = {kind: percent(f"{key}.{kind}_pct", test[f"{kind}_pct"]) for kind in _TAKEN_OUT}
    beyond = {
        kind: (
            percent(f"{key}.{kind}_vs_random_pct", test[f"{kind}_vs_random_pct"]),
            Markup(tr("{} to {}")).format(
                *(
                    percent(
                        f"{key}.{kind}_vs_random_ci95.{end}", test[f"{kind}_vs_random_ci95"][end]
                    )
                    for end in (0, 1)
                )
            ),
        )
        for kind in ("raising", "lowering")
    }
    return Chart(
        id="why-test",
        title=tr("What happens when words are taken out of the texts"),
        traces=[_bars(values, rows.at, ["warm", "before", "accent"])],
        layout=layout(
            yaxis=rows.axis,
            xaxis=axis(ticksuffix=percent_sign(), range=[low - room, high + room], nticks=6),
            annotations=rows.names,
        ),
        height=rows.height + 40,
        note=_verdict(page, test, changed),
        columns=(
            tr("Taken out"),
            tr("Changes the chance by"),
            tr("Against random words"),
            tr("95 % interval"),
        ),
        rows=[
            (
                words.capital(tr(name)),
                changed[kind],
                *beyond.get(kind, (NONE, NONE)),
            )
            for kind, name in _TAKEN_OUT.items()
        ],
    )


def _verdict(page: Page, test: dict[str, Any], changed: dict[str, Markup]) -> Markup:
    text = Markup(
        tr(
            "Does the predictor go by the words named below? They were taken out of the "
            "texts and the texts predicted anew. Without the words said to raise it, the "
            "chance changes by {}; without as many words drawn at random by {}; without "
            "those said to lower it by {} (means over {} texts). "
        )
    ).format(
        changed["raising"],
        changed["random"],
        changed["lowering"],
        page.numbers.count("explanations:texts_tested", page.run.explanations["texts_tested"]),
    )
    if test["holds"]:
        return text + Markup(
            tr(
                "Both kinds move it their way by more than random words do, beyond chance: "
                "the words do tell what the predictor goes by. Whether customers go by them "
                "too, only a test of two wordings can tell."
            )
        )
    return text + Markup(
        tr(
            "That is not beyond what random words do, so the words must not be trusted, "
            "and none is named below."
        )
    )


def _bars(values: list[float], at: list[float], colors: list[str]) -> Trace:
    return bar_rows(at, values, colors, [percent_text(value, 1) for value in values], 18)
