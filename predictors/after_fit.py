"""What is made of a learnt network on the choose rows: calibration and uncertainty.

C is cells, Z stages.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from promopilot.predictors.backtest import look_back, stranger_spread
from promopilot.predictors.calibration import Calibration, calibrate
from promopilot.predictors.dataset import Floats, Rows
from promopilot.predictors.encoder import encode
from promopilot.predictors.funnel import Funnel
from promopilot.predictors.logistic import sigmoid
from promopilot.predictors.objective import Part
from promopilot.predictors.predictor import fuse
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import (
    LEAST_STRANGERS,
    Residuals,
    StageSpread,
    estimate_spread,
    scaled,
    spread_between,
)
from promopilot.predictors.vocabulary import UNKNOWN, digest_of


@dataclass(frozen=True)
class AfterFit:
    """How the network's logits are read."""

    calibration: Calibration
    spreads: tuple[StageSpread, ...]  # one per stage, in a funnel then one of both together
    record: dict[str, Any]  # what the spreads rest on


def after_fit(
    funnel: Funnel,
    fitted: Part,
    chosen: Part,
    train: Rows,
    choose: Rows,
    settings: PredictorSettings,
) -> AfterFit:
    """Calibrates on the choose part, and estimates there how far rates stray.

    Args:
        funnel: learnt.
        fitted: the fit part's cells.
        chosen: the choose part's cells.
        train: the fit part's rows.
        choose: the choose part's rows.
        settings: `sd_floor`.
    """
    parts = (fitted, chosen)
    raw = [fuse(funnel, encode(funnel.encoder, part.tokens), part.context) for part in parts]
    trials, successes = (_numpy(part) for part in (chosen.trials, chosen.successes))
    promotion = _numpy(chosen.entry).astype(np.int64)
    calibration = calibrate(raw[1], trials, successes, promotion)
    logits = [_with_whole(calibration.apply(part)) for part in raw]
    counts = [_counts(part) for part in parts]
    features = chosen.features
    is_stranger = features.is_new_text & (features.group == UNKNOWN)
    looked = look_back(train, choose)
    # Where groups are held out, the choose part tells of unseen groups itself.
    is_told = len(np.unique(promotion[is_stranger])) >= LEAST_STRANGERS
    strangers = None if is_told else stranger_spread(train)
    spreads = []
    for z in range(logits[1].shape[1]):
        events = np.bincount(
            fitted.features.text, counts[0][1][:, z], minlength=len(fitted.features.texts)
        )
        known = {
            digest_of(text): round(float(count), 3)
            for text, count in zip(fitted.features.texts, events, strict=True)
        }
        weight = counts[0][0][:, z]
        placement, segment, group = (
            spread_between(logits[0][:, z], level, weight)
            for level in (fitted.features.placement, fitted.features.segment, fitted.features.group)
        )
        seen = np.array([known.get(digest_of(text), 0.0) for text in features.texts])
        residuals = Residuals(
            promotion=promotion,
            item=chosen.item,
            trials=counts[1][0][:, z],
            successes=counts[1][1][:, z],
            rate=sigmoid(logits[1][:, z]),
            is_stranger=is_stranger,
            events=seen[features.text] if len(seen) else np.zeros(len(promotion)),
        )
        stranger = group if strangers is None else strangers[z]
        found = estimate_spread(residuals, settings.sd_floor, (placement, segment), stranger)
        spreads.append(scaled(found, looked.shared[z], looked.own[z], known))
    record = {
        "earlier_periods": looked.windows,
        "shared_factor": list(looked.shared),
        "own_factor": list(looked.own),
        "unseen_groups_sd": None if strangers is None else list(strangers),
    }
    return AfterFit(calibration, tuple(spreads), {"uncertainty": record})


def _numpy(values: Any) -> Floats:
    return np.asarray(values.cpu().double().numpy())


def _counts(part: Part) -> tuple[Floats, Floats]:
    """Trials and successes [C, Z], in a funnel with both stages together as one more."""
    trials, successes = _numpy(part.trials), _numpy(part.successes)
    if trials.shape[1] == 1:
        return trials, successes
    last = _numpy(part.last_trials), _numpy(part.last_successes)
    return np.column_stack([trials, last[0]]), np.column_stack([successes, last[1]])


def _with_whole(logits: Floats) -> Floats:
    if logits.shape[1] == 1:
        return logits
    rate = np.clip(sigmoid(logits).prod(axis=1), 1e-12, 1.0 - 1e-12)
    return np.column_stack([logits, np.log(rate / (1.0 - rate))])
