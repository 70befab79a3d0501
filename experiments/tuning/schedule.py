"""When a trial is given up, or goes on from a better one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from ray import tune
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    PopulationBasedTraining,
    TrialScheduler,
)

from promopilot.experiments.config import RunConfig
from promopilot.experiments.tuning.practice import GAIN, NUMBER, POINT, STEPS
from promopilot.experiments.tuning.space import Domain
from promopilot.experiments.tuning.trial import Trial

_FIRST_RUNG, _FIRST_EXCHANGE = 9, 4  # shares of the full length


def scheduler_of(
    config: RunConfig, space: Sequence[Domain], trials: Sequence[Trial]
) -> TrialScheduler:
    """The scheduler of a search.

    Args:
        config: `tune` and the agent's length decide.
        space: What is searched; pbt changes it.
        trials: Those of earlier sessions, whom asha compares later ones with.
    """
    settings = getattr(config.agents, config.tune.agent)
    given: dict[str, Any] = {"metric": GAIN, "mode": "max", "time_attr": STEPS}
    asked = config.tune.scheduler
    if asked == "none":
        return FIFOScheduler()
    share = _FIRST_RUNG if asked == "asha" else _FIRST_EXCHANGE
    grace = config.tune.grace_steps or max(settings.steps // share, settings.evaluate_every)
    grace = max(1, min(grace, settings.steps))
    if asked == "pbt":
        by_path = {domain.path: domain for domain in space}
        return _Population(
            perturbation_interval=grace,
            hyperparam_mutations={POINT: {path: _resampled(d) for path, d in by_path.items()}},
            custom_explore_fn=lambda found: _inside(found, by_path),
            **given,
        )
    asha = AsyncHyperBandScheduler(
        max_t=max(settings.steps, grace),
        grace_period=grace,
        reduction_factor=config.tune.reduction,
        stop_last_trials=False,  # they end by themselves, with their policy
        **given,
    )
    for trial in trials:
        _tell(asha, trial)
    return asha


class _Population(PopulationBasedTraining):
    """Trials that take over a better one's settings and state, but stay who they are."""

    def _get_new_config(self, trial: Any, trial_to_clone: Any) -> tuple[dict[str, Any], Any]:
        found, operations = super()._get_new_config(trial, trial_to_clone)
        number = trial.config[POINT][NUMBER]
        return {**found, POINT: {**found[POINT], NUMBER: number}}, operations


def _tell(asha: Any, trial: Trial) -> None:
    """Lets a scheduler know of a trial that it has not seen."""
    if not trial.is_over:
        return
    known, best = SimpleNamespace(trial_id=f"earlier-{trial.number}"), float("-inf")
    asha.on_trial_add(None, known)
    for measure in trial.history:
        best = max(best, measure.gain_pct) if measure.counts else best
        told = best if math.isfinite(best) else float("nan")
        asha.on_trial_result(None, known, {STEPS: measure.steps, GAIN: told})
    asha.on_trial_remove(None, known)


def _resampled(domain: Domain) -> Any:
    """A setting as pbt draws it anew."""
    if domain.kind == "choice":
        return list(domain.values)
    low, high = domain.ends
    make: Any = {
        "uniform": tune.uniform,
        "loguniform": tune.loguniform,
        "int": tune.randint,
        "logint": tune.lograndint,
    }[domain.kind]
    return make(low, high + 1 if domain.is_whole else high)


def _inside(found: dict[str, Any], space: dict[str, Domain]) -> dict[str, Any]:
    """A point that pbt has moved, brought back between the ends of its domains."""
    point: dict[str, Any] = dict(found[POINT])
    for path, domain in space.items():
        if domain.kind != "choice":
            low, high = domain.ends
            point[path] = min(max(point[path], low), high)
    return {**found, POINT: point}
