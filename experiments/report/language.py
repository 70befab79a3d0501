"""The page's language: English sentences are the keys, a catalogue gives the others.

Sentences of the page go through `tr`; fields stay in braces and are filled in afterwards, so that
a translation may put them in another order: `tr("{} of {}").format(some, all_)`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
# What a browser and a screen reader call them (BCP 47).
TAGS: dict[Language, str] = {"en": "en", "zh": "zh-Hans"}
_HERE = Path(__file__).parent
_spoken: ContextVar[Language] = ContextVar("spoken", default="en")


def tr(text: str) -> str:
    """A sentence of the page in the page's language; English where the catalogue has none."""
    return catalogue(_spoken.get()).get(text, text)


def plural(count: int, one: str, many: str) -> str:
    """The sentence for one, or that for none and several, in the page's language.

    Args:
        count: Of how many it speaks.
        one: Marked by `later`, as is the other.
        many: It may fill in more.
    """
    return tr(one if count == 1 else many)


def later(text: str) -> str:
    """The same text, marked as a key: `tr` is called where it is shown."""
    return text


def spoken() -> Language:
    """The page's language."""
    return _spoken.get()


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Whatever is rendered inside is in this language."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """The sentences of a language by their English; none for English itself."""
    if language == "en":
        return {}
    found: dict[str, str] = json.loads((_HERE / f"{language}.json").read_text(encoding="utf-8"))
    return found
