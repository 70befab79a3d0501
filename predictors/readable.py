"""How much of the texts a tokenizer can read, and how many it cuts.

A letter counts as unread where its word piece is the tokenizer's "unknown", and where its word is
spelled out letter by letter although its script has words: English BERT knows each Cyrillic letter
and no Russian word. Digits, punctuation and emoji are not letters and never count.
"""

import re
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from promopilot.predictors.dataset import Rows
from promopilot.predictors.errors import CutTextWarning, UnreadableTextWarning

# Above this mean share of a text's letters a warning is due: one text in ten from another language.
MOST_UNREAD = 0.1
# Characters kept per word piece that is kept. Longer texts are cut here before they are tokenized,
# which else takes 80 ms and 5 MB for each 100,000 characters. Words of English have 5 or 6.
CHARACTERS_PER_TOKEN = 50
# A word with at least this many pieces per letter is spelled out: "скидка" has 5 for 6 letters in
# MiniLM's vocabulary, rare English words about 1 for 2.
_SPELLED = 0.8
_SHORT_WORD = 3  # of fewer letters a word says nothing: "XL" has 2 pieces at most
_MOST_TEXTS = 20_000  # looked at, evenly spread, so that a catalog of any size takes a second
_SHOWN = 60  # characters of the example
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*")
# Scripts whose characters are words or syllables, so that one piece for each is no spelling.
_SYLLABIC = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_WORDS_AT_ONCE = 4096


@dataclass(frozen=True)
class Readability:
    """What a tokenizer makes of a catalog's texts."""

    texts: int  # looked at
    unread_share: float  # mean over texts of the share of their letters that is unread
    cut_share: float  # share of texts longer than max_tokens
    max_tokens: int
    example: str  # the least readable text, "" where all are read

    @property
    def is_poor(self) -> bool:
        """Whether so much is unread that predictions rest on little."""
        return self.unread_share > MOST_UNREAD

    def to_json(self) -> dict[str, Any]:
        """Returns the figures without any text, for the model's record."""
        return {key: value for key, value in asdict(self).items() if key != "example"}


def readability(tokenizer: Any, texts: list[str], max_tokens: int) -> Readability:
    """Measures a catalog's distinct texts against a tokenizer's vocabulary."""
    distinct = list(dict.fromkeys(texts))
    step = -(-len(distinct) // _MOST_TEXTS) or 1
    seen = clipped(distinct[::step], max_tokens)
    words = [_WORD.findall(text) for text in seen]
    unread = _unread_letters(tokenizer, sorted({word for found in words for word in found}))
    shares = np.array(
        [sum(unread[word] for word in found) / max(1, sum(map(len, found))) for found in words]
    )
    if not len(shares):
        return Readability(0, 0.0, 0.0, max_tokens, "")
    pieces = tokenizer(seen, truncation=True, max_length=max_tokens + 1)["input_ids"]
    worst = int(np.argmax(shares))
    return Readability(
        texts=len(seen),
        unread_share=float(shares.mean()),
        cut_share=float(np.mean([len(found) > max_tokens for found in pieces])),
        max_tokens=max_tokens,
        example=_shown(seen[worst]) if shares[worst] > 0 else "",
    )


def shown_texts(rows: Rows) -> list[str]:
    """Returns the distinct texts of the promotions in `rows`."""
    return sorted({str(text) for text in rows.promotions.text[np.unique(rows.promotion)]})


def warn_of_texts(found: Readability) -> None:
    """Warns, naming the share and what to do, of texts that are not read or are cut."""
    if found.is_poor:
        warnings.warn(
            f"the base model cannot read {found.unread_share:.0%} of the letters of the "
            f"promotions' texts, for example {found.example!r}: its vocabulary lacks them. "
            "Predictions rest on the other columns there; set predictor.base_model to a "
            "multilingual BERT, such as google-bert/bert-base-multilingual-cased.",
            UnreadableTextWarning,
            stacklevel=2,
        )
    if found.cut_share > 0:
        warnings.warn(
            f"{_percent(found.cut_share)} of the promotions' texts are longer than "
            f"{found.max_tokens} word pieces and are read up to there: shorten them or raise "
            "predictor.max_tokens.",
            CutTextWarning,
            stacklevel=2,
        )


def clipped(texts: list[str], max_tokens: int) -> list[str]:
    """Returns texts without what lies far beyond `max_tokens` word pieces."""
    most = CHARACTERS_PER_TOKEN * max_tokens
    # Runs of white space are no word pieces and must not use the room up.
    return [text if len(text) <= most else " ".join(text.split())[:most] for text in texts]


def _unread_letters(tokenizer: Any, words: list[str]) -> dict[str, float]:
    """Letters of each word that are not read."""
    unread: dict[str, float] = {}
    for start in range(0, len(words), _WORDS_AT_ONCE):
        part = words[start : start + _WORDS_AT_ONCE]
        for word, pieces in zip(
            part, tokenizer(part, add_special_tokens=False)["input_ids"], strict=True
        ):
            unread[word] = len(word) * _unread_share(word, pieces, tokenizer.unk_token_id)
    return unread


def _unread_share(word: str, pieces: list[int], unknown: int | None) -> float:
    letters = len(word)
    if not pieces or len(pieces) > letters:  # nothing, or bytes and strokes instead of letters
        return 1.0
    is_spelled = letters >= _SHORT_WORD and len(pieces) >= _SPELLED * letters
    if is_spelled and not _SYLLABIC.search(word):
        return 1.0
    return pieces.count(unknown) / len(pieces) if unknown is not None else 0.0


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"
