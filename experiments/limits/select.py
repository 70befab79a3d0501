"""Which line items an entry of `limits.yaml` means, and what an analyst would call them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from promopilot.envs.arrays import Bools
from promopilot.envs.catalog import Catalog
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.limits.file import GroupLimit, Selector

KINDS = ("promotion", "placement", "segment", "line_item")
_SHOWN = 3  # ids named where nothing matches


def line_item_ids(catalog: Catalog) -> list[str]:
    """`promotion/placement/segment` of every line item `[L]`."""
    return [
        f"{catalog.promotion_ids[p]}/{catalog.placement_ids[k]}/{catalog.segment_ids[s]}"
        for p, k, s in zip(catalog.promotion, catalog.placement, catalog.segment, strict=True)
    ]


def chosen(entry: Selector | GroupLimit, catalog: Catalog, source: str, path: str) -> Bools:
    """The line items `[L]` that all keys of an entry agree on.

    Args:
        entry: With an id or a pattern per key, or several.
        catalog: Of the flight.
        source: The file, for messages.
        path: Of the entry in it.

    Raises:
        ConfigError: An id or pattern matches nothing, or no line item has all of them.
    """
    found = np.ones(catalog.num_line_items, dtype=bool)
    for kind in KINDS:
        key, patterns = _asked(entry, kind)
        if patterns:
            found &= _matching(kind, patterns, catalog, f"{source}: `{path}.{key}`")
    if not found.any():
        raise ConfigError(
            f"{source}: `{path}`: no line item of the flight is in {name_of(entry)}; drop one of "
            "its keys"
        )
    return found


def name_of(entry: Selector | GroupLimit) -> str:
    """What an entry selects, as one would say it: "promotion pizza-30 in placement email"."""
    parts = []
    for kind in KINDS:
        _, patterns = _asked(entry, kind)
        if patterns:
            word = kind.replace("_", " ")
            several = len(patterns) > 1
            parts.append(
                f"the group of {word}s {', '.join(patterns)}"
                if several
                else f"{word} {patterns[0]}"
            )
    return " in ".join(parts) or "everything together"


def _asked(entry: Selector | GroupLimit, kind: str) -> tuple[str, Sequence[str]]:
    """The key of a kind of thing in an entry, and the ids or patterns given for it."""
    if isinstance(entry, GroupLimit):
        return f"{kind}s", getattr(entry, f"{kind}s", None) or ()
    pattern = getattr(entry, kind)
    return kind, () if pattern is None else (pattern,)


def _matching(kind: str, patterns: Sequence[str], catalog: Catalog, where: str) -> Bools:
    """Line items `[L]` of the ids of a kind that any of the patterns fits."""
    ids = line_item_ids(catalog) if kind == "line_item" else getattr(catalog, f"{kind}_ids")
    fits = np.zeros(len(ids), dtype=bool)
    for pattern in patterns:
        one = np.array([_fits(each, pattern) for each in ids])
        if not one.any():
            raise ConfigError(_unknown(kind, pattern, ids, where))
        fits |= one
    return fits if kind == "line_item" else fits[getattr(catalog, kind)]


def _fits(name: str, pattern: str) -> bool:
    """Whether an id is the pattern, or fits it with `*` for any text and `?` for any letter."""
    return name == pattern or fnmatchcase(name, re.sub(r"\[", "[[]", pattern))


def _unknown(kind: str, pattern: str, ids: Sequence[str], where: str) -> str:
    near = difflib.get_close_matches(pattern, ids, n=_SHOWN, cutoff=0.4)
    known = f"nearest: {', '.join(near)}" if near else f"there are: {_few(ids)}"
    word = kind.replace("_", " ")
    rule = f"no {word} of the flight {'fits' if set(pattern) & set('*?') else 'has that id'}"
    return f"{where} is {pattern!r}: {rule}; {known}"


def _few(ids: Sequence[str]) -> str:
    more = len(ids) - _SHOWN
    return ", ".join(ids[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
