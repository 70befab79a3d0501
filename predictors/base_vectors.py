"""The base model as it was before the fit, kept as what the fit changed of it.

The frozen baseline reads texts with it, also where the base model itself is out of reach. Weights
that the fit left alone are the fitted encoder's own and are not stored twice.
"""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promopilot.predictors.encoder import TextEncoder, encode, tokenize
from promopilot.predictors.text_features import Vectors


def changed_weights(base: TextEncoder, fitted: TextEncoder) -> dict[str, Tensor]:
    """Returns the base model's weights by name, where the fitted encoder's are other ones."""
    now = fitted.state_dict()
    return {
        name: value.detach().cpu().clone().contiguous()
        for name, value in base.state_dict().items()
        if not torch.equal(value.cpu(), now[name].cpu())
    }


def restored(fitted: TextEncoder, weights: dict[str, Tensor]) -> TextEncoder:
    """Returns the base model: a copy of the fitted encoder with `weights` put back.

    Raises:
        RuntimeError: a weight is of another shape or name.
    """
    encoder = copy.deepcopy(fitted)
    encoder.every_layer = False  # the baseline's vector is the usual one
    unknown = encoder.load_state_dict(weights, strict=False).unexpected_keys
    if unknown:
        raise RuntimeError(f"the encoder has no weight {unknown[0]}")
    return encoder


def vectors_of(
    encoder: TextEncoder, tokenizer: Any, max_tokens: int, device: torch.device
) -> Vectors:
    """Returns a function from texts to vectors that encodes each text once in its life."""
    known: dict[str, np.ndarray] = {}

    def vectors(texts: list[str]) -> np.ndarray:
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        if fresh:
            found = encode(encoder, tokenize(tokenizer, fresh, max_tokens, device))
            known.update(zip(fresh, found.cpu().numpy(), strict=True))
        if not texts:
            return np.zeros((0, encoder.width))
        return np.stack([known[text] for text in texts]).astype(np.float64)

    return vectors
