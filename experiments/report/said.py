"""Sentences that other stages wrote into the run's files, in the page's language.

The files are English whatever the page is. A catalogue holds their sentences as patterns, `{}` for
what varies; what stands there is put into the translation. A sentence that no pattern fits stays
as it is, so that nothing is lost.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from promopilot.experiments.report.language import Language, spoken, tr
from promopilot.experiments.report.numbers import typeset

_HERE = Path(__file__).parent
# Where one sentence ends and the next begins; never inside a number.
_BETWEEN = re.compile(r"(?<=[.?!]) (?=[A-Z])")
_MORE = "; and "  # between the conditions that a policy missed


def said(text: str) -> str:
    """Sentences of the run's files, with the page's minus and in its language."""
    text = typeset(text)
    if spoken() == "en":
        return text
    return _joined([_sentence(part) for part in _BETWEEN.split(text)])


def untold(text: str, language: Language) -> list[str]:
    """The sentences of a text that a language's patterns do not fit."""
    parts = _BETWEEN.split(typeset(text))
    return [part for part in parts if not any(p.fullmatch(part) for p, _ in patterns(language))]


@cache
def patterns(language: Language) -> tuple[tuple[re.Pattern[str], str], ...]:
    """What fits a sentence and its translation, the pattern with most words of its own first."""
    found: dict[str, str] = json.loads(
        (_HERE / f"{language}_said.json").read_text(encoding="utf-8")
    )
    order = sorted(found, key=lambda key: -len(key.replace("{}", "")))
    return tuple(
        (re.compile("(.+?)".join(map(re.escape, key.split("{}")))), found[key]) for key in order
    )


def _sentence(text: str) -> str:
    """A sentence, or a part of one; names and words of the page's own table are translated too."""
    if _MORE in text and not text.endswith("."):
        return tr("; ").join(_sentence(part) for part in text.split(_MORE))
    for pattern, translation in patterns(spoken()):
        if match := pattern.fullmatch(text):
            return translation.format(*(_sentence(part) for part in match.groups()))
    return tr(text)


def _joined(parts: list[str]) -> str:
    """Sentences one after the other: Chinese ones need no space between them."""
    return "".join(
        part if part.endswith("。") or n == len(parts) - 1 else f"{part} "
        for n, part in enumerate(parts)
    )
