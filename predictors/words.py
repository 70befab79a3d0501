"""The words of a text, and the text without some of them.

A word is what stands between blanks; Han and kana characters, which are written without blanks, are
a word each.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

Span = tuple[int, int]  # first character, and the one after the last
_WIDE = "\u2e80-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_WORD = re.compile(rf"[{_WIDE}]|[^\s{_WIDE}]+")


@dataclass(frozen=True)
class SplitText:
    """A text and its words, as they stand in it."""

    text: str
    end: int  # the encoder reads up to this character
    spans: tuple[Span, ...]  # W words that are read; in a long text, runs of neighbouring words

    @property
    def words(self) -> list[str]:
        """Returns the words themselves [W]."""
        return [self.text[first:end] for first, end in self.spans]

    def without(self, gone: frozenset[int]) -> str:
        """Returns what is read of the text without some of its words, blanks closed up."""
        if not gone:
            return self.text[: self.end]
        kept, place = [], 0
        for first, end in (self.spans[word] for word in sorted(gone)):
            kept.append(self.text[place:first])
            place = end
        kept.append(self.text[place : self.end])
        return " ".join("".join(kept).split())


def split_texts(tokenizer: Any, texts: list[str], max_tokens: int, most: int) -> list[SplitText]:
    """Splits texts into words.

    Args:
        tokenizer: tells where a text is cut; one without offsets cuts nothing here.
        texts: T texts.
        max_tokens: word pieces that are read of each.
        most: parts of a text at most; of more words, neighbours are taken together.
    """
    ends = [len(text) for text in texts]
    if tokenizer.is_fast:
        found = tokenizer(
            texts, truncation=True, max_length=max_tokens, return_offsets_mapping=True
        )
        ends = [max((end for _, end in row), default=0) for row in found["offset_mapping"]]
    return [_split(text, end, most) for text, end in zip(texts, ends, strict=True)]


def _split(text: str, end: int, most: int) -> SplitText:
    spans = [match.span() for match in _WORD.finditer(text, 0, end)]
    parts = np.array_split(np.arange(len(spans)), min(most, len(spans)) or 1)
    joined = tuple((spans[part[0]][0], spans[part[-1]][1]) for part in parts if len(part))
    return SplitText(text, end, joined)
