"""Why the predictions are as they are: fields, words, and whether the words can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.section import Page, Section
from promopilot.experiments.report.why_charts import asked, deletion_chart, differ, fields_chart

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
                *([fields_chart(page, rate)] if differ(found["fields"], rate) else []),
                *([deletion_chart(page, rate)] if test else []),
            ],
            "tested": test is not None,
            "trusted": test is None or test["holds"],
            "rows": [_reason(page, rate, n) for n in range(min(SHOWN, len(found["promotions"])))],
            "by_word": _word_by_word(page) if test is None or test["holds"] else [],
            "columns": (
                tr("Word"),
                *(words.capital(asked(page, name)) for name in found["rates"]),
            ),
            "note": _note(page, rate),
        }
    return Section("why", tr("Why these predictions"), "why.html", view, tr("Why"))


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
        if _is_word(word["word"])
    ]


def _is_word(text: str) -> bool:
    """Whether there is a letter or a figure in it: stops are no words."""
    return any(letter.isalnum() for letter in text)


def _bare(word: str) -> str:
    """A word without the stops that end its clause; of a run of words the beginning."""
    bare = word.rstrip(",;:.") or word
    return bare if len(bare) <= _MOST_LETTERS else f"{bare[: _MOST_LETTERS - 1]}…"


def _note(page: Page, rate: str) -> Markup:
    found = page.run.explanations
    count, shown = len(found["promotions"]), min(SHOWN, len(found["promotions"]))
    lead = plural(
        shown,
        later("The promotion with most planned money."),
        later("The {} promotions with most planned money."),
    )
    text = Markup(lead + tr(" ")).format(shown) + Markup(
        tr(
            "“Against average” holds the chance of {} where the plan shows the promotion against "
            "the average of all that are explained ({}), and the fields say how it comes about. "
            "Words are held against the same text without them. Effects multiply: two words of +10 "
            "% make +21 %. What the wording and a column both tell, a discount for "
            "instance, is shared between them."
        )
    ).format(asked(page, rate), page.numbers.count("average:explained", count))
    more = found["promotions_in_plan"] - count
    if more > 0:
        text += Markup(
            plural(
                more,
                later(" The {} promotion with least money is not explained."),
                later(" The {} promotions with least money are not explained."),
            )
        ).format(page.numbers.count("average:not_explained", more))
    return text


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
        if _is_word(word["word"])
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
