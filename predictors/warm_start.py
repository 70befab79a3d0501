"""A network that starts as an earlier one and has room for what is new.

A new placement, segment or group starts as "unknown" does, which the earlier model learnt as the
average of those it knew: before it has learnt anything the network says what the earlier one said.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promopilot.predictors.adapters import AdaptedEncoder
from promopilot.predictors.dataset import Rows
from promopilot.predictors.earlier import Earlier
from promopilot.predictors.encoder import empty_encoder
from promopilot.predictors.funnel import Funnel
from promopilot.predictors.inference import predicting
from promopilot.predictors.linear_start import penalised
from promopilot.predictors.objective import Part
from promopilot.predictors.predictor import fuse
from promopilot.predictors.recipes import Recipe
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.vocabulary import UNKNOWN, Vocabulary

_TABLES = {"placement": "placements", "segment": "segments", "group": "groups"}


def grown_vocabulary(earlier: Vocabulary, rows: Rows) -> Vocabulary:
    """Returns the earlier vocabulary with the new names of `rows` after the old ones.

    Scales stay: the weights were learnt on them.
    """
    found = Vocabulary.from_rows(rows)
    names = {
        name: (*known, *sorted(set(getattr(found, name)) - set(known)))
        for name in _TABLES.values()
        for known in [getattr(earlier, name)]
    }
    return replace(earlier, texts=tuple(sorted({*earlier.texts, *found.texts})), **names)


def grown_funnel(
    earlier: Earlier,
    vocabulary: Vocabulary,
    settings: PredictorSettings,
    recipe: Recipe,
    layers: int | None,
) -> Funnel:
    """Returns a network with the earlier one's weights; it draws from torch's random state.

    Args:
        earlier: to start from.
        vocabulary: grown from the earlier one's.
        settings: `lora_rank`.
        recipe: `mode` and `dropout`.
        layers: of the encoder, from the top, that learn as they are; None: all.
    """
    own = earlier.predictor.funnel
    shape = replace(
        own.shape,
        placements=len(vocabulary.placements) + 1,
        segments=len(vocabulary.segments) + 1,
        groups=len(vocabulary.groups) + 1,
        dropout=recipe.dropout,
    )
    encoder = empty_encoder(earlier.encoder, layers, shape.every_layer)
    funnel = Funnel(encoder, shape)
    funnel.load_state_dict(grown_state(own, funnel))
    if recipe.mode == "lora":
        funnel.encoder = AdaptedEncoder(encoder, settings.lora_rank)
    return funnel.to(earlier.predictor.device)


def grown_state(earlier: Funnel, funnel: Funnel) -> dict[str, Tensor]:
    """Returns the earlier network's state with a copy of "unknown" for each new name."""
    state = {name: value.detach().cpu().clone() for name, value in earlier.state_dict().items()}
    wanted = funnel.state_dict()
    for part in ("wide", "deep"):
        for table in _TABLES:
            name = f"{part}.{table}.weight"
            more = len(wanted[name]) - len(state[name])
            unknown = state[name][UNKNOWN : UNKNOWN + 1]
            state[name] = torch.cat([state[name], unknown.expand(more, -1)])
    return state


def go_on_linearly(funnel: Funnel, fitted: Part, vectors: Tensor, text_sd: float) -> None:
    """Adds to the linear part what the rows tell beyond what the network says of them already.

    The linear text part learns in no other way, see `linear_start`. What is added has the prior of
    `linear_start` around 0, so that coefficients stay where they are unless the rows move them.

    Args:
        funnel: with the scale of the earlier model's text vectors.
        fitted: the rows to learn from.
        vectors: of their texts [T, H].
        text_sd: see `linear_start.penalised`.
    """
    device = vectors.device
    told = torch.tensor(_logits(funnel, vectors, fitted), dtype=torch.float32, device=device)
    scaled = vectors.cpu().sub(funnel.centre.cpu()).mul_(funnel.inverse_scale.cpu()).numpy()
    tables: dict[str, Any] = {name: funnel.wide[name].weight for name in ("segment", "weekday")}
    beyond = replace(fitted, context=replace(fitted.context, offset=told)).on_processor()
    found = penalised(beyond, scaled, text_sd, {name: len(table) for name, table in tables.items()})
    with torch.no_grad():
        for place, values in (
            (funnel.wide_numeric.bias, found.bias),
            (funnel.wide_numeric.weight, found.numeric.T),
            (funnel.wide_text.weight, found.text.T),
            *((tables[name], values) for name, values in found.context.items()),
        ):
            place.add_(torch.tensor(values, dtype=torch.float32, device=device))
    funnel.wide_text.requires_grad_(False)


def _logits(funnel: Funnel, vectors: Tensor, part: Part) -> np.ndarray:
    with predicting(funnel):
        return fuse(funnel, vectors, part.context)
