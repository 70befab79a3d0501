"""The predictor beside its baselines on rows that were held back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from promopilot.predictors.bootstrap import DRAWS, Resampling, units
from promopilot.predictors.comparison import Score, compare, rankable
from promopilot.predictors.contenders import OURS, Outcome, outcomes
from promopilot.predictors.dataset import Rows
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.reliability import Bin, Coverage, coverage, reliability
from promopilot.predictors.scores import agreement, clear_pairs
from promopilot.predictors.slices import Slice, known_parts, slices

SLICE_DRAWS = 300  # enough for the ends of an interval, and slices are many


@dataclass(frozen=True)
class Evaluation:
    """Everything that scored rows say."""

    rows: int
    impressions: int
    groups: int  # what was resampled
    overall: list[Score]
    slices: list[tuple[Slice, list[Score]]]
    reliability: list[Bin]
    coverage: list[Coverage]
    pairs: list[dict[str, Any]]  # of the last stage: each pair that is more than chance

    def figure(self, stage: str, contender: str, measure: str) -> Score | None:
        """Returns one score over all rows, or None where it is not defined."""
        wanted = (stage, contender, measure)
        for score in self.overall:
            if (score.stage, score.contender, score.measure) == wanted:
                return score
        return None


def assess(
    predictor: Predictor,
    rows: Rows,
    seed: int = 0,
    draws: int = DRAWS,
    by_slice: bool = True,
    progress: Callable[[str, float], None] = lambda what, share: None,
    predict: Callable[[Rows], Prediction] | None = None,
) -> Evaluation:
    """Scores a predictor and its baselines on rows that it has not used.

    Args:
        predictor: with its baselines.
        rows: held back.
        seed: of the draws.
        draws: of the intervals over all rows.
        by_slice: whether parts of the rows are scored too.
        progress: called with what is done and the share done.
        predict: gives the predictor's rates where a host of it knows texts already.

    Raises:
        PredictorDataError: `rows` do not record what the predictor predicts.
    """
    found = outcomes(predictor, rows, predict)
    features = predictor.features(rows)
    again = Resampling.of(units(rows.promotions)[rows.promotion], draws, seed)
    tests = rows.promotions.test_id
    progress("scoring", 0.1)
    overall = [score for outcome in found for score in compare(outcome, again, tests)]
    parts = slices(rows, features) if by_slice else []
    scored = []
    for at, part in enumerate(parts):
        progress("scoring by slice", 0.2 + 0.7 * at / len(parts))
        few = again.pick(part.rows, SLICE_DRAWS)
        each = [compare(outcome.pick(part.rows), few, tests) for outcome in found]
        scored.append((part, [score for scores in each for score in scores]))
    known = known_parts(features)
    items = [replace(outcome, item=rows.item) for outcome in found]
    return Evaluation(
        rows=len(rows),
        impressions=int(rows.impressions.sum()),
        groups=len(np.unique(units(rows.promotions)[rows.promotion])),
        overall=overall,
        slices=scored,
        reliability=[bin_ for outcome in found for bin_ in reliability(outcome, again)],
        coverage=[part for outcome in items for part in coverage(outcome, again, known)],
        pairs=_pairs(found[-1], rows),
    )


def evaluate(
    predictor: Predictor,
    test: Rows,
    seed: int = 0,
    predict: Callable[[Rows], Prediction] | None = None,
) -> dict[str, Any]:
    """Scores a predictor on `test` for metrics.json's predictor.test.

    Args:
        predictor: with its baselines.
        test: rows that it has not used.
        seed: of the intervals' draws.
        predict: gives the predictor's rates where a host of it knows texts already.

    Returns:
        `log_loss`, `log_loss_base`, `baselines` {one_hot, tfidf, frozen}, `ece`, `rows` and
        `impressions`; `spearman`, `baselines_spearman` and `pair_accuracy` only where they are
        defined. Losses are in nats per impression, of the last recorded stage. Beside them what the
        report shows: `differences` of the log-loss with their intervals, `reliability`, `coverage`.

    Raises:
        PredictorDataError: `test` does not record what the predictor predicts.
    """
    found = assess(predictor, test, seed, by_slice=False, predict=predict)
    stage = found.overall[-1].stage
    rivals = tuple(predictor.baselines.baselines.linear) if predictor.baselines else ()

    def value(contender: str, measure: str) -> float | None:
        score = found.figure(stage, contender, measure)
        return None if score is None else score.value

    ranks = {name: value(name, "spearman") for name in rivals}
    scores: dict[str, Any] = {
        "log_loss": value(OURS, "log_loss"),
        "log_loss_base": value("base", "log_loss"),
        "baselines": {name: value(name, "log_loss") for name in rivals},
        "spearman": value(OURS, "spearman"),
        "baselines_spearman": None if None in ranks.values() else ranks,
        "pair_accuracy": value(OURS, "pair_accuracy"),
        "ece": value(OURS, "calibration_error"),
        "rows": found.rows,
        "impressions": found.impressions,
        "differences": {
            name: _difference(found.figure(stage, name, "log_loss")) for name in ("base", *rivals)
        },
        "reliability": [part.to_json() for part in found.reliability if part.stage == stage],
        "coverage": [part.to_json() for part in found.coverage if part.stage == stage] or None,
    }
    return {name: part for name, part in scores.items() if part is not None}


def _difference(score: Score | None) -> dict[str, Any] | None:
    """The predictor's log-loss minus a contender's, with its 95 % interval."""
    if score is None or score.difference_low is None or score.difference_high is None:
        return None
    return {
        "log_loss": score.difference,
        "ci95": [score.difference_low, score.difference_high],
    }


def _pairs(outcome: Outcome, rows: Rows) -> list[dict[str, Any]]:
    tests = rows.promotions.test_id
    if tests is None:
        return []
    part = outcome.pick(rankable(outcome, tests))
    pairs = clear_pairs(part.trials, part.events, part.promotion, tests)
    names = rows.promotions.promotion_id
    right = {
        name: agreement(rate, part.trials, part.promotion, pairs)
        for name, rate in part.rates.items()
    }
    return [
        {
            "test_id": tests[first],
            "better": names[first],
            "worse": names[second],
            "better_rate": float(pairs.first_rate[at]),
            "worse_rate": float(pairs.second_rate[at]),
            "z": float(pairs.z[at]),
            **{f"right_{name}": float(values[at]) for name, values in right.items()},
        }
        for at, (first, second) in enumerate(zip(pairs.first, pairs.second, strict=True))
    ]
