"""Texts made alike for comparison: what people write in different ways is one word."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """A text without accents, capitals and repeated blanks."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


def letters_of(text: str) -> str:
    """The letters and digits of a text, without accents and capitals."""
    return "".join(c for c in plain(text) if c.isalnum())
