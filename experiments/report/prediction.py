"""How good the predictor is on the flight's own days, and who wins."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import trust, words
from promopilot.experiments.report.chart import Chart, axis, bar_rows, labelled_rows, layout
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE, marked, percent_sign, percent_text
from promopilot.experiments.report.section import Page, Section
from promopilot.predictors.readable import MOST_UNREAD

# Differences in error below this share of the one-rate error decide nothing.
EVEN = 0.005


def section(page: Page) -> Section:
    """Error beside the simpler ways, or why there is none to show."""
    scores = page.run.scores
    view = {
        "charts": [_chart(page), *trust.charts(page)] if scores else [],
        "facts": [*_facts(page), *trust.facts(page)] if scores else [],
        "warnings": _warnings(page),
        "missing": not scores,
        "first_event": page.run.first_event,
        "second_event": page.run.second_event,
    }
    return Section(
        "predictor", tr("How good the predictions are"), "predictor.html", view, tr("Predictor")
    )


def _warnings(page: Page) -> list[Markup]:
    """What the language model could not read, where that is worth a warning in a fit too."""
    found, key = page.run.readability, "predictor:record.readability"
    unread, cut = found.get("unread_share", 0.0), found.get("cut_share", 0.0)
    warnings = []
    if unread > MOST_UNREAD:
        warnings.append(
            Markup(
                tr(
                    "The language model cannot read {} of the letters of the promotions' texts: "
                    "its vocabulary lacks them. There its predictions rest on the other columns; "
                    "a multilingual base model would read them."
                )
            ).format(page.numbers.share(f"{key}.unread_share", unread))
        )
    if cut > 0:
        warnings.append(
            Markup(
                tr(
                    "Of the promotions' texts {} are longer than the {} pieces of words that the "
                    "language model reads; what comes after plays no part."
                )
            ).format(
                marked(
                    f"{key}.cut_share",
                    cut,
                    percent_text(100 * cut, 0) if cut >= 0.01 else tr("few"),
                ),
                page.numbers.count(f"{key}.max_tokens", found["max_tokens"]),
            )
        )
    return warnings


def _errors(page: Page) -> dict[str, tuple[str, float]]:
    """Key and error by contender, the predictor last."""
    scores = page.run.scores
    errors = {"base": ("scores:test.log_loss_base", float(scores["log_loss_base"]))}
    for name, value in scores["baselines"].items():
        errors[name] = (f"scores:test.baselines.{name}", float(value))
    return errors | {"predictor": ("scores:test.log_loss", float(scores["log_loss"]))}


def _chart(page: Page) -> Chart:
    errors = _errors(page)
    base = errors["base"][1]
    saved = {
        name: 100 * (1 - value / base) for name, (_, value) in errors.items() if name != "base"
    }
    order = sorted(saved, key=lambda name: (-saved[name], name != "predictor"))
    names = [words.baseline(name)[0] for name in order]
    rows = labelled_rows(names, 20)
    values = [saved[name] for name in order]
    low, high = min(0.0, *values), max(0.0, *values)
    colors = ["accent" if name == "predictor" else "before" for name in order]
    bars = bar_rows(rows.at, values, colors, [percent_text(value, 2) for value in values], 18)
    bars |= {"hovertemplate": tr("%{text} less error<extra></extra>")}
    span = (high - low) or 1.0
    return Chart(
        id="prediction",
        title=tr("Error saved against one average rate for everything"),
        traces=[bars],
        layout=layout(
            yaxis=rows.axis,
            xaxis=axis(ticksuffix=percent_sign(), range=[low * 1.1, low + span * 1.2], nticks=6),
            annotations=rows.names,
        ),
        height=rows.height + 40,
        note=_note(page, {name: value / 100 for name, value in saved.items()}),
        columns=(
            tr("Predicted by"),
            tr("What it knows"),
            tr("Error per exposure"),
            tr("Less than one rate"),
            tr("Fine-tuned against it"),
        ),
        rows=[
            (
                words.baseline(name)[0],
                words.baseline(name)[1],
                page.numbers.decimal(key, value, 6),
                NONE if name == "base" else _saved(page, name),
                _against(page, name, key, value),
            )
            for name, (key, value) in errors.items()
        ],
    )


def _against(page: Page, name: str, key: str, value: float) -> Markup:
    """How much more error the predictor makes than a contender, 95 % interval in per cent of it."""
    known = page.run.scores.get("differences", {}).get(name)
    if known is None:
        return Markup(NONE)
    ends = (
        page.numbers.share(f"scores:test.differences.{name}.ci95.{at} / {key}", end / value, 2)
        for at, end in enumerate(known["ci95"])
    )
    return Markup(tr("{} to {}")).format(*ends)


def _is_even(page: Page, ours: float, best: str, theirs: float) -> bool:
    """Whether a difference is too small to matter, or may be chance."""
    if abs(ours - theirs) < EVEN:
        return True
    known = page.run.scores.get("differences", {}).get(best)
    return known is not None and known["ci95"][0] <= 0.0 <= known["ci95"][1]


def _saved(page: Page, name: str) -> Markup:
    """Share of the one-rate error that a contender saves."""
    errors = _errors(page)
    (base_key, base), (key, error) = errors["base"], errors[name]
    return page.numbers.share(f"{base_key} - {key} / {base_key}", 1 - error / base, 2)


def _note(page: Page, saved: dict[str, float]) -> Markup:
    ours = saved["predictor"]
    rivals = {name: value for name, value in saved.items() if name != "predictor"}
    best = max(rivals, key=lambda name: rivals[name])
    text = Markup(
        tr(
            "On the flight's own days, read only after the plan was written, the "
            "fine-tuned language model makes {} less error than one average rate. The "
            "best of the simpler ways, “{}”, saves {}: "
        )
    ).format(_saved(page, "predictor"), words.baseline(best)[0], _saved(page, best))
    if _is_even(page, ours, best, rivals[best]):
        text += Markup(tr("no real difference."))
    elif ours > rivals[best]:
        text += Markup(tr("the language model wins."))
    else:
        text += Markup(tr("it wins, and would have predicted better than the model in use."))
    without = rivals.get("one_hot")
    if without is not None and ours - without < EVEN:
        text += Markup(
            tr(" Without reading any text it is {}: here the wording adds next to nothing.")
        ).format(_saved(page, "one_hot"))
    return text


def _facts(page: Page) -> list[tuple[str, Markup, str]]:
    """Label, value and meaning of the other measures."""
    scores, numbers = page.run.scores, page.numbers
    facts = []
    if "spearman" in scores:
        facts.append(
            (
                tr("Ranking agreement"),
                numbers.decimal("scores:test.spearman", scores["spearman"]),
                tr(
                    "between predicted and observed order of line items with enough events; 1 is "
                    "the same order, 0 is chance"
                ),
            )
        )
    facts.append(
        (
            tr("Typical miss"),
            marked(
                "scores:test.ece",
                scores["ece"],
                tr("{:.1f} in 10,000").format(10000.0 * scores["ece"]),
            ),
            tr("exposures, by which the predicted share that {} is off").format(
                page.run.second_event
            ),
        )
    )
    if "pair_accuracy" in scores:
        facts.append(
            (
                tr("Pairs in the right order"),
                numbers.share("scores:test.pair_accuracy", scores["pair_accuracy"]),
                tr("of the pairs inside a test whose observed difference is more than chance"),
            )
        )
    facts.append(
        (
            tr("Scored on"),
            numbers.count("scores:test.impressions", scores["impressions"]),
            tr("exposures of the flight's days"),
        )
    )
    return facts
