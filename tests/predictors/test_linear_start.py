"""The penalised regression that the linear part starts from."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix
from tests.predictors.conftest import Parts
from tests.predictors.test_ranking import randomised, right_pairs, rows_of

from promopilot.predictors import linear_start
from promopilot.predictors.calendar import Calendar
from promopilot.predictors.cells import Cells
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.encoder import load_tokenizer, tokenize
from promopilot.predictors.linear_start import penalised
from promopilot.predictors.logistic import Design, fit_logistic, one_hot
from promopilot.predictors.objective import Part
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import fit
from promopilot.predictors.vocabulary import Vocabulary

CPU = torch.device("cpu")


def part_of(rows: Rows, settings: PredictorSettings) -> Part:
    assert isinstance(settings.base_model, Path)
    counts = StageCounts.of(rows, settings.entire_space)
    cells = Cells.of(rows, counts, Calendar.fit(rows, settings.extra_sd).offset(rows))
    features = Vocabulary.from_rows(rows).features(cells.rows, cells.offset)
    tokens = tokenize(load_tokenizer(settings.base_model), features.texts, 16, CPU)
    return Part.of(cells, features, tokens, settings, CPU)


def test_outside_tests_it_is_logistic_regression(
    parts: Parts, quick: PredictorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = part_of(parts[0], quick)
    vectors = np.random.default_rng(0).normal(size=(len(part.features.texts), 6)).astype("f4")
    monkeypatch.setattr(linear_start, "_NUMERIC_SD", 0.5)
    monkeypatch.setattr(linear_start, "_TOLERANCE", 1e-13)
    # So that all coefficients weigh alike.
    found = penalised(part, vectors, 0.5 * np.sqrt(6), {})
    text = part.context.text.numpy()
    for stage in range(part.trials.shape[1]):
        design = Design(
            context=csr_matrix(part.context.numeric.double().numpy()),
            texts=vectors.astype(np.float64),
            gather=one_hot(text, len(vectors)),
            offset=part.context.offset[:, stage].double().numpy(),
        )
        wanted = fit_logistic(
            design,
            part.trials[:, stage].double().numpy(),
            part.successes[:, stage].double().numpy(),
            penalty=1 / 0.5**2,
        )
        ours = np.concatenate(
            [found.bias[stage : stage + 1], found.numeric[:, stage], found.text[:, stage]]
        )
        assert ours == pytest.approx(wanted, abs=2e-3)


def test_the_narrower_the_prior_the_less_a_text_moves(
    parts: Parts, quick: PredictorSettings
) -> None:
    part = part_of(parts[0], quick)
    vectors = np.random.default_rng(0).normal(size=(len(part.features.texts), 6)).astype("f4")
    moved = [np.abs(penalised(part, vectors, sd, {}).text).sum() for sd in (1.0, 0.1, 1e-4)]
    assert moved[0] > moved[1] > moved[2]
    assert moved[2] < 1e-3


def test_what_a_segment_does_is_learnt_inside_tests_too(
    quick: PredictorSettings, tmp_path: Path
) -> None:
    def shown_to_two(count: int, seed: int) -> Rows:
        """Each test's texts are shown to two segments, 1.5 logits apart."""
        table, rng = randomised(count, seed), np.random.default_rng(seed)
        parts = [
            table.assign(
                segment_id=segment,
                clicks=rng.binomial(2000, 1 / (1 + np.exp(-table["logit"] - shift))),
            )
            for segment, shift in (("cold", -0.75), ("warm", 0.75))
        ]
        both = pd.concat(parts, ignore_index=True)
        segments = pd.DataFrame({"segment_id": ["cold", "warm"], "size": [1000, 1000]})
        promotions = table[["promotion_id", "text", "group_id", "test_id"]]
        performance = both[["date", "promotion_id", "segment_id", "impressions", "clicks"]]
        return rows_from_tables(promotions, None, segments, performance, quick)

    tested = {"text_layers": "every", "linear_start": True, "mode": "frozen", "head_epochs": 1}
    settings = quick.model_copy(update=tested | {"text_sd": 1.0})
    fitted = fit(shown_to_two(100, 0), shown_to_two(40, 1), settings, tmp_path / "p", 0)
    new = shown_to_two(40, 2)
    logit = fitted.logits(new)[:, 0]
    warm = new.segment == new.segment_ids.index("warm")
    assert logit[warm].mean() - logit[~warm].mean() == pytest.approx(1.5, abs=0.4)
    again = Predictor.load(tmp_path / "p", "cpu")
    assert np.array_equal(again.logits(new), fitted.logits(new))


def test_a_test_says_no_more_of_its_level_than_levels_differ(quick: PredictorSettings) -> None:
    few, many = randomised(20, 0), randomised(20, 0)
    many[["impressions", "clicks"]] *= 50
    weighed = [part_of(rows_of(table), quick) for table in (few, many)]
    # A test's weight times its expected events nears 1 / level_sd^2, whatever is shown.
    for part in weighed:
        rate = torch.sigmoid(part.context.offset[:, 0])
        test = part.entry_test[part.entry]
        events = torch.zeros(20).index_add(0, test, part.weight[:, 0] * part.trials[:, 0] * rate)
        assert bool((events <= 1 / quick.level_sd**2).all())
        assert float(events.mean()) == pytest.approx(1 / quick.level_sd**2, rel=0.05)
    ranked = weighed[0].ranked()
    assert not bool(ranked.weight.any())
    assert ranked.scale == weighed[0].scale


def test_it_orders_tests_as_truth_does_and_learning_leaves_it(
    quick: PredictorSettings, tmp_path: Path
) -> None:
    train, choose, new = (randomised(count, seed) for seed, count in enumerate((60, 30, 200)))
    settings = quick.model_copy(
        update={
            "mode": "frozen",
            "text_layers": "every",
            "linear_start": True,
            "text_sd": 1.0,
            "head_epochs": 1,
            "head_learning_rate": 1e-6,
        }
    )
    fitted = fit(rows_of(train), rows_of(choose), settings, tmp_path / "p", 0)
    rates = fitted.predict(rows_of(new)).ctr
    assert rates is not None
    assert right_pairs(np.log(rates), new) > 0.95
    longer = settings.model_copy(update={"head_epochs": 3, "head_learning_rate": 1e-2})
    again = fit(rows_of(train), rows_of(choose), longer, tmp_path / "q", 0)
    assert torch.equal(again.funnel.wide_text.weight, fitted.funnel.wide_text.weight)
