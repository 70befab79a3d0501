"""What mattered: how much each setting tells of whether a trial is among the best."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import search_words, words
from promopilot.experiments.report.chart import Chart, axis, bar_rows, labelled_rows, layout
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import percent_sign, percent_text
from promopilot.experiments.report.search_view import Search
from promopilot.experiments.tuning.importance import LEAST, Importance, importance

_BAR = 18  # px
_LACKING = {
    "few": later(
        "Trials with a gain: {}. It takes {} to tell which settings set the good ones apart; a "
        "search of more trials can."
    ),
    "changing": later(
        "Settings changed while trials were under way, so that no gain belongs to one value of a "
        "setting, and none can be said to have mattered."
    ),
    "one": later(
        "Fewer than two settings differed between trials, so there is nothing to weigh against "
        "each other."
    ),
    "equal": later("No trial did better than most of the others, so no setting mattered."),
}


def importance_view(search: Search) -> tuple[list[Chart], list[str]]:
    """The chart, or none, and sentences that stand by it."""
    found = importance(search.record, search.trials)
    sentences = []
    if found.lacking is not None:
        sentences.append(tr(_LACKING[found.lacking]).format(found.trials, LEAST))
    if found.fixed and found.trials and found.lacking not in ("few", "changing"):
        names = words.listed([search_words.setting(path) for path in found.fixed])
        sentences.append(tr("The same in all trials, and so not weighed: {}.").format(names))
    return ([_chart(found)] if found.weights else []), sentences


def _chart(found: Importance) -> Chart:
    names = [search_words.setting(path) for path in found.weights]
    weights = list(found.weights.values())
    rows = labelled_rows(names, _BAR + 2)
    shown = [percent_text(100 * weight.share, 0) for weight in weights]
    colors = ["accent" if weight.is_beyond_chance else "before" for weight in weights]
    longest = max(max(weight.share, weight.chance) for weight in weights)
    ticks = [
        {"type": "line", "x0": 100 * weight.chance, "x1": 100 * weight.chance}
        | {"y0": y - _BAR / 2 - 3, "y1": y + _BAR / 2 + 3}
        | {"line": {"color": "warm", "width": 2, "dash": "dot"}}
        for y, weight in zip(rows.at, weights, strict=True)
    ]
    return Chart(
        id="search-importance",
        title=tr("How much of a good trial is put down to each setting"),
        traces=[bar_rows(rows.at, [100 * w.share for w in weights], colors, shown, _BAR)],
        layout=layout(
            yaxis=rows.axis,
            xaxis=axis(ticksuffix=percent_sign(), range=[0, 120 * longest], nticks=6),
            annotations=rows.names,
            shapes=ticks,
        ),
        height=rows.height + 40,
        note=_note(found, names),
        columns=(tr("Setting"), tr("Share"), tr("By chance alone, up to")),
        rows=[
            (words.capital(name), share, percent_text(100 * weight.chance, 0))
            for name, share, weight in zip(names, shown, weights, strict=True)
        ],
    )


def _note(found: Importance, names: list[str]) -> Markup:
    told = [
        name
        for name, weight in zip(names, found.weights.values(), strict=True)
        if weight.is_beyond_chance
    ]
    if told:
        first = tr("What sets the best third of the {} trials apart beyond chance: {}.")
        head = first.format(found.trials, words.listed(told))
    else:
        first = tr(
            "No setting sets the best third of the {} trials apart by more than chance would."
        )
        head = first.format(found.trials)
    rest = tr(
        "A bar is the setting's share by PED-ANOVA, which asks how differently its values are "
        "spread among the best third. The dotted mark is what 19 of 20 shuffles of the gains stay "
        "below; bars that end before it are grey. A share says nothing of which value is best."
    )
    return Markup.escape(tr(" ").join((head, rest)))
