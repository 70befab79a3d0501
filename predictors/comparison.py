"""Every measure of every contender on one stage, with intervals and differences to the predictor.

B draws, C contenders, I items.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from promopilot.predictors import scores
from promopilot.predictors.bootstrap import (
    Resampling,
    curve_draws,
    entropy_draws,
    interval,
    spearman_draws,
)
from promopilot.predictors.contenders import OURS, Outcome
from promopilot.predictors.dataset import Floats, Names


@dataclass(frozen=True)
class Score:
    """One figure; differences are the predictor's figure minus this contender's."""

    stage: str
    contender: str
    measure: str
    value: float
    low: float | None = None  # of its 95 % interval
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self)


# Values and draws by contender.
_Figures = dict[str, tuple[float, Floats | None]]


def compare(outcome: Outcome, again: Resampling, test_id: Names | None) -> list[Score]:
    """Scores every contender on one stage.

    Args:
        outcome: its rows; those without trials say nothing and are left out.
        again: draws of the same rows.
        test_id: [P] the test of each promotion, or None.
    """
    shown = outcome.trials > 0
    if not shown.any():
        return []
    if not shown.all():
        outcome, again = outcome.pick(shown), again.pick(shown)
    return [
        score
        for measure, figures in _measures(outcome, again, test_id)
        for score in _scores(outcome.stage, measure, figures)
    ]


def _measures(
    outcome: Outcome, again: Resampling, test_id: Names | None
) -> Iterator[tuple[str, _Figures]]:
    trials, events, rates = outcome.trials, outcome.events, outcome.rates
    names = list(rates)
    losses = np.stack([scores.log_losses(rate, trials, events) for rate in rates.values()], 1)
    shown, seen = again.sums(trials), again.sums(events)
    drawn = _ratio(again.sums(losses), shown[:, None])
    loss = dict(zip(names, losses.sum(0) / trials.sum(), strict=True))
    yield "log_loss", {name: (loss[name], drawn[:, c]) for c, name in enumerate(names)}
    background = entropy_draws(seen, shown)
    relative = {name: scores.normalised_entropy(rates[name], trials, events) for name in names}
    yield (
        "normalised_entropy",
        {
            name: (value, _ratio(drawn[:, c], background))
            for c, name in enumerate(names)
            if (value := relative[name]) is not None
        },
    )
    expected = np.stack([trials * rate for rate in rates.values()], 1)
    # Expected over observed events: 1 where the level is right.
    ratio = _ratio(again.sums(expected), seen[:, None])
    yield (
        "expected_over_observed",
        {
            name: (float(expected[:, c].sum() / events.sum()), ratio[:, c])
            for c, name in enumerate(names)
            if events.sum() > 0
        },
    )
    # Draws add noise to every bin and so exceed the error itself: no interval is given.
    yield (
        "calibration_error",
        {name: (scores.calibration_error(rates[name], trials, events), None) for name in names},
    )
    yield "auc", _areas(outcome, again)
    yield "spearman", _rank_correlations(outcome, again, test_id)
    if test_id is not None:
        yield "pair_accuracy", _pairs(outcome, again, test_id)


def _areas(outcome: Outcome, again: Resampling) -> _Figures:
    found: _Figures = {}
    for name, rate in outcome.rates.items():
        area = scores.area_under_curve(rate, outcome.trials, outcome.events)
        if area is not None:
            found[name] = area, curve_draws(again, rate, outcome.trials, outcome.events)
    return found


def rankable(outcome: Outcome, test_id: Names | None) -> np.ndarray:
    """Returns the rows [R] whose items are ranked: with enough events, or in a randomised test.

    The events are those that the predictor expects, for all contenders, so that all rank the same.
    """
    if test_id is not None and (test_id[outcome.promotion] != "").any():
        return np.asarray(outcome.trials > 0)
    ours = outcome.rates[OURS]
    return np.asarray(scores.ranked_items(outcome.trials * ours, outcome.item))


def _rank_correlations(outcome: Outcome, again: Resampling, test_id: Names | None) -> _Figures:
    kept = rankable(outcome, test_id)
    part = outcome.pick(kept)
    if not kept.any():
        return {}
    code = np.unique(part.item, return_inverse=True)[1]
    shown = np.bincount(code, part.trials)
    observed = np.bincount(code, part.events) / shown
    unit = np.zeros(len(shown), dtype=np.int64)
    unit[code] = again.unit[kept]
    items = Resampling(unit, again.weights)
    found: _Figures = {}
    for name, rate in part.rates.items():
        value = scores.spearman(rate, part.trials, part.events, part.item)
        if value is not None:
            predicted = np.round(np.bincount(code, part.trials * rate) / shown, 12)
            found[name] = value, spearman_draws(items, predicted, observed)
    return found


def _pairs(outcome: Outcome, again: Resampling, test_id: Names) -> _Figures:
    pairs = scores.clear_pairs(outcome.trials, outcome.events, outcome.promotion, test_id)
    if not len(pairs.z):
        return {}
    unit = np.zeros(len(test_id), dtype=np.int64)
    unit[outcome.promotion] = again.unit
    of_pairs = Resampling(unit[pairs.first], again.weights)
    count = of_pairs.sums(np.ones(len(pairs.z)))
    found: _Figures = {}
    for name, rate in outcome.rates.items():
        right = scores.agreement(rate, outcome.trials, outcome.promotion, pairs)
        found[name] = float(right.mean()), _ratio(of_pairs.sums(right), count)
    return found


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    over = np.broadcast_to(denominator, numerator.shape)
    out = np.full(numerator.shape, np.nan)
    return np.asarray(np.divide(numerator, over, out=out, where=over > 0))


def _scores(stage: str, measure: str, figures: _Figures) -> Iterator[Score]:
    ours = figures.get(OURS)
    for name, (value, draws) in figures.items():
        own = None if draws is None else interval(draws)
        difference, between = None, None
        if ours is not None and name != OURS:
            difference = float(ours[0] - value)
            if draws is not None and ours[1] is not None:
                between = interval(ours[1] - draws)
        low, high = own or (None, None)
        below, above = between or (None, None)
        yield Score(stage, name, measure, float(value), low, high, difference, below, above)
