"""What the choose rows cannot tell of uncertainty, told by a quick stand-in for the network.

Two questions need many fits, so a logistic regression on TF-IDF and columns answers them in the
network's place, a second or so each:

- How unlike other months are the choose rows? A stand-in is fitted up to several earlier days, and
  its spread is measured as far behind each as the flight will lie behind this fit (rolling origin;
  Tashman 2000). Their mean over its spread on the choose rows says how lucky those were.
- How far off is a promotion of a group never seen? Groups are left out in turn.

R is rows, Z stages, in a funnel with both together as one more.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from promopilot.predictors.calibration import calibrate
from promopilot.predictors.columns import Columns
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import NO_DAY, Floats, Ints, Masks, Rows
from promopilot.predictors.logistic import Design, fit_logistic, one_hot, sigmoid
from promopilot.predictors.splits import families
from promopilot.predictors.text_features import Tfidf
from promopilot.predictors.uncertainty import (
    LEAST_PROMOTIONS,
    Residuals,
    by_item,
    constant_spread,
)

_ORIGINS = 3  # earlier fits looked back at
_LEAST_WINDOWS = 3  # lengths of the choose part that a fit must have to learn from
_SEASON_PENALTY = 10.0  # what the baselines mostly choose where products repeat
_STRANGER_PENALTIES = (1e5, 1e4, 1e3, 1e2, 1e1)
_FOLDS = 5
_LEAST_FAMILIES = 20
# What few periods say is not believed further, and never makes the network's own spread narrower:
# the stand-in may fit better than it does.
_FACTOR_RANGE = (1.0, 2.0)
_CROSSING = 0.1  # share of a column's levels that span groups, for it to say something of new ones


@dataclass(frozen=True)
class Lookback:
    """Factors on the standard deviations found on the choose rows, for each stage."""

    shared: tuple[float, ...]  # [Z]
    own: tuple[float, ...]  # [Z]
    windows: int  # earlier periods that they rest on; 0: none, and all factors are 1


def look_back(train: Rows, choose: Rows) -> Lookback:
    """Compares the stand-in's spread in earlier periods with that on the choose rows."""
    stages = 3 if len(train.stages) == 2 else 1
    nothing = Lookback((1.0,) * stages, (1.0,) * stages, 0)
    if (train.day == NO_DAY).any() or train.day.max() >= choose.day.min():
        return nothing  # not parted by time
    length = int(choose.day.max() - choose.day.min()) + 1
    end = int(train.day.max())
    both = _joined(train, choose)
    origins = [
        end - back * length
        for back in range(1, _ORIGINS + 1)
        if end - back * length - int(train.day.min()) + 1 >= _LEAST_WINDOWS * length
    ]
    if not origins:
        return nothing
    usual = []
    for origin in origins:
        # The flight lies one choose part behind the fit's last day.
        ahead = (both.day > origin + length) & (both.day <= origin + 2 * length)
        if ahead.any():
            usual.append(_window_spread(both, both.day <= origin, ahead))
    here = _window_spread(both, both.day <= end, both.day > end)
    found = [spread for spread in usual if spread is not None]
    if here is None or not found:
        return nothing
    mean = np.mean(np.square(found), axis=0)  # [Z, 2]
    factor = np.clip(np.sqrt(mean) / np.maximum(here, 1e-6), *_FACTOR_RANGE)
    return Lookback(tuple(factor[:, 0].tolist()), tuple(factor[:, 1].tolist()), len(found))


def stranger_spread(train: Rows) -> tuple[float, ...] | None:
    """Returns each stage's shared standard deviation for promotions of unseen groups.

    None where there are too few groups to leave any out.
    """
    merged = _merged(train)
    family = families(train.promotions).astype(str)
    names, code = np.unique(family[merged.rows.promotion], return_inverse=True)
    if len(names) < _LEAST_FAMILIES:
        return None
    fold = np.random.default_rng(0).permutation(len(names))[code] % _FOLDS
    crossing = _crossing_fields(train)
    found = []
    logits = {penalty: np.zeros_like(merged.trials) for penalty in _STRANGER_PENALTIES}
    for left in range(_FOLDS):
        out = fold == left
        for penalty, predicted in _stand_in(merged, ~out, out, _STRANGER_PENALTIES, crossing):
            logits[penalty][out] = predicted
    trials, successes = merged.trials, merged.successes
    for stage in range(trials.shape[1]):
        n, k = trials[:, stage], successes[:, stage]
        losses = {
            penalty: float((n * np.logaddexp(0, x[:, stage]) - k * x[:, stage]).sum())
            for penalty, x in logits.items()
        }
        best = logits[min(losses, key=lambda penalty: losses[penalty])][:, stage]
        found.append(constant_spread(by_item(_residuals(merged, best, stage)))[0])
    return tuple(found)


@dataclass(frozen=True)
class _Merged:
    """Counts summed to one row per line item."""

    rows: Rows
    trials: Floats  # [R, Z]
    successes: Floats  # [R, Z]


def _merged(rows: Rows) -> _Merged:
    first, code = np.unique(rows.item, return_index=True, return_inverse=True)[1:]
    counts = StageCounts.of(rows)

    def summed(values: Floats) -> Floats:
        columns = [
            np.bincount(code, values[:, z], minlength=len(first)) for z in range(values.shape[1])
        ]
        return np.stack(columns, axis=1).astype(np.float64)

    trials, successes = with_whole(rows, counts)
    return _Merged(rows.pick(first), summed(trials), summed(successes))


def with_whole(rows: Rows, counts: StageCounts) -> tuple[Floats, Floats]:
    """Trials and successes [R, Z] of each stage and, in a funnel, of both together: one more."""
    if len(rows.stages) == 1:
        return counts.trials, counts.successes
    return (
        np.column_stack([counts.trials, counts.last_trials]),
        np.column_stack([counts.successes, counts.last_successes]),
    )


def _window_spread(rows: Rows, before: Masks, ahead: Masks) -> Floats | None:
    """Standard deviations [Z, 2] (shared, own) in a window of a stand-in fitted before it."""
    merged = _merged(rows.pick(before)), _merged(rows.pick(ahead))
    shown = _Merged(
        _joined(merged[0].rows, merged[1].rows),
        np.concatenate([part.trials for part in merged]),
        np.concatenate([part.successes for part in merged]),
    )
    is_fit = np.arange(len(shown.rows)) < len(merged[0].rows)
    every = set(rows.promotions.fields)
    [(_, logits)] = _stand_in(shown, is_fit, ~is_fit, (_SEASON_PENALTY,), every)
    # A text that the fit never saw is another question, and its share changes with the season.
    # As objects: numpy's own strings would each be as wide as the longest text.
    text = np.unique(rows.promotions.text, return_inverse=True)[1]
    seen = np.isin(text[merged[1].rows.promotion], text[merged[0].rows.promotion])
    kept = _Merged(merged[1].rows.pick(seen), merged[1].trials[seen], merged[1].successes[seen])
    if len(np.unique(kept.rows.promotion)) < LEAST_PROMOTIONS:
        return None
    found = []
    for stage in range(logits.shape[1]):
        column = (slice(None), slice(stage, stage + 1))
        counts = kept.trials[column], kept.successes[column]
        level = calibrate(logits[seen][column], *counts).apply(logits[seen][column])
        found.append(constant_spread(by_item(_residuals(kept, level[:, 0], stage))))
    return np.array(found)


def _stand_in(
    merged: _Merged,
    fit: Masks,
    out: Masks,
    penalties: tuple[float, ...],
    fields: set[str],
) -> list[tuple[float, Floats]]:
    """Logits [out, Z] of the stand-in under each penalty, fitted on the rows `fit`."""
    rows = [merged.rows.pick(chosen) for chosen in (fit, out)]
    promotions = merged.rows.promotions
    kept = {name: values for name, values in promotions.fields.items() if name in fields}
    rows = [replace(part, promotions=replace(promotions, fields=kept)) for part in rows]
    columns = Columns.from_rows(rows[0])
    texts, code = np.unique(promotions.text, return_inverse=True)
    tfidf = Tfidf.fit(texts[np.unique(code[rows[0].promotion])].tolist())
    features = tfidf.features(texts.tolist())
    designs = [
        Design(
            columns.matrix(part, with_fields=True),
            features,
            one_hot(code[part.promotion], len(texts)),
            np.zeros(len(part)),
        )
        for part in rows
    ]
    trials, successes = merged.trials[fit], merged.successes[fit]
    predicted = {penalty: np.zeros((len(rows[1]), trials.shape[1])) for penalty in penalties}
    for stage in range(trials.shape[1]):
        beta: Floats | None = None
        for penalty in penalties:
            beta = fit_logistic(designs[0], trials[:, stage], successes[:, stage], penalty, beta)
            predicted[penalty][:, stage] = designs[1].times(beta)
    return list(predicted.items())


def _residuals(merged: _Merged, logit: Floats, stage: int) -> Residuals:
    rows = merged.rows
    return Residuals(
        promotion=rows.promotion,
        item=rows.item,
        trials=merged.trials[:, stage],
        successes=merged.successes[:, stage],
        rate=sigmoid(logit),
        is_stranger=np.zeros(len(rows), dtype=np.bool_),
        events=np.zeros(len(rows)),
    )


def _crossing_fields(train: Rows) -> set[str]:
    """Columns whose levels span groups: others are another name of the group."""
    shown = np.unique(train.promotion)
    group = families(train.promotions)[shown].astype(str)
    kept = set()
    for name, values in train.promotions.fields.items():
        pairs = np.unique(np.stack([values[shown].astype(str), group]), axis=1)
        per_level = np.unique(pairs[0], return_counts=True)[1]
        if (per_level > 1).mean() >= _CROSSING:
            kept.add(name)
    return kept


def _joined(first: Rows, second: Rows) -> Rows:
    """Rows of both, which share promotions; placements and segments by name."""
    places, segments = (
        tuple(dict.fromkeys((*one, *other)))
        for one, other in (
            (first.placement_ids, second.placement_ids),
            (first.segment_ids, second.segment_ids),
        )
    )

    def moved(codes: Ints, old: tuple[str, ...], new: tuple[str, ...]) -> Ints:
        return np.array([new.index(name) for name in old], dtype=np.int64)[codes]

    def both(name: str) -> np.ndarray:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    kept = ("promotion", "weekday", "day", "impressions", "clicks_known", "conversions_known")
    arrays: dict[str, Any] = {name: both(name) for name in (*kept, "matured", "weight")}
    for name in ("clicks", "conversions"):
        arrays[name] = None if getattr(first, name) is None else both(name)
    return replace(
        first,
        placement_ids=places,
        segment_ids=segments,
        placement=np.concatenate(
            [moved(part.placement, part.placement_ids, places) for part in (first, second)]
        ),
        segment=np.concatenate(
            [moved(part.segment, part.segment_ids, segments) for part in (first, second)]
        ),
        **arrays,
    )
