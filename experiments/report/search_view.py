"""A search as its page shows it: trials with their figures, the best one, and what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from promopilot.experiments.report import search_words, words
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import NONE, Numbers, marked, percent_text
from promopilot.experiments.tuning.importance import compared
from promopilot.experiments.tuning.record import SearchRecord
from promopilot.experiments.tuning.trial import TRIALS, Trial


@dataclass(frozen=True)
class Search:
    """What the sections are made from."""

    record: SearchRecord
    trials: tuple[Trial, ...]  # by number

    @cached_property
    def compared(self) -> list[Trial]:
        """Trials with a gain that did not fail."""
        return compared(self.trials)

    @cached_property
    def best(self) -> Trial | None:
        """The one that best.yaml holds: of the highest gain, the first of several."""
        return max(self.compared, key=lambda one: gain_of(one), default=None)

    @cached_property
    def counts(self) -> Counter[str]:
        """Trials by status."""
        return Counter(trial.status for trial in self.trials)

    @cached_property
    def length(self) -> float:
        """Days of a whole trial; trials practise in batches, and may pass what was asked for."""
        return max(float(self.record.steps), *map(_last, self.trials), 0.0)

    @cached_property
    def decimals(self) -> int:
        """Of gains: as many as tell small ones apart."""
        return 2 if max(map(abs, map(gain_of, self.compared)), default=0.0) >= 1 else 3

    def percent(self, gain: float) -> str:
        """A gain as text."""
        return percent_text(gain, self.decimals, sign=True)

    @property
    def agent(self) -> str:
        """Plain name of whose settings were searched."""
        return words.policy(self.record.agent)

    @cached_property
    def ranks(self) -> dict[int, float]:
        """How good each trial is among those with a gain, from 0 to 1, by its number."""
        order = sorted(self.compared, key=gain_of)
        last = max(1, len(order) - 1)
        return {trial.number: at / last for at, trial in enumerate(order)}


def gain_of(trial: Trial) -> float:
    """The best gain of a trial that has one, per cent."""
    return trial.best.gain_pct if trial.best is not None else float("-inf")


def key(trial: Trial, what: str) -> str:
    """Where a figure of a trial is (see `numbers.marked`)."""
    return f"{TRIALS}/{trial.number:04d}/trial:{what}"


def gain(search: Search, trial: Trial) -> Markup:
    """The best gain of a trial; a dash where it has none."""
    if trial.best is None:
        return Markup(NONE)
    at = trial.history.index(trial.best)
    place = key(trial, f"history.{at}.gain_pct")
    return Numbers.percent(place, trial.best.gain_pct, search.decimals)


def steps(trial: Trial) -> Markup:
    """How long a trial practised, flight-days."""
    if not trial.history:
        return Markup(NONE)
    return Numbers.count(key(trial, f"history.{len(trial.history) - 1}.steps"), _last(trial))


def seconds(trial: Trial) -> Markup:
    """How long it took."""
    if not trial.history:
        return Markup(NONE)
    took = trial.history[-1].seconds
    place = key(trial, f"history.{len(trial.history) - 1}.seconds")
    return marked(place, took, search_words.duration(took))


def practised(trials: Sequence[Trial]) -> float:
    """Flight-days of all trials."""
    return sum(_last(trial) for trial in trials)


def settings_of(search: Search, trial: Trial) -> Iterator[tuple[str, str]]:
    """Plain name and value of each setting that was tried, in the order of the config."""
    for domain in search.record.domains:
        if domain.path in trial.parameters:
            yield (
                search_words.setting(domain.path),
                search_words.value(trial.parameters[domain.path]),
            )


def status_counts(search: Search) -> str:
    """9 to the end, 6 stopped early, 1 failed."""
    parts = [
        tr(text).format(search.counts[name])
        for name, text in _COUNTED.items()
        if search.counts[name]
    ]
    return tr(", ").join(parts)


_COUNTED = {
    "finished": later("{} to the end"),
    "stopped": later("{} stopped early"),
    "failed": later("{} failed"),
    "running": later("{} not over"),
}


def _last(trial: Trial) -> float:
    return trial.history[-1].steps if trial.history else 0.0
