"""Low-rank adapters (LoRA, Hu et al. 2022): a few per cent of the weights learn, the rest stays.

After learning the adapters are merged into the layers, so that a fitted model is a plain encoder:
it needs no peft to be loaded and costs nothing more to run.
"""

from typing import Any

import torch
from torch import nn

from promopilot.predictors.encoder import TextEncoder
from promopilot.predictors.errors import MissingPackageError

_TARGETS = ["query", "value"]  # the paper's choice
_MARK = "lora_"


class AdaptedEncoder(TextEncoder):
    """A TextEncoder whose layers learn through adapters alone."""

    def __init__(self, encoder: TextEncoder, rank: int) -> None:
        nn.Module.__init__(self)
        _take(self, encoder)
        self.frozen_layers, self.learns_embeddings = 0, False
        peft = _peft()
        config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=_TARGETS)
        peft.inject_adapter_in_model(config, self.layers)
        self.free()

    def free(self) -> None:
        """Lets the adapters learn."""
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(_MARK in name)

    def tuned(self) -> list[nn.Parameter]:
        """Returns one factor of each adapter's product: halving both would quarter it."""
        return [p for name, p in self.named_parameters() if f"{_MARK}B" in name]

    @torch.no_grad()
    def merged(self) -> TextEncoder:
        """Returns the plain encoder with the adapters' product added to its weights."""
        from peft.tuners.lora import LoraLayer

        for module in list(self.layers.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, LoraLayer):
                    child.merge()
                    setattr(module, name, child.get_base_layer())
        plain = TextEncoder.__new__(TextEncoder)
        nn.Module.__init__(plain)
        _take(plain, self)
        plain.frozen_layers, plain.learns_embeddings = len(self.layers), False
        plain.free()
        return plain


def _take(encoder: TextEncoder, source: TextEncoder) -> None:
    """Makes the layers of `source` an encoder's own, and its vector alike."""
    encoder.embeddings, encoder.layers = source.embeddings, source.layers
    encoder.every_layer, encoder.hidden_width = source.every_layer, source.hidden_width


def _peft() -> Any:
    try:
        import peft
    except ImportError:
        raise MissingPackageError(
            "predictor.mode lora needs peft, which is not installed: run "
            '`pip install "promopilot[lora]"`, or choose another mode.'
        ) from None
    return peft
