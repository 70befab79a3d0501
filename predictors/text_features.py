"""Texts as numbers for linear models: TF-IDF weights, and the untouched base model's vectors.

T is texts, D dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from promopilot.predictors.dataset import Floats

# Texts [T] to vectors [T, H] of the base model as it was downloaded.
Vectors = Callable[[list[str]], Floats]

# A dimension that varies less than this share of the median one is constant (three of MiniLM's 384
# are) and is left out instead of being blown up.
_CONSTANT_BELOW = 1e-3


@dataclass(frozen=True)
class Tfidf:
    """Words and pairs of words with their inverse document frequency in the fit texts."""

    words: tuple[str, ...]  # [D]
    idf: Floats  # [D]

    @classmethod
    def fit(cls, texts: list[str]) -> "Tfidf":
        """Learns the words of the fit part's distinct texts."""
        vectorizer = _vectorizer()
        try:
            vectorizer.fit(texts)
        except ValueError:  # no word of two letters in any text
            return cls((), np.zeros(0))
        return cls(tuple(vectorizer.get_feature_names_out().tolist()), vectorizer.idf_)

    def features(self, texts: list[str]) -> Any:
        """Returns CSR [T, D] of unit rows."""
        if not self.words:
            return np.zeros((len(texts), 0))
        vectorizer = _vectorizer(vocabulary={word: i for i, word in enumerate(self.words)})
        vectorizer.idf_ = self.idf
        return vectorizer.transform(texts)


@dataclass(frozen=True)
class Frozen:
    """Scale of the fit texts' vectors."""

    centre: Floats  # [D]
    inverse_scale: Floats  # [D], 0 where a dimension is constant

    @classmethod
    def fit(cls, texts: list[str], vectors: Vectors) -> "Frozen":
        """Takes mean and spread of the fit part's distinct texts."""
        found = vectors(texts)
        spread = found.std(axis=0)
        varies = spread > max(_CONSTANT_BELOW * float(np.median(spread)), 1e-12)
        inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
        return cls(found.mean(axis=0), inverse)

    def features(self, texts: list[str], vectors: Vectors) -> Floats:
        """Returns [T, D]."""
        return np.asarray((vectors(texts) - self.centre) * self.inverse_scale)


def _vectorizer(**options: Any) -> Any:
    # Late: it takes half a second, and whoever only predicts never needs it.
    from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
        TfidfVectorizer,
    )

    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, **options)
