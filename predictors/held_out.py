"""Which rows a fit has not used, so that a score on them is a score on what it has not seen."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from promopilot.predictors.dataset import Masks, Rows
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.splits import own_group
from promopilot.predictors.vocabulary import digest_of

_OF_GROUPS = ("groups", "texts")  # a text is known again wherever else it stands


def split_record(train: Rows, choose: Rows) -> dict[str, Any]:
    """Returns what a predictor keeps of the rows that it has used, for `unused`."""
    names = [names_of(rows) for rows in (train, choose)]
    if set(names[0]["groups"]) & set(names[1]["groups"]):
        return {"by": "time", "learned_until": int(choose.day.max())}
    return {"by": "group", **joined_names(*names)}


def unused(rows: Rows, record: dict[str, Any]) -> Masks:
    """Returns the rows [R] that neither taught nor chose the predictor.

    A fit parted by time has used every day up to the last that it saw; one parted by group the
    groups whose digests it recorded, and their texts wherever else they stand.

    Args:
        rows: with days.
        record: the predictor's; its key `split` tells.

    Raises:
        PredictorDataError: no row is left.
    """
    chosen = ~is_used(rows, record)
    if not chosen.any():
        split = record["split"]
        if split["by"] == "time":
            until = str(np.datetime64(int(split["learned_until"]), "D"))
            rule = f"the predictor has learnt from all days up to {until}: give it later ones"
        else:
            rule = (
                "the predictor has learnt from all their groups: give it promotions of other groups"
            )
        raise PredictorDataError(f"performance has no row left to be scored on, because {rule}.")
    return np.asarray(chosen)


def is_used(rows: Rows, record: dict[str, Any]) -> Masks:
    """Returns the rows [R] that taught or chose the predictor; see `unused`."""
    split = record["split"]
    if split["by"] == "time":
        return np.asarray(rows.day <= int(split["learned_until"]))
    return is_named(rows, split)


def names_of(rows: Rows) -> dict[str, list[str]]:
    """Returns the digests of the `groups` and of the `texts` that rows show, sorted."""
    shown = np.unique(rows.promotion)
    values = {"groups": own_group(rows.promotions), "texts": rows.promotions.text}
    return {
        key: sorted({digest_of(str(name)) for name in values[key][shown]}) for key in _OF_GROUPS
    }


def joined_names(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the `groups` and `texts` that either of two names."""
    return {key: sorted({*a[key], *b[key]}) for key in _OF_GROUPS}


def is_named(rows: Rows, names: Mapping[str, Any]) -> Masks:
    """Returns the rows [R] whose group is among `groups` or whose text is among `texts`."""
    promotions = rows.promotions
    groups, texts = (set(names[key]) for key in _OF_GROUPS)
    known = [
        digest_of(str(group)) in groups or digest_of(str(text)) in texts
        for group, text in zip(own_group(promotions), promotions.text, strict=True)
    ]
    return np.array(known, dtype=np.bool_)[rows.promotion]
