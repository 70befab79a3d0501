import dataclasses

import numpy as np
import pytest

from promopilot.predictors import evaluate
from promopilot.predictors.dataset import Rows
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.evaluation import assess
from promopilot.predictors.held_out import split_record, unused
from promopilot.predictors.predictor import Predictor

Parts = tuple[Rows, Rows, Rows]
CONTRACT = {"log_loss", "log_loss_base", "baselines", "spearman", "ece", "rows", "impressions"}
SHOWN = {"baselines_spearman", "differences", "reliability", "coverage"}


def with_tests(rows: Rows) -> Rows:
    group = rows.promotions.group_id
    tests = np.where(group == "soup", "", "t").astype(object)
    return dataclasses.replace(rows, promotions=dataclasses.replace(rows.promotions, test_id=tests))


def test_the_keys_are_the_contracts(predictor: Predictor, parts: Parts) -> None:
    scores = evaluate(predictor, parts[2])
    assert set(scores) == CONTRACT | SHOWN
    assert set(scores["baselines"]) == {"one_hot", "tfidf", "frozen"}
    assert scores["rows"] == 840
    assert scores["impressions"] == parts[2].impressions.sum()
    losses = [scores["log_loss"], *scores["baselines"].values()]
    assert all(loss < scores["log_loss_base"] for loss in losses)
    assert scores["spearman"] > 0.7
    assert set(scores["baselines_spearman"]) == set(scores["baselines"])
    assert all(0 < rank <= 1 for rank in scores["baselines_spearman"].values())
    assert 0 <= scores["ece"] < 0.01
    for name, told in scores["differences"].items():
        rival = scores["log_loss_base"] if name == "base" else scores["baselines"][name]
        assert told["log_loss"] == pytest.approx(scores["log_loss"] - rival)
        assert told["ci95"][0] <= told["log_loss"] <= told["ci95"][1]
    assert sum(part["trials"] for part in scores["reliability"]) == scores["impressions"]
    assert all(sum(part["pit"]) == pytest.approx(1.0) for part in scores["coverage"])
    assert evaluate(predictor, parts[2]) == scores


def test_pair_accuracy_needs_a_randomised_test(predictor: Predictor, parts: Parts) -> None:
    scores = evaluate(predictor, with_tests(parts[2]))
    assert set(scores) == CONTRACT | SHOWN | {"pair_accuracy"}
    assert scores["pair_accuracy"] > 0.8


def test_every_stage_and_slice_is_scored_beside_every_baseline(
    predictor: Predictor, parts: Parts
) -> None:
    found = assess(predictor, with_tests(parts[2]), draws=50)
    assert list(dict.fromkeys(score.stage for score in found.overall)) == ["ctr", "cvr", "ctcvr"]
    contenders = {"predictor", "base", "one_hot", "tfidf", "frozen"}
    assert {score.contender for score in found.overall} == contenders
    levels = {(part.dimension, part.level) for part, _ in found.slices}
    assert levels == {
        *(("placement", name) for name in ("front", "back", "shelf")),
        *(("segment", name) for name in ("low", "high")),
    }
    for dimension in ("placement", "segment"):
        rows = [part.rows for part, _ in found.slices if part.dimension == dimension]
        assert (np.sum(rows, axis=0) == 1).all()
    for _, scores in found.slices:
        told = {(s.stage, s.measure) for s in scores if s.contender == "tfidf"}
        assert {("ctr", "log_loss"), ("ctcvr", "normalised_entropy"), ("cvr", "auc")} <= told
    assert found.pairs
    assert {pair["right_predictor"] for pair in found.pairs} <= {0.0, 0.5, 1.0}
    assert all(pair["better_rate"] > pair["worse_rate"] for pair in found.pairs)


def test_weeks_and_new_promotions_are_slices_of_their_own(
    predictor: Predictor, parts: Parts
) -> None:
    test = parts[2]
    texts, groups = test.promotions.text.copy(), test.promotions.group_id.copy()
    texts[:4] = [f"{text} !" for text in texts[:4]]
    groups[:2] = "cars"
    mixed = dataclasses.replace(
        test,
        promotions=dataclasses.replace(test.promotions, text=texts, group_id=groups),
        day=test.day + 7 * (np.arange(len(test)) % 2),
    )
    found = assess(predictor, mixed, draws=50)
    levels = {part.dimension: part.level for part, _ in found.slices}
    assert levels["week"] == "2024-01-29"
    status = {part.level: part.rows.sum() for part, _ in found.slices if part.dimension == "text"}
    each = len(test) // 20
    assert status == {"seen": 16 * each, "new": 2 * each, "new_group": 2 * each}
    assert {part.which for part in found.coverage} == {"all", "seen", "new", "unknown_group"}


def test_outcomes_that_are_not_there_cannot_be_scored(predictor: Predictor, parts: Parts) -> None:
    blind = dataclasses.replace(parts[2], conversions=None)
    with pytest.raises(PredictorDataError, match="no conversions to score against"):
        evaluate(predictor, blind)
    silent = dataclasses.replace(parts[2], clicks=None, conversions=None)
    with pytest.raises(PredictorDataError, match="no clicks or conversions"):
        evaluate(predictor, silent)
    none = np.zeros(len(parts[2]), dtype=np.int64)
    with pytest.raises(PredictorDataError, match="no clicks in the rows to be scored"):
        evaluate(predictor, dataclasses.replace(parts[2], clicks=none))
    with pytest.raises(PredictorDataError, match="no baselines"):
        evaluate(dataclasses.replace(predictor, baselines=None), parts[2])


def test_cells_left_empty_are_not_scored(predictor: Predictor, parts: Parts) -> None:
    test = parts[2]
    known = np.arange(len(test)) % 2 == 0
    empty = dataclasses.replace(
        test,
        conversions_known=known,
        conversions=np.where(known, test.conversions, 0),
    )
    half = assess(predictor, test.pick(known), draws=20, by_slice=False)
    found = assess(predictor, empty, draws=20, by_slice=False)
    for stage in ("cvr", "ctcvr"):
        with_empty = found.figure(stage, "predictor", "log_loss")
        without = half.figure(stage, "predictor", "log_loss")
        assert with_empty is not None
        assert without is not None
        assert with_empty.value == pytest.approx(without.value)


def test_rows_that_the_fit_has_used_are_told_by_day(predictor: Predictor, parts: Parts) -> None:
    assert unused(parts[2], predictor.record).all()
    with pytest.raises(PredictorDataError, match="all days up to 2024-01-21: give it later ones"):
        unused(parts[1], predictor.record)


def test_rows_that_the_fit_has_used_are_told_by_group(parts: Parts) -> None:
    rows = parts[0]
    group = rows.promotions.group_id[rows.promotion]
    first, second = rows.pick(group == "soup"), rows.pick(group == "milk")
    record = {"split": split_record(first, second)}
    assert set(group[unused(rows, record)]) == {"beer", "tea", "cheese"}
    moved = rows.promotions.group_id.copy()
    moved[moved == "soup"] = "another name of soup"
    renamed = dataclasses.replace(
        rows, promotions=dataclasses.replace(rows.promotions, group_id=moved)
    )
    # What was learnt is told by its texts too, wherever they stand.
    assert "another name of soup" not in moved[renamed.promotion][unused(renamed, record)]
    other = renamed.promotions.text.copy()
    other[moved == "another name of soup"] = "something never read"
    new = dataclasses.replace(
        renamed, promotions=dataclasses.replace(renamed.promotions, text=other)
    )
    assert "another name of soup" in moved[new.promotion][unused(new, record)]
    with pytest.raises(PredictorDataError, match="from all their groups"):
        unused(second, record)
