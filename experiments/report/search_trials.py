"""All trials of a search in a table, and what went wrong with those that failed."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import search_words, words
from promopilot.experiments.report.chart import Cell
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE, Numbers, marked
from promopilot.experiments.report.search_view import Search, gain, gain_of, key, seconds, steps
from promopilot.experiments.report.section import Section
from promopilot.experiments.tuning.table import one_line
from promopilot.experiments.tuning.trial import Trial

_LONGEST = 400  # characters of an error that are shown; its file holds the rest


def trials_section(search: Search) -> Section:
    """The table, the best trial first."""
    ordered = sorted(search.trials, key=lambda trial: _place(search, trial))
    settings = (
        words.capital(search_words.setting(domain.path)) for domain in search.record.domains
    )
    view: dict[str, Any] = {
        "caption": tr("Trials, the best first"),
        "columns": (
            *(tr("Trial"), tr("Gain"), tr("Ended"), tr("Days practised"), tr("Time")),
            *settings,
        ),
        "rows": [_row(search, trial) for trial in ordered],
        "failed": [
            (search_words.trial_name(trial.number), _error(trial))
            for trial in search.trials
            if trial.status == "failed"
        ],
    }
    return Section("trials", tr("All trials"), "search_trials.html", view)


def _place(search: Search, trial: Trial) -> tuple[bool, float, int]:
    has_gain = trial.number in search.ranks
    return not has_gain, -gain_of(trial) if has_gain else 0.0, trial.number


def _row(search: Search, trial: Trial) -> tuple[Cell, ...]:
    paths = [domain.path for domain in search.record.domains]
    return (
        Numbers.count(key(trial, "number"), trial.number),
        gain(search, trial),
        Markup('<span class="n">{}</span>').format(search_words.status(trial.status)),
        steps(trial),
        seconds(trial),
        *(_value(trial, path) for path in paths),
    )


def _value(trial: Trial, path: str) -> Cell:
    """A setting's value; numbers carry themselves, so that a table sorts by them."""
    value = trial.parameters.get(path)
    if value is None:
        return NONE
    shown = search_words.value(value)
    if isinstance(value, str | bool):
        return shown
    return marked(key(trial, f"parameters.{path}"), value, shown)


def _error(trial: Trial) -> str:
    text = one_line(trial.error or "")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
