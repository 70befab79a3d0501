"""Parts of the rows on which scores are given apart: placement, segment, week, seen or new text."""

from dataclasses import dataclass

import numpy as np

from promopilot.predictors.dataset import NO_DAY, WEEKDAYS, Ints, Masks, Rows
from promopilot.predictors.vocabulary import UNKNOWN, Features

_MONDAY = 4  # 1970-01-05, in days since 1970-01-01
# Of each dimension those with the most impressions; the others are in the whole all the same.
_MOST_LEVELS = 60


@dataclass(frozen=True)
class Slice:
    """Some rows."""

    dimension: str
    level: str
    rows: Masks  # [R]


def slices(rows: Rows, features: Features) -> list[Slice]:
    """Returns each level of every dimension that has more than one."""
    known = known_parts(features)
    status = np.select([known[name] for name in ("new", "unknown_group")], [1, 2], 0)
    named: list[tuple[str, Ints, list[str]]] = [
        ("placement", rows.placement, list(rows.placement_ids)),
        ("segment", rows.segment, list(rows.segment_ids)),
        ("text", status, ["seen", "new", "new_group"]),
    ]
    if (rows.day != NO_DAY).all() and len(rows):
        week = (rows.day - _MONDAY) // WEEKDAYS
        first = int(week.min())
        mondays = np.arange(first, int(week.max()) + 1) * WEEKDAYS + _MONDAY
        names = mondays.astype("datetime64[D]").astype(str).tolist()
        named.insert(2, ("week", week - first, names))
    return [
        Slice(dimension, names[level], codes == level)
        for dimension, codes, names in named
        for level in _largest(codes, rows.impressions)
    ]


def known_parts(features: Features) -> dict[str, Masks]:
    """Rows [R] by what the fit knew of the promotion: its text, its group, or neither."""
    stranger = features.is_new_text & (features.group == UNKNOWN)
    return {
        "all": np.ones(len(stranger), dtype=np.bool_),
        "seen": ~features.is_new_text,
        "new": features.is_new_text & ~stranger,
        "unknown_group": stranger,
    }


def _largest(codes: Ints, impressions: Ints) -> list[int]:
    shown = np.bincount(codes, impressions)
    levels = np.flatnonzero(np.bincount(codes) > 0)
    if len(levels) < 2:
        return []
    kept = levels[np.argsort(-shown[levels], kind="stable")][:_MOST_LEVELS]
    return [int(level) for level in np.sort(kept)]
