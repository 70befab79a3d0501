"""Who is compared: the predictor and its baselines, their rates of every stage on the same rows.

R is rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from promopilot.predictors.base_vectors import restored, vectors_of
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Floats, Ints, Rows
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor

OURS = "predictor"


@dataclass(frozen=True)
class Outcome:
    """What one stage showed and what each contender had expected; every array is [R]."""

    stage: str  # "ctr", "cvr" or "ctcvr"
    trials: Floats  # 0 where the stage was not recorded
    events: Floats
    rates: dict[str, Floats]  # the predictor first, then `base` and the baselines
    sd: Floats  # of the predictor's logit
    promotion: Ints  # index into the rows' promotions
    item: Ints  # what is ranked: line items, or promotions where there are randomised tests

    def pick(self, chosen: NDArray[np.bool_]) -> "Outcome":
        """Returns the rows of a mask [R]."""
        return replace(
            self,
            trials=self.trials[chosen],
            events=self.events[chosen],
            rates={name: rate[chosen] for name, rate in self.rates.items()},
            sd=self.sd[chosen],
            promotion=self.promotion[chosen],
            item=self.item[chosen],
        )


def outcomes(
    predictor: Predictor, rows: Rows, predict: Callable[[Rows], Prediction] | None = None
) -> list[Outcome]:
    """Returns every recorded stage, the last one being that of metrics.json.

    `predict` gives the predictor's rates where a host of it knows texts already.

    Raises:
        PredictorDataError: `rows` record other stages than the predictor's, or no events of one.
    """
    _check(predictor, rows)
    prediction = (predict or predictor.predict)(rows)
    counts = StageCounts.of(rows)
    rivals = _baselines(predictor, rows)
    has_tests = rows.promotions.test_id is not None and bool(
        (rows.promotions.test_id[rows.promotion] != "").any()
    )
    found = []
    stages = [*predictor.stages, *(["ctcvr"] if predictor.is_funnel else [])]
    for z, stage in enumerate(stages):
        whole = z == len(predictor.stages)
        ours, error = _of_stage(prediction, stage)
        rates = {OURS: ours} | {
            name: rate.prod(axis=1) if whole else rate[:, z] for name, rate in rivals.items()
        }
        found.append(
            Outcome(
                stage=stage,
                trials=counts.last_trials if whole else counts.trials[:, z],
                events=counts.last_successes if whole else counts.successes[:, z],
                rates=rates,
                sd=error / np.maximum(ours * (1.0 - ours), 1e-300),
                promotion=rows.promotion,
                item=rows.promotion if has_tests else rows.item,
            )
        )
    return found


def _of_stage(prediction: Prediction, stage: str) -> tuple[Floats, Floats]:
    return getattr(prediction, stage), getattr(prediction, f"{stage}_se")


def _baselines(predictor: Predictor, rows: Rows) -> dict[str, Floats]:
    if predictor.baselines is None:
        raise PredictorDataError("This predictor has no baselines to be compared with: fit again.")
    stored = predictor.baselines
    encoder = restored(predictor.funnel.encoder, stored.base_weights)
    vectors = vectors_of(
        encoder, predictor.tokenizer, predictor.settings.max_tokens, predictor.device
    )
    return stored.baselines.rates(rows, predictor.calendar.offset(rows), vectors)


def _check(predictor: Predictor, rows: Rows) -> None:
    if rows.clicks is None and rows.conversions is None:
        raise PredictorDataError("performance has no clicks or conversions to score against.")
    needed = {"ctr": "clicks", "cvr": "conversions", "ctcvr": "conversions"}
    for stage in predictor.stages:
        column = needed[stage]
        recorded = getattr(rows, column)
        if recorded is None:
            raise PredictorDataError(
                f"performance has no {column} to score against, and the predictor was fitted on "
                f"{column}: add the column."
            )
        if recorded.sum() == 0:
            raise PredictorDataError(
                f"performance has no {column} in the rows to be scored: widen its dates."
            )
