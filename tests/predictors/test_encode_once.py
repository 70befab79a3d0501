"""Encoding a text once for all its rows gives what encoding it with every row would."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from promopilot.predictors.encoder import TextEncoder, Tokens, load_encoder

CONTEXTS = 20
"""Contexts per text."""


def _tokens(texts: int) -> Tokens:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 12, (texts,), generator=generator)
    mask = (torch.arange(12) < lengths[:, None]).long()
    return Tokens(torch.randint(6, 17, (texts, 12), generator=generator) * mask, mask)


def _loss(encoder: TextEncoder, head: torch.nn.Linear, tokens: Tokens, text: Tensor) -> Tensor:
    contexts = torch.linspace(-1, 1, len(text), dtype=torch.float64)
    logits = head(encoder(tokens))[text, 0] * contexts
    return torch.nn.functional.softplus(logits).mean()


@pytest.mark.parametrize("trainable", [1, 2])
def test_gradients_are_the_same(base_model: Path, trainable: int) -> None:
    torch.manual_seed(0)
    encoder = load_encoder(base_model, trainable).double().eval()
    head = torch.nn.Linear(encoder.width, 1).double()
    tokens, text = _tokens(5), torch.arange(5).repeat_interleave(CONTEXTS)
    learning = [p for p in [*encoder.parameters(), *head.parameters()] if p.requires_grad]
    once = torch.autograd.grad(_loss(encoder, head, tokens, text), learning, allow_unused=True)
    each = torch.arange(len(text))
    row_wise = torch.autograd.grad(
        _loss(encoder, head, tokens.pick(text), each), learning, allow_unused=True
    )
    assert sum(gradient is not None for gradient in once) > 16
    for one, other in zip(once, row_wise, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)
