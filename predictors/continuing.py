"""Going on from an earlier model: its weights, old rows beside the new, and a guard.

The earlier weights start, names that are new find room, and the network learns from the new rows
and from old ones that stand for all of them. What is kept is decided on choose rows of both ages:
see `guard`. Calendar, calibration, spreads and baselines are fitted anew, as in `training`.
"""

from dataclasses import asdict, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from promopilot.predictors.adapters import AdaptedEncoder
from promopilot.predictors.after_fit import after_fit
from promopilot.predictors.artifact import check_target, save_predictor
from promopilot.predictors.base_vectors import changed_weights, restored, vectors_of
from promopilot.predictors.baselines import StoredBaselines, fit_baselines
from promopilot.predictors.calendar import Calendar
from promopilot.predictors.checkpoint import Checkpoint
from promopilot.predictors.dataset import Rows
from promopilot.predictors.earlier import Earlier
from promopilot.predictors.encoder import encode
from promopilot.predictors.fitted_on import check_parts, data_record, fit_key
from promopilot.predictors.funnel import Funnel
from promopilot.predictors.guard import Judges, Verdict, decide, losses_of
from promopilot.predictors.held_out import joined_names, names_of
from promopilot.predictors.judged import judged_record
from promopilot.predictors.learning import Progress, learn
from promopilot.predictors.passes import Scribe
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.readable import readability, shown_texts, warn_of_texts
from promopilot.predictors.reader import Reader
from promopilot.predictors.recipes import Recipe, recipe_for
from promopilot.predictors.repeatable import repeatable
from promopilot.predictors.replay import History, Replay, replay, units_of
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import learning_layers
from promopilot.predictors.warm_start import (
    go_on_linearly,
    grown_funnel,
    grown_state,
    grown_vocabulary,
)

# What has learnt already needs fewer passes, a share of those it started with, and its head smaller
# steps. On the packaged retail panel (weeks 41 to 44 after 1 to 40) four times the passes scored
# no better on the choose rows of either age.
_PASSES_SHARE = 0.25
_HEAD_SHARE = 0.3


def continue_fit(
    earlier: Earlier,
    history: History,
    settings: PredictorSettings,
    out: Path,
    seed: int,
    progress: Progress = lambda what, share: None,
    checkpoint: Path | None = None,
    scribe: Scribe | None = None,
) -> Predictor:
    """Goes on from an earlier model and writes what is kept to `out`.

    Args:
        earlier: to go on from.
        history: old and new rows, each with some to learn from and some that choose.
        settings: what `earlier.settings` returned.
        out: folder to write; a predictor there is replaced, also the earlier one.
        seed: of the draw of old rows, the order of texts and dropout.
        progress: called with what is done and the share done, 0 to 1.
        checkpoint: as in `training.fit`; another earlier model's state is not taken up.
        scribe: takes each pass's losses, for TensorBoard.

    Returns:
        The predictor; its record's `continued` tells what was kept and why.

    Raises:
        PredictorDataError: a part has no events.
        ArtifactError: `out` holds something else.
    """
    _check(history)
    fit, choose = history.fit, _calibrating(history)
    check_target(out)
    own = earlier.predictor
    recipe = recipe_for(settings, fit)
    settings = settings.model_copy(update=asdict(recipe))
    found = readability(own.tokenizer, shown_texts(history.rows), settings.max_tokens)
    warn_of_texts(found)
    reader = Reader(
        own.tokenizer,
        grown_vocabulary(own.vocabulary, fit),
        Calendar.fit(fit, settings.extra_sd, settings.time_offset),
        settings,
        own.device,
    )
    again = replay(history, settings.replay_texts, seed)
    kept = None
    if checkpoint is not None:
        start = own.record["base_model"]["digests"] | {"earlier": earlier.seal}
        key = fit_key(again.rows, history.rows, settings, start, seed)
        kept = Checkpoint(checkpoint, key)
    judges = _judges(reader, history)
    with repeatable(own.device):
        torch.manual_seed(seed)
        layers = learning_layers(recipe, settings)
        funnel = grown_funnel(earlier, reader.vocabulary, settings, recipe, layers)
        before = grown_state(own.funnel, funnel)
        record = _learn(funnel, reader, again, history, recipe, seed, (progress, kept, scribe))
    progress("judging old and new", 1.0)
    own_reader = Reader(own.tokenizer, own.vocabulary, own.calendar, own.settings, own.device)
    as_it_was = losses_of(own.funnel, _judges(own_reader, history), own.calibration)
    verdict = decide(funnel, (before, _state(funnel)), judges, as_it_was)
    told = {"continued": _told(earlier, history, again, verdict)}
    if verdict.kept == "earlier":
        predictor = replace(own, record=own.record | told)
    else:
        progress("calibrating", 1.0)
        fitted, chosen = reader.part(fit), judges.calibrating
        if recipe.linear_start:
            fitted, chosen = fitted.ranked(), chosen.ranked()
        judged = after_fit(funnel, fitted, chosen, fit, choose, settings)
        progress("fitting what it is measured against", 1.0)
        predictor = Predictor(
            funnel=funnel,
            tokenizer=own.tokenizer,
            vocabulary=reader.vocabulary,
            calendar=reader.calendar,
            calibration=judged.calibration,
            spreads=judged.spreads,
            stages=own.stages,
            settings=settings,
            device=own.device,
            record={
                **record,
                **data_record(fit, choose),
                **judged.record,
                "split": _split(own.record["split"], history.rows),
                "judged": judged_record(own.record, fit, choose),
                "base_model": own.record["base_model"],
                "readability": found.to_json(),
                **told,
            },
            baselines=_baselines(own, funnel, reader, fit, choose),
        )
    save_predictor(predictor, earlier.encoder, out)
    progress("predictor written", 1.0)
    return predictor


def _check(history: History) -> None:
    """Refuses rows of an age and a purpose that hold no events."""
    for age, is_new in (("old", False), ("new", True)):
        fit, choose = (history.part(new=is_new, choose=choose) for choose in (False, True))
        check_parts(fit, choose, (f"{age} fit", f"{age} choose"))


def _learn(
    funnel: Funnel,
    reader: Reader,
    again: Replay,
    history: History,
    recipe: Recipe,
    seed: int,
    listeners: tuple[Progress, Checkpoint | None, Scribe | None],
) -> dict[str, Any]:
    """Learns from the new rows and the replayed; returns the record of the passes."""
    fitted = again.weigh(reader.part(again.rows))
    chosen = reader.part(_balanced(history))
    vectors = encode(funnel.encoder, fitted.tokens), encode(funnel.encoder, chosen.tokens)
    progress, kept, scribe = listeners
    if recipe.linear_start:
        progress("fitting the linear part", 0.0)
        go_on_linearly(funnel, fitted, vectors[0], reader.settings.text_sd)
        fitted, chosen = fitted.ranked(), chosen.ranked()
    warm = replace(
        recipe,
        head_epochs=ceil(_PASSES_SHARE * recipe.head_epochs),
        epochs=ceil(_PASSES_SHARE * recipe.epochs),
        head_learning_rate=_HEAD_SHARE * recipe.head_learning_rate,
    )
    record = learn(
        funnel, fitted, chosen, vectors, reader.settings, warm, seed, progress, kept, scribe
    )
    if isinstance(funnel.encoder, AdaptedEncoder):
        funnel.encoder = funnel.encoder.merged()
    funnel.eval()
    return record


def _judges(reader: Reader, history: History) -> Judges:
    old, new = (
        reader.part(_counted(history.part(new=is_new, choose=True))) for is_new in (False, True)
    )
    both = None if _is_later(history) else reader.part(_calibrating(history))
    return Judges(old, new, both or new, units_of(history.rows.promotions))


def _calibrating(history: History) -> Rows:
    """The choose rows on which calibration and spreads are fitted.

    Later days tell what has changed since the fit, so that the new ones alone do. Where groups
    choose, on all days, those of either age tell the same, and more of them tell it better.
    """
    if _is_later(history):
        return _counted(history.part(new=True, choose=True))
    return _counted(history.rows.pick(history.is_choose))


def _is_later(history: History) -> bool:
    new = history.part(new=True, choose=True)
    return bool(new.day.min() > history.fit.day.max())


def _balanced(history: History) -> Rows:
    """The choose rows of both ages, either age counting as much as the other."""
    rows, is_new = history.rows.pick(history.is_choose), history.is_new[history.is_choose]
    shown = rows.impressions
    old_weight = shown[is_new].sum() / max(shown[~is_new].sum(), 1)
    return replace(rows, weight=np.where(is_new, 1.0, old_weight))


def _counted(rows: Rows) -> Rows:
    """Recency weighs what is learnt; what is judged is counted as it was."""
    return replace(rows, weight=np.ones(len(rows)))


def _state(funnel: Funnel) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in funnel.state_dict().items()}


def _baselines(
    own: Predictor, funnel: Funnel, reader: Reader, fit: Rows, choose: Rows
) -> StoredBaselines | None:
    """What it is measured against, fitted on the same rows."""
    if own.baselines is None:
        return None
    base = restored(own.funnel.encoder, own.baselines.base_weights)
    baselines = fit_baselines(
        fit,
        choose,
        (reader.calendar.offset(fit), reader.calendar.offset(choose)),
        vectors_of(base, reader.tokenizer, reader.settings.max_tokens, reader.device),
    )
    return StoredBaselines(baselines, changed_weights(base, funnel.encoder))


def _split(earlier: dict[str, Any], used: Rows) -> dict[str, Any]:
    """What `held_out` needs to know what was used, now and by the earlier model."""
    if earlier["by"] == "time":
        return {"by": "time", "learned_until": int(used.day.max())}
    return {"by": "group", **joined_names(earlier, names_of(used))}


def _told(earlier: Earlier, history: History, again: Replay, verdict: Verdict) -> dict[str, Any]:
    """What predictor.json tells of where the model came from and what was decided."""
    before = earlier.predictor.record
    parts = {
        age: data_record(*(history.part(new=is_new, choose=choose) for choose in (False, True)))
        for age, is_new in (("old", False), ("new", True))
    }
    return {
        **verdict.to_json(),
        "from": {
            "seal": earlier.seal,
            "promopilot": earlier.written_by,
            "data": before["data"],
        },
        "lineage": [*before.get("continued", {}).get("lineage", []), earlier.seal],
        "rows": {age: part["data"] for age, part in parts.items()},
        "replayed": {"texts": again.texts, "of_texts": again.of_texts},
    }
