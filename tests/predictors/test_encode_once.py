"""Encoding a text once for all its rows gives what encoding it with every row would."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from promopilot.predictors.dataset import Rows
from promopilot.predictors.funnel import Context
from promopilot.predictors.predictor import Predictor

ROWS = 400  # of 20 texts, so 20 contexts each


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_gradients_are_the_same(
    predictor: Predictor, parts: tuple[Rows, ...], dtype: torch.dtype, tolerance: float
) -> None:
    funnel = copy.deepcopy(predictor.funnel).to(dtype).eval()
    funnel.requires_grad_(True)
    features = predictor.features(parts[0])
    tokens = predictor.tokens(features.texts)
    whole = Context.from_features(features, torch.device("cpu"))
    whole = replace(whole, numeric=whole.numeric.to(dtype), offset=whole.offset.to(dtype))
    rows = torch.randperm(len(parts[0]), generator=torch.Generator().manual_seed(0))[:ROWS]
    text = whole.text[rows]
    assert len(torch.unique(text)) == len(features.texts) == 20
    target = (rows % 3 == 0).to(dtype)[:, None]

    def gradients(vectors: Tensor, index: Tensor) -> list[Tensor | None]:
        logits = funnel(vectors, whole.pick(rows, index))
        loss = torch.nn.functional.softplus(logits) - target * logits
        found = torch.autograd.grad(loss.mean(), list(funnel.parameters()), allow_unused=True)
        return list(found)

    once = gradients(funnel.encoder(tokens), text)
    row_wise = gradients(funnel.encoder(tokens.pick(text)), torch.arange(ROWS))
    largest = max(float(gradient.abs().max()) for gradient in once if gradient is not None)
    assert largest > 1e-3
    for one, other in zip(once, row_wise, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert float((one - other).abs().max()) < tolerance * max(largest, 1.0)
