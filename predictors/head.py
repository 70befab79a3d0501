"""A predictor without its encoder: all that is needed where texts are known as vectors."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from promopilot.predictors.dataset import Rows
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor


@dataclass(frozen=True)
class Head:
    """What scores rows on any processor, a hundredth of a predictor's size.

    Args:
        predictor: Without encoder and tokenizer.
        vectors: Of texts, `[T, H]`.
        place: Of each text in them.
    """

    predictor: Predictor
    vectors: torch.Tensor
    place: dict[str, int]

    def predict(self, rows: Rows) -> Prediction:
        """Returns rates and standard errors of rows, all of whose texts are known."""
        return self.predictor.predict(rows, self._known)

    def _known(self, texts: list[str]) -> torch.Tensor:
        return self.vectors[[self.place[text] for text in texts]]


def head_of(predictor: Predictor, texts: Sequence[str]) -> Head:
    """Encodes each distinct text once, and leaves the encoder behind."""
    distinct = sorted(set(texts))
    vectors = predictor.vectors(distinct).cpu()
    funnel = copy.copy(predictor.funnel)
    funnel._modules = {**funnel._modules, "encoder": nn.Identity()}
    bare = replace(
        predictor,
        funnel=copy.deepcopy(funnel).cpu().eval(),
        tokenizer=None,
        baselines=None,
        device=torch.device("cpu"),
    )
    return Head(bare, vectors, {text: index for index, text in enumerate(distinct)})
