"""What it saves to encode a text once for all rows that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promopilot.experiments.bench import stopwatch
from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.shop import Shop
from promopilot.experiments.bench.stopwatch import seconds

if TYPE_CHECKING:
    from torch import Tensor

    from promopilot.predictors import Predictor

_PLACEMENTS, _SEGMENTS = 5, 4  # 20 contexts per text
_LEARNING_LAYERS = 2  # as in a fit by default
_ROWS_AT_ONCE = 32  # texts of a row-wise batch: as many as a training batch has


def encode_once(predictor: Predictor, texts: int, budget: float) -> dict[str, Figure]:
    """Compares one pass over the texts with one over the rows, 20 of which show each text.

    Training is forward and backward through the layers that learn, in float32; both ways have the
    same loss, so the gradients may differ by rounding only.

    Args:
        predictor: whose top layers learn here, and are frozen again.
        texts: of a batch.
        budget: seconds that short work is repeated for.

    Returns:
        `encode_once_training_speedup` and `encode_once_predict_speedup`, rows per second over rows
        per second; `encode_once_gradient_difference`, the largest over the largest gradient.
    """
    import torch

    from promopilot.predictors.encoder import encode
    from promopilot.predictors.funnel import Context
    from promopilot.predictors.predictor import fuse

    funnel = predictor.funnel.eval()
    for layer in funnel.encoder.layers[-_LEARNING_LAYERS:]:
        layer.requires_grad_(True)
    rows = Shop(texts, _PLACEMENTS, _SEGMENTS, 1).rows(predictor.settings)
    features = predictor.features(rows)
    context = Context.from_features(features, predictor.device)
    tokens = predictor.tokens(features.texts)
    each = tokens.pick(context.text)  # a text per row
    every = torch.arange(len(rows))
    learning = [parameter for parameter in funnel.parameters() if parameter.requires_grad]

    def gradients(chosen: Tensor, of: Tensor, vectors: Tensor) -> list[Tensor]:
        logits = funnel(vectors, context.pick(chosen, of))
        # What is learnt from does not matter to the speed: every third row was clicked.
        target = (chosen % 3 == 0).float()[:, None].expand_as(logits)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")
        found = torch.autograd.grad(loss / len(rows), learning, allow_unused=True)
        return [
            torch.zeros_like(parameter) if part is None else part
            for part, parameter in zip(found, learning, strict=True)
        ]

    def once() -> list[Tensor]:
        return gradients(every, context.text, funnel.encoder(tokens))

    def row_wise() -> list[Tensor]:
        total = [torch.zeros_like(parameter) for parameter in learning]
        for part in torch.split(every, _ROWS_AT_ONCE):
            found = gradients(part, torch.arange(len(part)), funnel.encoder(each.pick(part)))
            total = [before + more for before, more in zip(total, found, strict=True)]
        return total

    def predict_row_wise() -> None:
        fuse(funnel, encode(funnel.encoder, each), context.pick(every, every))

    by_rows: list[list[Tensor]] = []
    training = stopwatch.once(lambda: by_rows.append(row_wise())) / seconds(once, budget)
    by_texts = once()
    largest = max(float(part.abs().max()) for part in by_texts)
    difference = max(
        float((one - other).abs().max()) for one, other in zip(by_texts, by_rows[0], strict=True)
    )
    predict = stopwatch.once(predict_row_wise) / seconds(lambda: predictor.predict(rows), budget)
    funnel.requires_grad_(False)
    return {
        "encode_once_training_speedup": figure(training, "x", at_least=10.0),
        "encode_once_predict_speedup": figure(predict, "x", at_least=10.0),
        "encode_once_gradient_difference": figure(difference / largest, "", at_most=1e-5),
    }
