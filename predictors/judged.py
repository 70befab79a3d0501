"""Which rows have judged a predictor, or one of those that it comes from.

In a chain of fits that go on from one another they judge again each time and are never learnt
from: otherwise each fit could forget a little of what no later one is judged by.
"""

from typing import Any

import numpy as np

from promopilot.predictors.dataset import Masks, Rows
from promopilot.predictors.held_out import is_named, joined_names, names_of

_NONE: dict[str, Any] = {"days": [], "groups": [], "texts": []}


def judged_record(record: dict[str, Any], learnt: Rows, judging: Rows) -> dict[str, Any]:
    """Returns what a predictor keeps of the rows that judged it, as its record's `judged`.

    Args:
        record: of the predictor that the fit goes on from; empty where there is none.
        learnt: rows that the fit has learnt from.
        judging: rows that judged it now.

    Returns:
        That of `record`, grown by one fit: `days` by its first and last one where its days are
        later than all that was learnt from, and else `groups` and `texts` by digests of those of
        which no day was.
    """
    judged = _judged(record)
    if judging.day.min() > learnt.day.max():
        ends = [str(np.datetime64(int(day), "D")) for day in (judging.day.min(), judging.day.max())]
        return judged | {"days": [*judged["days"], ends]}
    known, now = names_of(learnt), names_of(judging)
    apart = {key: set(names) - set(known[key]) for key, names in now.items()}
    return judged | joined_names(judged, apart)


def has_judged(rows: Rows, record: dict[str, Any]) -> Masks | None:
    """Returns the rows [R] that have judged a predictor or one of those that it comes from.

    Args:
        rows: with days.
        record: the predictor's.

    Returns:
        A mask; None where the record names none: groups judged it before records told of them.
    """
    judged = _judged(record)
    if judged == _NONE:
        return None
    found = is_named(rows, judged)
    for ends in judged["days"]:
        first, last = (int(np.datetime64(day, "D").astype(np.int64)) for day in ends)
        found |= (rows.day >= first) & (rows.day <= last)
    return found


def _judged(record: dict[str, Any]) -> dict[str, Any]:
    """What `judged_record` returned; of a predictor that lacks it the days that chose."""
    if "judged" in record:
        return dict(record["judged"])
    data = record.get("data")
    if data is None or data["choose"]["from"] <= data["fit"]["to"]:  # ISO dates sort as text
        return _NONE
    return _NONE | {"days": [[data["choose"]["from"], data["choose"]["to"]]]}
