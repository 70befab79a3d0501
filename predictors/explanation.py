"""Why promotions are predicted as they are: words, fields, and whether the words can be trusted."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from promopilot.predictors.attribution import TextEffects, text_effects
from promopilot.predictors.counterfactual import Asked, stages_of
from promopilot.predictors.dataset import Ints, Rows
from promopilot.predictors.deletion import Faithfulness, faithfulness
from promopilot.predictors.fields import FieldEffects, field_effects
from promopilot.predictors.words import split_texts

# A text's words are taken in at most so many parts: what a text costs is orders x parts.
_MOST_PARTS = 24
# Contexts that a text's words are averaged over: the words' effects vary little between them.
_CONTEXTS_OF_WORDS = 8


@dataclass(frozen=True)
class Explanation:
    """What raises and lowers the rates of P promotions."""

    stages: tuple[str, ...]  # Z names
    promotion: Ints  # [P] into the promotions of the rows, in the order of the rows
    words: list[TextEffects]  # T, one per distinct text
    text: Ints  # [P] into `words`
    fields: FieldEffects
    faithful: list[Faithfulness]  # per rate asked about; empty where no text has two words


def explain(host: Asked, rows: Rows, tokenizer: Any, max_tokens: int, seed: int = 0) -> Explanation:
    """Explains the rates of promotions where they are shown.

    Args:
        host: whose rates are explained.
        rows: where each of P promotions is shown: C rows of each, all of a promotion together, that
            weigh the same.
        tokenizer: the predictor's, or one like it.
        max_tokens: word pieces that the predictor reads of a text.
        seed: of what is drawn.
    """
    first = np.sort(np.unique(rows.promotion, return_index=True)[1])
    promotion = rows.promotion[first]
    # As objects: numpy's own strings would each be as wide as the longest text.
    texts, text = np.unique(rows.promotions.text[promotion], return_inverse=True)
    splits = split_texts(tokenizer, texts.tolist(), max_tokens, _MOST_PARTS)
    words = text_effects(host, rows, splits, _CONTEXTS_OF_WORDS, seed)
    return Explanation(
        stages=stages_of(host.predict(rows)),
        promotion=promotion,
        words=words,
        text=text.astype(np.int64),
        fields=field_effects(host, rows, seed),
        faithful=faithfulness(host, rows, words, _CONTEXTS_OF_WORDS, seed),
    )
