import dataclasses

import numpy as np
import pytest

from promopilot.predictors import evaluate
from promopilot.predictors.dataset import Rows
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.evaluation import baseline_predictions
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings

Parts = tuple[Rows, Rows, Rows]
KEYS = {
    "log_loss",
    "log_loss_base",
    "baselines",
    "spearman",
    "ece",
    "baselines_spearman",
    "rows",
    "impressions",
}


def test_the_keys_are_the_contracts(
    predictor: Predictor, parts: Parts, quick: PredictorSettings
) -> None:
    scores = evaluate(predictor, *parts, quick)
    assert set(scores) == KEYS
    assert set(scores["baselines"]) == {"one_hot", "tfidf", "frozen"}
    assert scores["rows"] == 840
    assert scores["impressions"] == parts[2].impressions.sum()
    losses = [scores["log_loss"], *scores["baselines"].values()]
    assert all(loss < scores["log_loss_base"] for loss in losses)
    assert scores["spearman"] > 0.7
    assert set(scores["baselines_spearman"]) == set(scores["baselines"])
    assert all(0 < rank <= 1 for rank in scores["baselines_spearman"].values())
    assert 0 <= scores["ece"] < 0.01


def test_pair_accuracy_needs_a_randomised_test(
    predictor: Predictor, parts: Parts, quick: PredictorSettings
) -> None:
    train, choose, test = parts
    group = test.promotions.group_id
    promotions = dataclasses.replace(
        test.promotions, test_id=np.where(group == "soup", "", "t").astype(object)
    )
    scores = evaluate(
        predictor, train, choose, dataclasses.replace(test, promotions=promotions), quick
    )
    assert set(scores) == KEYS | {"pair_accuracy"}
    assert scores["pair_accuracy"] > 0.8


def test_a_new_text_is_no_obstacle_to_baselines(parts: Parts, quick: PredictorSettings) -> None:
    train, choose, test = parts
    texts = np.array([f"{text} !" for text in test.promotions.text], dtype=object)
    renamed = dataclasses.replace(test, promotions=dataclasses.replace(test.promotions, text=texts))
    for rates in baseline_predictions(train, choose, renamed, quick).values():
        assert ((rates > 0) & (rates < 1)).all()


def test_rows_without_outcomes_cannot_be_scored(
    predictor: Predictor, parts: Parts, quick: PredictorSettings
) -> None:
    train, choose, test = parts
    blind = dataclasses.replace(test, conversions=None)
    with pytest.raises(PredictorDataError, match="test part of performance has no conversions"):
        evaluate(predictor, train, choose, blind, quick)
