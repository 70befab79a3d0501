"""Which settings of a search set good trials apart from the others, by Optuna's PED-ANOVA."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from promopilot.envs.arrays import Floats
from promopilot.experiments.tuning.record import SearchRecord
from promopilot.experiments.tuning.trial import Trial

if TYPE_CHECKING:
    from optuna.study import Study

# The share of trials that count as good; as many as asha lets go on. PED-ANOVA (Watanabe et al.
# 2023) asks only who is among them, so that it is no matter that the others were measured earlier.
GOOD = 1 / 3
# With fewer trials than this the good ones are three: hardly better than guessing.
LEAST = 12
_SHUFFLES = 100  # of gains among trials: what chance alone makes of settings
_CHANCE = 0.95  # share of shuffles that stay below what is told as chance

# few: too few trials; changing: settings changed on the way; one: no two settings varied; equal:
# good trials are no better than the others.
Lacking = Literal["few", "changing", "one", "equal"]


@dataclass(frozen=True)
class Weight:
    """How much of what sets good trials apart is put down to one setting."""

    share: float  # of 1, over all settings that varied
    chance: float  # what it comes to in 19 of 20 shuffles of the gains among the trials

    @property
    def is_beyond_chance(self) -> bool:
        """Whether chance alone would hardly do that."""
        return self.share > self.chance


@dataclass(frozen=True)
class Importance:
    """The weight of each setting, or why there is none."""

    trials: int  # that have a gain
    weights: Mapping[str, Weight] = field(default_factory=dict)  # by path, the largest first
    lacking: Lacking | None = None
    fixed: tuple[str, ...] = ()  # paths of settings that took one value in all trials


def compared(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that have a finite gain and did not fail, by number."""
    found = [
        trial
        for trial in trials
        if trial.status != "failed" and trial.best and math.isfinite(trial.best.gain_pct)
    ]
    return sorted(found, key=lambda trial: trial.number)


def importance(record: SearchRecord, trials: Sequence[Trial]) -> Importance:
    """How much each setting tells of whether a trial is among the best third.

    Args:
        record: Its domains say what was searched.
        trials: All of the search; those without a gain are left out.
    """
    found = compared(trials)
    varied = [d.path for d in record.domains if len({t.parameters[d.path] for t in found}) > 1]
    fixed = tuple(domain.path for domain in record.domains if domain.path not in varied)
    lacking: Lacking | None = None
    if record.scheduler == "pbt":
        lacking = "changing"
    elif len(found) < LEAST:
        lacking = "few"
    elif len(varied) < 2:
        lacking = "one"
    gains = np.array([trial.best.gain_pct for trial in found if trial.best is not None])
    if lacking is None and _no_third_is_better(gains):
        lacking = "equal"
    if lacking is not None:
        return Importance(len(found), lacking=lacking, fixed=fixed)
    study = _study(record, found)
    shares = _shares(study, gains, varied)
    rng = np.random.default_rng(0)
    by_chance = [_shares(study, rng.permutation(gains), varied) for _ in range(_SHUFFLES)]
    weights = {
        path: Weight(shares[path], float(np.quantile([one[path] for one in by_chance], _CHANCE)))
        for path in sorted(varied, key=lambda path: -shares[path])
    }
    return Importance(len(found), weights, fixed=fixed)


def _no_third_is_better(gains: Floats) -> bool:
    """Whether so many trials are as good as the best third that nobody is worse."""
    least = np.sort(gains)[::-1][int(np.ceil(GOOD * len(gains))) - 1]
    return bool((gains >= least).all())


def _study(record: SearchRecord, trials: Sequence[Trial]) -> Study:
    import optuna

    from promopilot.experiments.tuning.suggest import distributions

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    space = distributions(record.domains)
    for trial in trials:
        value = trial.best.gain_pct if trial.best is not None else None
        parameters = {path: trial.parameters[path] for path in space}
        study.add_trial(
            optuna.trial.create_trial(params=parameters, distributions=space, value=value)
        )
    return study


def _shares(study: Study, gains: Floats, varied: list[str]) -> dict[str, float]:
    """Shares of settings that varied, with these gains `[N]`, per cent, of the study's trials."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    with warnings.catch_warnings():
        # That less is taken for better, hence the minus.
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
        found = get_param_importances(
            study,
            evaluator=PedAnovaImportanceEvaluator(target_quantile=GOOD),
            params=varied,
            target=lambda trial: -float(gains[trial.number]),
        )
    return {path: float(share) for path, share in found.items()}
