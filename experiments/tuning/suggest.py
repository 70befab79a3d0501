"""What is tried next: points drawn beforehand, or suggested from how the trials before went."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune.search import Searcher

from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tuning.practice import GAIN, NUMBER, POINT
from promopilot.experiments.tuning.space import Domain
from promopilot.experiments.tuning.trial import Trial, Value

_Point = dict[str, Value]


def drawn(space: Sequence[Domain], count: int, seed: int) -> list[_Point]:
    """Points of a random search; the first are the same however many there are."""
    return [_draw(space, np.random.default_rng([seed, number])) for number in range(count)]


def grid(space: Sequence[Domain], count: int | None) -> list[_Point]:
    """Every combination of choices.

    Raises:
        ConfigError: There are more of them than trials were asked for.
    """
    points = [
        dict(zip((d.path for d in space), values, strict=True))
        for values in itertools.product(*(domain.values for domain in space))
    ]
    if count is not None and len(points) > count:
        raise ConfigError(
            f"the grid of `$.tune.space` has {len(points)} combinations, and --trials is {count}: "
            "leave --trials out, or name fewer values"
        )
    return points


def _draw(space: Sequence[Domain], rng: np.random.Generator) -> _Point:
    return {domain.path: _one(domain, rng) for domain in space}


def _one(domain: Domain, rng: np.random.Generator) -> Value:
    if domain.kind == "choice":
        return domain.values[int(rng.integers(len(domain.values)))]
    low, high = domain.ends
    if domain.kind == "int":
        return int(rng.integers(low, high + 1))
    if not domain.is_log:
        return float(rng.uniform(low, high))
    # A whole number stands for what would be rounded to it.
    half = 0.5 if domain.kind == "logint" else 0.0
    found = float(np.exp(rng.uniform(np.log(low - half), np.log(high + half))))
    return round(found) if domain.kind == "logint" else found


class Suggestions(Searcher):
    """Optuna's suggestions, numbered; trials of earlier sessions teach it, or are gone on with.

    Args:
        space: What is searched.
        trials: Those of earlier sessions.
        seed: Of the sampler, with the number of those trials: else it would draw theirs again.
    """

    def __init__(self, space: Sequence[Domain], trials: Sequence[Trial], seed: int) -> None:
        super().__init__(metric=GAIN, mode="max")
        self._inner = _optuna(space, seed + len(trials))
        self._waiting = [trial for trial in trials if not trial.is_over]
        self._next = 1 + max((trial.number for trial in trials), default=-1)
        self._resumed: dict[str, _Point] = {}
        for trial in trials:
            if trial.is_over:
                self._learn(dict(trial.parameters), trial.best.gain_pct if trial.best else None)

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next trial, as `practise` takes it."""
        if self._waiting:
            trial = self._waiting.pop(0)
            self._resumed[trial_id] = dict(trial.parameters)
            return {POINT: {NUMBER: trial.number, **trial.parameters}}
        values = self._inner.suggest(trial_id)
        if values is None:
            return None
        self._next += 1
        return {POINT: {NUMBER: self._next - 1, **values}}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tells the sampler; what is no number counts as failed."""
        gain = (result or {}).get(GAIN)
        is_number = gain is not None and gain == gain
        if trial_id in self._resumed:
            self._learn(self._resumed.pop(trial_id), gain if is_number else None)
        else:
            self._inner.on_trial_complete(trial_id, result if is_number else None, not is_number)

    def _learn(self, values: _Point, gain: float | None) -> None:
        self._inner.add_evaluated_point(values, gain, error=gain is None)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the trials' own files are what a search goes on from."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""


def _optuna(space: Sequence[Domain], seed: int) -> Any:
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Trials run side by side: those under way count as bad, so that they are not suggested twice.
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return OptunaSearch(distributions(space), metric=GAIN, mode="max", sampler=sampler)


def distributions(space: Sequence[Domain]) -> dict[str, Any]:
    """Optuna's distributions of a space, by path."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found: dict[str, Any] = {}
    for domain in space:
        if domain.kind == "choice":
            found[domain.path] = CategoricalDistribution(domain.values)
        else:
            make = IntDistribution if domain.is_whole else FloatDistribution
            low, high = domain.ends
            found[domain.path] = make(low, high, log=domain.is_log)
    return found
