"""The network: one vector per distinct text, fused late with the context of each row.

T is distinct texts, R rows, H the encoder's width, Z stages (CTR and CVR, or CTCVR alone).
logits = offset + bias + linear(context) + linear(text) + MLP(text, context), the offset being the
calendar's: the linear part alone is a logistic regression, so that the network starts from what is
simple and learns what is not.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from promopilot.predictors.encoder import TextEncoder
from promopilot.predictors.vocabulary import NUMERIC, UNKNOWN, Features, Vocabulary

_PLACEMENT_WIDTH, _SEGMENT_WIDTH, _WEEKDAY_WIDTH, _GROUP_WIDTH = 16, 8, 4, 16
# Placements and segments hidden at each step, so that "unknown" is learnt as their average.
_CONTEXT_HIDDEN_SHARE = 0.02
# A pooled dimension that varies less than this share of the median one is constant (three of
# MiniLM's 384 are) and is left out instead of being blown up.
_CONSTANT_BELOW = 1e-3


@dataclass(frozen=True)
class Context:
    """Rows as tensors; every field has length R."""

    text: Tensor  # int64 into the batch's text vectors
    placement: Tensor  # int64, 0 unknown
    segment: Tensor  # int64, 0 unknown
    group: Tensor  # int64, 0 unknown
    weekday: Tensor  # int64
    numeric: Tensor  # float32 [R, NUMERIC]
    offset: Tensor  # float32 [R, Z] logits

    @classmethod
    def from_features(cls, features: Features, device: torch.device) -> "Context":
        """Copies features to `device`."""
        # torch.tensor copies: pandas may lend arrays that must not be written.
        return cls(
            *(
                torch.tensor(values, device=device)
                for values in (
                    features.text,
                    features.placement,
                    features.segment,
                    features.group,
                    features.weekday,
                    features.numeric,
                    features.offset,
                )
            )
        )

    def pick(self, rows: Tensor, text: Tensor) -> "Context":
        """Returns the rows at `rows` [B], their texts renumbered to `text` [B]."""
        return Context(
            text,
            self.placement[rows],
            self.segment[rows],
            self.group[rows],
            self.weekday[rows],
            self.numeric[rows],
            self.offset[rows],
        )


@dataclass(frozen=True)
class FunnelShape:
    """What fixes the network's tensors, stored with it."""

    stages: int
    placements: int
    segments: int
    groups: int
    text_width: int
    hidden_width: int
    dropout: float
    group_dropout: float
    every_layer: bool  # what the encoder's vector is made of

    @classmethod
    def of(
        cls,
        vocabulary: Vocabulary,
        stages: int,
        widths: tuple[int, int],
        dropouts: tuple[float, float],
        every_layer: bool,
    ) -> "FunnelShape":
        """Sizes the network for a vocabulary; `widths` text, hidden; `dropouts` inputs, group."""
        return cls(
            stages=stages,
            placements=len(vocabulary.placements) + 1,
            segments=len(vocabulary.segments) + 1,
            groups=len(vocabulary.groups) + 1,
            text_width=widths[0],
            hidden_width=widths[1],
            dropout=dropouts[0],
            group_dropout=dropouts[1],
            every_layer=every_layer,
        )


class Funnel(nn.Module):
    """BERT and the fusing head. Call `vectors` once per batch of texts, then `forward` on rows."""

    centre: Tensor
    inverse_scale: Tensor

    def __init__(self, encoder: TextEncoder, shape: FunnelShape) -> None:
        super().__init__()
        self.encoder = encoder
        self.shape = shape
        self.register_buffer("centre", torch.zeros(encoder.width))
        self.register_buffer("inverse_scale", torch.ones(encoder.width))
        sizes = {
            "placement": (shape.placements, _PLACEMENT_WIDTH),
            "segment": (shape.segments, _SEGMENT_WIDTH),
            "weekday": (7, _WEEKDAY_WIDTH),
            "group": (shape.groups, _GROUP_WIDTH),
        }
        self.wide = nn.ModuleDict({k: nn.Embedding(n, shape.stages) for k, (n, _) in sizes.items()})
        self.deep = nn.ModuleDict({k: nn.Embedding(n, w) for k, (n, w) in sizes.items()})
        self.wide_numeric = nn.Linear(NUMERIC, shape.stages)
        self.wide_text = nn.Linear(encoder.width, shape.stages, bias=False)
        self.project = nn.Linear(encoder.width, shape.text_width)
        context_width = sum(width for _, width in sizes.values()) + NUMERIC
        self.fuse_text = nn.Linear(shape.text_width, shape.hidden_width)
        self.fuse_context = nn.Linear(context_width, shape.hidden_width, bias=False)
        self.hidden = nn.Linear(shape.hidden_width, shape.hidden_width)
        self.out = nn.Linear(shape.hidden_width, shape.stages, bias=False)
        self.drop = nn.Dropout(shape.dropout)
        for table in self.wide.values():
            nn.init.zeros_(table.weight)  # type: ignore[arg-type]
        for table in self.deep.values():
            nn.init.normal_(table.weight, std=0.3)  # type: ignore[arg-type]
        for layer in (self.wide_text, self.wide_numeric, self.out):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.wide_numeric.bias)  # the offset holds the base rate

    def head_parameters(self) -> list[nn.Parameter]:
        """Everything but the encoder's."""
        own = {id(parameter) for parameter in self.encoder.parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in own]

    @torch.no_grad()
    def start_from(self, vectors: Tensor) -> None:
        """Takes the scale of the frozen text vectors [T, H]."""
        spread = vectors.std(0, correction=0)
        is_constant = spread <= _CONSTANT_BELOW * spread.median()
        self.centre.copy_(vectors.mean(0))
        inverse = 1.0 / spread.masked_fill(is_constant, 1.0)
        self.inverse_scale.copy_(inverse.masked_fill(is_constant, 0.0))

    def forward(self, vectors: Tensor, context: Context) -> Tensor:
        """Returns logits [R, Z] of rows, given the text vectors [T, H] that they point into."""
        scaled = self.drop((vectors - self.centre) * self.inverse_scale)
        text = self.fuse_text(torch.nn.functional.gelu(self.project(scaled)))  # [T, hidden]
        index = {
            "placement": self._hide(context.placement, _CONTEXT_HIDDEN_SHARE),
            "segment": self._hide(context.segment, _CONTEXT_HIDDEN_SHARE),
            "weekday": context.weekday,
            "group": self._hide(context.group, self.shape.group_dropout),
        }
        if self.shape.group_dropout >= 1.0:
            index["group"] = torch.zeros_like(context.group)
        parts = [self.deep[name](value) for name, value in index.items()]
        fused = text[context.text] + self.fuse_context(torch.cat([*parts, context.numeric], 1))
        hidden = self.drop(torch.nn.functional.gelu(fused))
        hidden = torch.nn.functional.gelu(self.hidden(hidden))
        linear = self.wide_numeric(context.numeric) + self.wide_text(scaled)[context.text]
        for name, value in index.items():
            linear = linear + self.wide[name](value)
        logits: Tensor = context.offset + linear + self.out(hidden)
        return logits

    def _hide(self, index: Tensor, share: float) -> Tensor:
        if not self.training or share <= 0.0:
            return index
        hidden = torch.rand(index.shape, device=index.device) < share
        return index.masked_fill(hidden, UNKNOWN)
