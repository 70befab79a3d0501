"""A fitted predictor as a reward model: rates from texts, calibrated to the log's reward.

A log whose actions are promotions, and whose columns x_placement, x_segment and timestamp tell the
context, is scored once: a rate for every promotion in every context, each distinct text encoded
once. Rates are not rewards; a cross-fitted regression of the log's reward on them, with a slope per
promotion drawn towards the common one, makes them so (`reward_regressors`, with `ActionScores`). So
a promotion that the log hardly shows is still judged by its text.

The predictor is taken as it is: it must have been fitted on what happened before the log. One that
has seen the log's own rewards is as bad as a model that is not cross-fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.nuisance.action_scores import ActionScores
from promopilot.experiments.ope.nuisance.log_contexts import LogContexts
from promopilot.experiments.tables import Tables

if TYPE_CHECKING:
    from promopilot.predictors import Prediction, PredictorHost

# The action that shows no promotion (design: the logged decision).
_NONE = "none"
# Rows scored at once; each holds some 50 numbers.
_ROWS = 200_000
_WEEKDAYS = 7


def predicted_scores(
    model: Path, tables: Tables, actions: Sequence[str], contexts: LogContexts
) -> ActionScores:
    """Predicted rates of every action in every context, and their log-odds.

    Args:
        model: a folder of `predictor fit`.
        tables: with the texts of the promotions.
        actions: ids of promotions, and `none`, which has no rates.
        contexts: of the log; where it tells no dates, rates are means over the seven weekdays.

    Returns:
        Scores [C, A, S]: the rate per impression of the last recorded stage, and the log-odds of
        each stage's.

    Raises:
        LogError: an action that is no promotion.
        ArtifactError: the model is missing or altered.
    """
    from promopilot.predictors import open_host

    known = set(tables.promotions["promotion_id"])
    for action in actions:
        if action != _NONE and action not in known:
            raise LogError(
                f"action {action!r} is no promotion of the tables in {tables.folder}, so a "
                f"predictor cannot score it; name other tables, or another reward model."
            )
    shown = [at for at, action in enumerate(actions) if action != _NONE]
    ids = np.array(actions, dtype=object)[shown]
    frame = contexts.frame()
    host = open_host(model)
    size = max(1, _ROWS // (max(1, len(ids)) * _WEEKDAYS))
    parts = [
        _scores(host, tables, ids, frame.iloc[start : start + size])
        for start in range(0, len(frame), size)
    ]
    host.close()
    found = np.concatenate(parts)
    values = np.full((len(frame), len(actions), found.shape[2]), np.nan)
    values[:, shown] = found
    return ActionScores(values)


def _scores(
    host: PredictorHost, tables: Tables, ids: np.ndarray, contexts: pd.DataFrame
) -> FloatArray:
    """Scores [c, ids, S]; contexts without a date are scored on each weekday and averaged."""
    from promopilot.predictors import line_item_rows

    repeats = 1 if "date" in contexts else _WEEKDAYS
    items = contexts.loc[contexts.index.repeat(len(ids) * repeats)].reset_index(drop=True)
    items["promotion_id"] = np.tile(np.repeat(ids, repeats), len(contexts))
    if "date" not in items:
        items["weekday"] = np.tile(np.arange(_WEEKDAYS), len(contexts) * len(ids))
    rows = line_item_rows(
        tables.promotions, tables.placements, tables.segments, items, host.settings
    )
    scores = _columns(host.predict(rows))
    return np.asarray(scores.reshape(len(contexts), len(ids), repeats, -1).mean(axis=2))


def _columns(prediction: Prediction) -> FloatArray:
    rates = [rate for rate in (prediction.ctr, prediction.cvr) if rate is not None]
    odds = [np.log(rate) - np.log1p(-rate) for rate in rates or [prediction.last]]
    return np.column_stack([prediction.last, *odds])
