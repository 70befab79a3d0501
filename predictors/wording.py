"""How a text is put, as against what it says: length, capitals, figures and punctuation.

An encoder that lowers all letters and averages its word pieces loses these, though readers do not.
They help to tell how well a text does on the whole; inside a test a fine-tuned encoder orders about
as well without them.
"""

import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_LONGEST = 2000  # characters read: a page says no more of how it is put than its beginning
# East Asian texts have marks of their own, full width.
_ASKS, _EXCLAIMS, _COLONS = "?\uff1f", "!\uff01", ":\uff1a"
_QUOTES = '"\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d'
_SENTENCE_END = re.compile(rf"[.\u3002{_ASKS}{_EXCLAIMS}]+(?:\s|$)")

NAMES = (
    *("words", "characters", "has figures", "capitalised words", "words in capitals"),
    *("asks", "ends asking", "exclaims", "sentences", "has a colon", "has quotes"),
)
WORDINGS = len(NAMES)


@lru_cache(maxsize=65_536)
def wording(text: str) -> tuple[float, ...]:
    """Returns one number for each of `NAMES`, kept: a host is asked for the same texts again."""
    text = text[:_LONGEST]
    words = text.split()
    count = max(len(words), 1)
    return (
        np.log1p(len(words)),
        np.log1p(len(text)),
        float(any(letter.isdigit() for letter in text)),
        sum(word[:1].isupper() for word in words) / count,
        sum(word.isupper() and len(word) > 1 for word in words) / count,
        _has(_ASKS, text),
        float(text.rstrip().endswith(tuple(_ASKS))),
        _has(_EXCLAIMS, text),
        np.log1p(len(_SENTENCE_END.findall(text))),
        _has(_COLONS, text),
        _has(_QUOTES, text),
    )


def wordings(texts: list[str]) -> NDArray[np.float64]:
    """Returns [T, WORDINGS]."""
    return np.array([wording(text) for text in texts]).reshape(-1, WORDINGS)


def _has(marks: str, text: str) -> float:
    return float(any(mark in text for mark in marks))
