import dataclasses

import numpy as np
import pytest
import torch

from promopilot.predictors.dataset import Rows
from promopilot.predictors.encoder import TextEncoder, Tokens, load_encoder
from promopilot.predictors.funnel import Funnel, FunnelShape
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import logit_sd
from promopilot.predictors.vocabulary import digest_of

Parts = tuple[Rows, Rows, Rows]


def test_each_distinct_text_is_encoded_once_and_rows_cost_no_encoding(
    predictor: Predictor, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    forward = TextEncoder.forward

    def counting(self: TextEncoder, tokens: Tokens) -> torch.Tensor:
        encoded.append(len(tokens.ids))
        return forward(self, tokens)

    monkeypatch.setattr(TextEncoder, "forward", counting)
    assert len(parts[2]) == 840
    predictor.predict(parts[2])
    assert sum(encoded) == 20


def test_the_order_of_rows_does_not_matter(predictor: Predictor, parts: Parts) -> None:
    rows = parts[2]
    back = np.arange(len(rows))[::-1]
    turned = dataclasses.replace(
        rows,
        promotion=rows.promotion[back],
        placement=rows.placement[back],
        segment=rows.segment[back],
        weekday=rows.weekday[back],
    )
    straight = predictor.predict(rows).ctcvr
    assert predictor.predict(turned).ctcvr[back] == pytest.approx(straight, rel=1e-5)


def test_a_constant_dimension_does_not_explode(quick: PredictorSettings) -> None:
    assert quick.base_model is not None
    encoder = load_encoder(quick.base_model, 0)
    funnel = Funnel(encoder, FunnelShape(2, 2, 2, 2, 8, 8, 0.0, 0.0, False))
    vectors = torch.randn((50, 32), generator=torch.Generator().manual_seed(0))
    vectors[:, 3] = 0.25
    vectors[:, 4] = 0.25 + 1e-7 * vectors[:, 4]
    funnel.start_from(vectors)
    assert funnel.inverse_scale[3] == 0
    assert funnel.inverse_scale[4] == 0
    scaled = (vectors - funnel.centre) * funnel.inverse_scale
    assert scaled.std(0, correction=0)[5:].tolist() == pytest.approx([1.0] * 27, abs=1e-4)


def test_untrained_it_predicts_the_offset(quick: PredictorSettings, parts: Parts) -> None:
    from promopilot.predictors.funnel import Context
    from promopilot.predictors.vocabulary import Vocabulary

    assert quick.base_model is not None
    vocabulary = Vocabulary.from_rows(parts[0])
    shape = FunnelShape.of(vocabulary, 2, (8, 8), (0.1, 0.1), False)
    funnel = Funnel(load_encoder(quick.base_model, 0), shape).eval()
    funnel.start_from(torch.randn(20, 32))
    offset = np.random.default_rng(0).normal(-3.0, 1.0, (len(parts[0]), 2))
    features = vocabulary.features(parts[0], offset)
    logits = funnel(torch.randn(20, 32), Context.from_features(features, torch.device("cpu")))
    assert torch.equal(logits, torch.tensor(offset, dtype=torch.float32))


def test_what_the_fit_never_saw_is_less_certain(predictor: Predictor, parts: Parts) -> None:
    rows = parts[2]
    spread = dataclasses.replace(
        predictor.spreads[0], shared=0.1, own=0.1, shared_new=0.3, group=0.5, known={}
    )
    known = logit_sd(spread, predictor.features(rows))
    assert known == pytest.approx(np.sqrt(0.02))

    def widths(**changes: object) -> float:
        promotions = {k: v for k, v in changes.items() if k in ("text", "group_id")}
        rest = {k: v for k, v in changes.items() if k not in promotions}
        changed = dataclasses.replace(
            rows, promotions=dataclasses.replace(rows.promotions, **promotions), **rest
        )
        return float(logit_sd(spread, predictor.features(changed))[0])

    new = np.array(["A new text"] * 20, dtype=object)
    cars = np.array(["cars"] * 20, dtype=object)
    assert widths(text=new) == pytest.approx(np.sqrt(0.09 + 0.01))
    assert widths(text=new, group_id=cars) == pytest.approx(np.sqrt(0.09 + 0.25 + 0.01))
    assert widths(placement_ids=("x", "y", "z")) > known[0]
    assert widths(segment_ids=("x", "y")) >= known[0]


def test_a_text_is_the_less_certain_the_less_the_fit_saw_of_it(
    predictor: Predictor, parts: Parts
) -> None:
    rows = parts[2]
    features = predictor.features(rows)
    digests = [digest_of(text) for text in features.texts]
    spread = dataclasses.replace(
        predictor.spreads[0],
        shared=0.1,
        own=0.1,
        shared_new=0.3,
        half_events=30.0,
        known=dict.fromkeys(digests, 1e9) | {digests[0]: 0.0, digests[1]: 30.0},
    )
    width = np.square(logit_sd(spread, features)) - 0.01
    first_rows = [int(np.argmax(features.text == text)) for text in range(3)]
    assert width[first_rows] == pytest.approx([0.09, 0.05, 0.01], rel=1e-4)
