"""Why the predictions are as they are: fields, words, and whether the words can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Cell, Chart, axis, labelled_rows, layout
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import NONE, percent_sign, percent_text
from promopilot.experiments.report.section import Page, Section

SHOWN = 8  # promotions
_MOST_NAMED = 3  # words or fields of a cell
_MOST_LETTERS = 28  # of a word in a cell
_LEAST_PCT = 1.0  # effects below it are not worth a word


@dataclass(frozen=True)
class Reason:
    """A row of the table."""

    promotion: str
    text: str
    against_average: Markup
    raising: list[Markup]  # words
    lowering: list[Markup]
    fields: list[Markup]


def section(page: Page) -> Section:
    """Two charts and a table, or why there is nothing to show."""
    found = page.run.explanations
    view: dict[str, Any] = {"missing": not found}
    if found:
        rate = found["rates"][-1]  # the last that is recorded
        test = found["comprehensiveness"].get(rate)
        view |= {
            "event": page.run.first_event if rate == "ctr" else page.run.second_event,
            "charts": [
                *([_fields_chart(page, rate)] if found["fields"] else []),
                *([_test_chart(page, rate)] if test else []),
            ],
            "tested": test is not None,
            "trusted": test is None or test["holds"],
            "rows": [_reason(page, rate, n) for n in range(min(SHOWN, len(found["promotions"])))],
            "by_word": _word_by_word(page) if test is None or test["holds"] else [],
            "columns": (
                tr("Word"),
                *(words.capital(_asked(page, name)) for name in found["rates"]),
            ),
            "note": _note(page, rate),
        }
    return Section("why", tr("Why these predictions"), "why.html", view, tr("Why"))


def _asked(page: Page, rate: str) -> str:
    """What a rate is the chance of, in words."""
    first, second = page.run.first_event, page.run.second_event
    return {
        "ctr": tr("“{}” per exposure").format(first),
        "cvr": tr("“{}” after “{}”").format(second, first),
        "ctcvr": tr("“{}” per exposure").format(second),
    }[rate]


def _fields_chart(page: Page, rate: str) -> Chart:
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
    ).format(_asked(page, rate), names[0], cells[order[0]])
    if len(order) > 1:
        note += Markup(tr(" Least by the {}: {}.")).format(names[-1], cells[order[-1]])
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


def _test_chart(page: Page, rate: str) -> Chart:
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


def _word_by_word(page: Page) -> list[tuple[Cell, ...]]:
    """Each word of the promotions shown, and what it does to each rate."""
    found = page.run.explanations
    return [
        (
            Markup("{}<small>{}</small>").format(
                _bare(word["word"]), page.run.promotions.get(each["promotion_id"], each["text"])
            ),
            *(
                page.numbers.percent(
                    f"explanations:promotions.{number}.words.{index}.pct.{rate}", word["pct"][rate]
                )
                for rate in found["rates"]
            ),
        )
        for number, each in enumerate(found["promotions"][:SHOWN])
        for index, word in enumerate(each["words"])
    ]


def _bare(word: str) -> str:
    """A word without the stops that end its clause; of a run of words the beginning."""
    bare = word.rstrip(",;:.") or word
    return bare if len(bare) <= _MOST_LETTERS else f"{bare[: _MOST_LETTERS - 1]}…"


def _note(page: Page, rate: str) -> Markup:
    found = page.run.explanations
    count, shown = len(found["promotions"]), min(SHOWN, len(found["promotions"]))
    text = Markup(
        tr(
            "The {} promotions with most planned money. “Against average” holds the "
            "chance of {} where the plan shows the promotion against the average of the "
            "{} promotions explained, and the fields say how it comes about. Words are "
            "held against the same text without them. Effects multiply: two words of +10 "
            "% make +21 %. What the wording and a column both tell, a discount for "
            "instance, is shared between them."
        )
    ).format(shown, _asked(page, rate), page.numbers.count("average:explained", count))
    more = found["promotions_in_plan"] - count
    if more > 0:
        text += Markup(tr(" The {} promotions with least money are not explained.")).format(
            page.numbers.count("average:not_explained", more)
        )
    return text


def _bars(values: list[float], at: list[float], colors: list[str]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": at,
        "width": 18,
        "marker": {"color": colors},
        "text": [percent_text(value, 1) for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "muted"},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _reason(page: Page, rate: str, number: int) -> Reason:
    found = page.run.explanations["promotions"][number]
    place = f"explanations:promotions.{number}"
    name = page.run.promotions.get(found["promotion_id"], found["promotion_id"])

    def told(label: str, key: str, effect: float) -> Markup:
        shown = page.numbers.percent(f"{place}.{key}.{rate}", effect, 0)
        return Markup("{} {}").format(label, shown)

    texts = [
        (float(word["pct"][rate]), _bare(word["word"]), f"words.{index}.pct")
        for index, word in enumerate(found["words"])
    ]
    fields = [
        (float(effect[rate]), words.field(field), f"fields.{field}")
        for field, effect in found["fields"].items()
    ]

    def largest(effects: list[tuple[float, str, str]]) -> list[Markup]:
        kept = [each for each in effects if abs(each[0]) >= _LEAST_PCT]
        kept.sort(key=lambda each: -abs(math.log1p(each[0] / 100)))
        return [told(label, key, effect) for effect, label, key in kept[:_MOST_NAMED]]

    return Reason(
        promotion=name,
        text="" if found["text"] == name else found["text"],
        against_average=page.numbers.percent(
            f"{place}.vs_average_pct.{rate}", found["vs_average_pct"][rate], 0
        ),
        raising=largest([each for each in texts if each[0] > 0]),
        lowering=largest([each for each in texts if each[0] < 0]),
        fields=largest(fields),
    )
