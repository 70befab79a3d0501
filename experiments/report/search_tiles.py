"""The tiles of a search: its best gain, its trials, and what it cost."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import search_words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE, bare, percent_text
from promopilot.experiments.report.search_view import Search, gain, practised, status_counts
from promopilot.experiments.report.tiles import Tile
from promopilot.experiments.tuning.trial import Trial


def tiles(search: Search) -> list[Tile]:
    """What is read first."""
    best = search.best
    found = [] if best is None else [_best(search, best)]
    return [*found, _trials(search), _practice(search)]


def _best(search: Search, best: Trial) -> Tile:
    reached = best.best.steps if best.best is not None else 0.0
    return Tile(
        tr("Best gain, on the flights that chose it"),
        gain(search, best),
        Markup(tr("{}, after {:,.0f} of {:,.0f} days")).format(
            search_words.trial_name(best.number), reached, search.length
        ),
    )


def _trials(search: Search) -> Tile:
    return Tile(
        tr("Trials"), Markup(bare(len(search.trials), 0)), Markup.escape(status_counts(search))
    )


def _practice(search: Search) -> Tile:
    done = practised(search.trials)
    whole = search.length * len(search.trials)
    took = sum(trial.history[-1].seconds for trial in search.trials if trial.history)
    return Tile(
        tr("Practice, of what trials of full length take"),
        Markup(percent_text(100 * done / whole, 0) if whole else NONE),
        Markup(tr("{:,.0f} of {:,.0f} days in simulation; {} of all trials together")).format(
            done, whole, search_words.duration(took)
        ),
    )
