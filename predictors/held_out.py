"""Which rows a fit has not used, so that a score on them is a score on what it has not seen."""

from typing import Any

import numpy as np

from promopilot.predictors.dataset import Masks, Rows
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.splits import own_group
from promopilot.predictors.vocabulary import digest_of


def split_record(train: Rows, choose: Rows) -> dict[str, Any]:
    """Returns what a predictor keeps of the rows that it has used, for `unused`."""
    shown = [(rows.promotions, np.unique(rows.promotion)) for rows in (train, choose)]
    groups = [set(own_group(promotions)[used]) for promotions, used in shown]
    if groups[0] & groups[1]:
        return {"by": "time", "learned_until": int(choose.day.max())}
    texts = {text for promotions, used in shown for text in promotions.text[used]}
    return {
        "by": "group",
        "groups": sorted(digest_of(str(name)) for name in groups[0] | groups[1]),
        "texts": sorted(digest_of(str(text)) for text in texts),
    }


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
    known = set(split["groups"])
    promotions = rows.promotions
    is_known = np.array(
        [digest_of(str(name)) in known for name in own_group(promotions)], dtype=np.bool_
    )
    texts = set(split["texts"])
    is_known |= np.array(
        [digest_of(str(text)) in texts for text in promotions.text], dtype=np.bool_
    )
    return np.asarray(is_known[rows.promotion])
