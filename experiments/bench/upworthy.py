"""How well the predictor orders headlines of randomised tests that it has not seen.

Three fits as `predictor fit` makes them without a config, on the training stories alone; every
figure is the mean of the three on the test stories. "frozen" and "tfidf" are the baselines that a
model stores: the base model's vectors, or TF-IDF, over the same offset of the week.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.upworthy_fits import Bench, KeptFit, say
from promopilot.experiments.bench.upworthy_tables import StoryFolders
from promopilot.experiments.config import RunConfig
from promopilot.experiments.progress import stage_of
from promopilot.predictors import PredictorSettings
from promopilot.predictors.contenders import OURS

Progress = Callable[[str, float], None]
SEEDS = (0, 1, 2)
PREFIX = "upworthy_"  # of the figures' names
MEASURES = {"pair_accuracy": "share", "spearman": "", "log_loss": "nats/impression"}  # units
LEAST = {"pair_accuracy": 0.75, "spearman": 0.69}  # goals
LONGEST_FIT = 900.0  # seconds, on two cores
_BASELINES = ("base", "one_hot", "tfidf", "frozen")
_RIVALS = ("tfidf", "frozen")  # whose log-loss is to be undercut
# What each part is worth: settings of one more fit, seed 0.
ABLATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "rank_loss_off": {"rank_loss": 0.0, "level_sd": 0.0},
    "offset_off": {"time_offset": False},
    "linear_start_off": {
        "linear_start": False,
        "head_epochs": 2,
        "head_learning_rate": 1e-3,
    },
    "last_layer": {"text_layers": "last"},
    "all_of_the_tuning": {"tuned_share": 1.0},
    "mode_frozen": {"mode": "frozen"},
    "mode_top_2": {"mode": "top_k", "trainable_layers": 2},
    "mode_full": {"mode": "full"},
    "mode_lora": {"mode": "lora"},
}


def measure(
    stories: StoryFolders,
    out: Path,
    progress: Progress,
    ablations: bool = False,
    config: RunConfig | None = None,
) -> dict[str, Figure]:
    """Fits what is not kept in `out` yet, in up to a quarter of an hour a fit on two cores.

    Args:
        stories: of `write_stories`.
        out: folder that keeps each finished fit.
        progress: told what is done.
        ablations: whether to fit once more with each part left out, and in each mode.
        config: whose fits are measured; None: the defaults.

    Returns:
        Of each measure the predictor's figure and every baseline's; the predictor's minus the
        baseline's with the ends of the 95 % interval by story (`_low`, `_high`), against
        `tfidf` and `frozen`; the slowest fit's seconds, and what was scored. With `ablations` the
        measures and seconds of each. A figure that is not defined is absent.

    Raises:
        DataError: the stories break the contract.
        ConfigError: they are too few to be parted.
        MissingPackageError: the base model, or peft for the mode lora, is not installed.
        RunFolderError: `out` cannot be written.
    """
    plain = config or RunConfig()
    main = [plain.model_copy(update={"seed": seed}) for seed in SEEDS]
    others = {name: changed(main[0], change) for name, change in ABLATIONS.items()}
    wanted = [*main, *(others.values() if ablations else ())]
    found = _fits(Bench(stories, out), wanted, progress)
    figures = figures_of(found[: len(main)])
    if ablations:
        for name, kept in zip(others, found[len(main) :], strict=True):
            figures |= _ablation(f"{PREFIX}ablation_{name}", kept)
    return figures


def _fits(bench: Bench, wanted: Sequence[RunConfig], progress: Progress) -> list[KeptFit]:
    """The fit of each config; what is kept already comes first, two configs alike are one fit."""
    places = [bench.place(config) for config in wanted]
    found: dict[Path, KeptFit] = {}
    left: dict[Path, RunConfig] = {}
    for place, config in zip(places, wanted, strict=True):
        kept = bench.kept(config)
        if kept is None:
            left[place] = config
        elif place not in found:
            found[place] = kept
            say(f"takes up the finished fit in {place}")
    with stage_of(progress, "bench upworthy"):
        for at, (place, config) in enumerate(left.items()):
            found[place] = bench.fit(config, _part_of(progress, at, len(left)))
    return [found[place] for place in places]


def _part_of(progress: Progress, at: int, count: int) -> Progress:
    """Progress of one fit of several, as a share of them all, so that the time left is the whole's.

    A fit counts from 0 more than once; what is drawn never goes back.
    """
    furthest = at / count

    def tell(what: str, share: float) -> None:
        nonlocal furthest
        furthest = max(furthest, (at + min(share, 1.0)) / count)
        progress(f"fit {at + 1} of {count}: {what}", furthest)

    return tell


def changed(config: RunConfig, change: Mapping[str, Any]) -> RunConfig:
    """Returns the config with some of the predictor's settings changed."""
    settings = PredictorSettings(**(config.predictor.model_dump() | dict(change)))
    return config.model_copy(update={"predictor": settings})


def figures_of(fits: Sequence[KeptFit]) -> dict[str, Figure]:
    """Returns the means over fits that differ by their seed, with the goals."""
    figures: dict[str, Figure] = {}
    for measure, unit in MEASURES.items():
        name = f"{PREFIX}{measure}"
        values = {
            who: value
            for who in (OURS, *_BASELINES)
            if (value := _mean(fits, who, measure, "value")) is not None
        }
        if OURS not in values:
            continue
        ours = values.pop(OURS)
        figures[name] = figure(ours, unit, at_least=LEAST.get(measure))
        if measure == "log_loss":
            least = min(values[rival] for rival in _RIVALS)
            figures[name] = Figure(value=ours, unit=unit, goal=least, holds=ours < least)
        figures |= {f"{name}_{who}": figure(value, unit) for who, value in values.items()}
        for rival in _RIVALS:
            figures |= _difference(fits, measure, rival, unit)
    seconds = [kept.seconds for kept in fits if kept.seconds is not None]
    if seconds:
        figures[f"{PREFIX}fit_seconds"] = figure(max(seconds), "s", at_most=LONGEST_FIT)
    return figures | {
        f"{PREFIX}test_stories": figure(fits[0].stories, "stories"),
        f"{PREFIX}test_rows": figure(fits[0].rows, "rows"),
        f"{PREFIX}clear_pairs": figure(fits[0].clear_pairs, "pairs"),
    }


def _difference(fits: Sequence[KeptFit], measure: str, rival: str, unit: str) -> dict[str, Figure]:
    """The predictor's figure minus a rival's, with the ends of its interval."""
    name = f"{PREFIX}{measure}_minus_{rival}"
    figures: dict[str, Figure] = {}
    for end in ("", "_low", "_high"):
        value = _mean(fits, rival, measure, f"difference{end}")
        if value is not None:
            figures[name + end] = figure(value, unit)
    if measure == "pair_accuracy" and rival == "frozen" and f"{name}_low" in figures:
        low = figures[f"{name}_low"]["value"]
        figures[f"{name}_low"] = Figure(value=low, unit=unit, goal=0.0, holds=low > 0.0)
    return figures


def _ablation(name: str, kept: KeptFit) -> dict[str, Figure]:
    figures = {
        f"{name}_{measure}": figure(score.value, unit)
        for measure, unit in MEASURES.items()
        if (score := kept.score(OURS, measure)) is not None
    }
    if kept.seconds is not None:
        figures[f"{name}_seconds"] = figure(kept.seconds, "s")
    return figures


def _mean(fits: Sequence[KeptFit], contender: str, measure: str, field: str) -> float | None:
    """Mean of a field over the fits; None where one of them lacks it.

    All fits are resampled by the same draws of stories. Where draws are about normal, the mean of
    the ends of their intervals is no narrower than the interval of the mean: a sum's standard
    deviation is at most the sum of theirs.
    """
    scores = [kept.score(contender, measure) for kept in fits]
    values = [getattr(score, field) for score in scores if score is not None]
    if len(values) < len(fits) or None in values:
        return None
    return float(np.mean(values))
