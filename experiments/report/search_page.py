"""The page of a search: which settings did best, how sure that is, and what all trials did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from promopilot.experiments.manifest import versions
from promopilot.experiments.report import search_words, words
from promopilot.experiments.report.language import Language, later, plural, speaking, tr
from promopilot.experiments.report.numbers import bare
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.search_curves import curves_chart
from promopilot.experiments.report.search_importance import importance_view
from promopilot.experiments.report.search_tiles import tiles
from promopilot.experiments.report.search_trials import trials_section
from promopilot.experiments.report.search_tried import tried_chart
from promopilot.experiments.report.search_view import Search, gain, gain_of, settings_of
from promopilot.experiments.report.section import Section
from promopilot.experiments.tuning.record import SearchRecord
from promopilot.experiments.tuning.trial import Trial


def render_search(record: SearchRecord, trials: Sequence[Trial], language: Language) -> str:
    """One self-contained HTML page.

    Args:
        record: What was searched, and how.
        trials: Those that were begun; some may not be over yet.
        language: The page's.
    """
    search = Search(record, tuple(sorted(trials, key=lambda trial: trial.number)))
    with speaking(language):
        heading = tr("Settings of the {}").format(search.agent)
        title = tr("Search for settings of the {}").format(search.agent)
        return render_page(_sections(search), title, tr("search for settings"), heading)


def _sections(search: Search) -> list[Section]:
    sections = [_summary(search)]
    if search.compared:
        charts, sentences = importance_view(search)
        sections += [
            _charts("tried", tr("What was tried"), [tried_chart(search)], [_how(search)]),
            _charts("mattered", tr("What mattered"), charts, sentences),
            _charts("learnt", tr("How trials learnt"), [curves_chart(search)]),
        ]
    if search.trials:
        sections.append(trials_section(search))
    return [*sections, _provenance(search)]


def _charts(name: str, title: str, charts: list[Any], sentences: Sequence[str] = ()) -> Section:
    view = {"charts": charts, "sentences": sentences}
    return Section(name, title, "search_charts.html", view)


def _how(search: Search) -> str:
    return search_words.how(search.record.method, search.record.scheduler)


def _summary(search: Search) -> Section:
    view: dict[str, Any] = {
        "lead": _lead(search),
        "cautions": _cautions(search),
        "tiles": tiles(search),
        "settings": [],
        "next": "",
    }
    if search.best is not None and gain_of(search.best) > 0:
        view["next"] = tr(
            "In the folder of this search; it makes a plan with these settings, and measures them "
            "on test flights:"
        )
    if search.best is not None:
        view["settings"] = [
            (words.capital(name), value) for name, value in settings_of(search, search.best)
        ]
    return Section("summary", tr("Summary"), "search_summary.html", view)


def _lead(search: Search) -> Markup:
    best = search.best
    if best is None:
        return Markup.escape(tr("No trial has a gain, so nothing can be said of any setting."))
    objective = words.objective(search.record.objective)
    if gain_of(best) <= 0:
        text = tr(
            "Nothing that was tried brought more {} than the daily re-optimiser on the validation "
            "flights: the best reached {}. Leave the settings as they are."
        )
        return Markup(text).format(objective, gain(search, best))
    if len(search.compared) == 1:
        text = tr(
            "The only trial with a gain brings more {} than the daily re-optimiser on the "
            "validation flights: {}."
        )
        return Markup(text).format(objective, gain(search, best))
    text = tr(
        "The best of {} brings more {} than the daily re-optimiser on the validation flights: {}."
    )
    return Markup(text).format(
        search_words.trials_of(len(search.compared)), objective, gain(search, best)
    )


def _cautions(search: Search) -> list[str]:
    cautions = []
    others = search.record.trials - sum(trial.is_over for trial in search.trials)
    if others > 0:
        one = later("{} trial is not over yet: this page is of a search under way.")
        many = later("{} trials are not over yet: this page is of a search under way.")
        cautions.append(plural(others, one, many).format(bare(others, 0)))
    if len(search.compared) > 1 and max(map(gain_of, search.compared)) > 0:
        cautions.append(
            tr(
                "Expect less than this gain: the validation flights that it was measured on also "
                "chose the best of {}, and part of being the best is luck. What these settings "
                "bring on flights that chose nothing, only a run tells."
            ).format(search_words.trials_of(len(search.compared)))
        )
    return cautions


def _provenance(search: Search) -> Section:
    record = search.record
    view = {
        "domains": [
            (
                words.capital(search_words.setting(domain.path)),
                domain.path,
                domain.kind,
                tr(", ").join(search_words.value(value) for value in domain.values),
            )
            for domain in record.domains
        ],
        "record": [
            (name, str(getattr(record, name)))
            for name in ("agent", "objective", "method", "scheduler", "trials", "steps")
        ],
        "names": [
            (search.agent, record.agent),
            (words.policy("replanner"), "replanner"),
            (tr("gain on the validation flights"), "gain_pct"),
            (tr("days practised"), "steps"),
        ],
        "versions": list(versions().items()),
    }
    return Section("provenance", tr("Provenance"), "search_provenance.html", view)
