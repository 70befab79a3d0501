"""Counts as the tables want them, with the same sums: whole, and no more clicks than impressions.

Platforms share one conversion out among several clicks, and count some of them on a day on which
nothing was shown: a click after midnight, a conversion two days later.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
FRACTION = 1e-6  # least fraction of a count that is told from none; sums of them are exact


def within(counts: FloatArray, most: FloatArray, item: IntArray) -> FloatArray:
    """Moves what exceeds a day's `most` to days before it that have room, the rest to later ones.

    What one day takes over waits for the next, so that with X the running sum of counts - most,
    -min(0, min X) is what was taken and the queue is X minus that (Skorokhod's reflection, as in
    Lindley, "The theory of queues with a single server", 1952).

    Args:
        counts: [n] one row per day, ordered by `item` and within it by day; at least 0.
        most: [n] what each day may hold; at least 0.
        item: [n] the line item of each row. Counts move within it only.

    Returns:
        [n] Counts with the same sum per item, none above its `most` where the item's sum allows it;
        an item whose sum does not is returned unchanged.
    """
    group = pd.Series(item)
    excess = pd.Series(counts - most).groupby(group).transform("sum").to_numpy(dtype=np.float64)
    over = (counts > most) & (excess <= FRACTION)
    if not over.any():
        return counts
    touched = np.isin(item, np.unique(item[over]))
    kept = counts.copy()
    x, room, of = counts[touched], most[touched], item[touched]
    x = _earlier(x, room, of)
    kept[touched] = _earlier(x[::-1], room[::-1], of[::-1])[::-1]
    return kept


def _earlier(counts: FloatArray, most: FloatArray, item: IntArray) -> FloatArray:
    """What exceeds `most` is moved towards each item's first row; what is left stays there."""
    x, of = pd.Series((counts - most)[::-1]), item[::-1]
    walk = x.groupby(of).cumsum()
    queue = walk - walk.groupby(of).cummin().clip(upper=0.0)
    before = queue.groupby(of).shift(fill_value=0.0)
    served = counts[::-1] + before.to_numpy() - queue.to_numpy()
    last = ~pd.Series(of).duplicated(keep="last").to_numpy()
    served[last] += queue.to_numpy()[last]
    return np.asarray(served[::-1], dtype=np.float64)


def whole(counts: FloatArray, item: IntArray, day: NDArray[Any], start: FloatArray) -> FloatArray:
    """Rounds counts so that every running sum of a line item is within one of the exact one.

    Each running sum is rounded down after `start`, of any value between 0 and 1, is added: with
    starts spread evenly over line items the total is kept too, however many have less than one.
    Whole counts stay as they are. What a row becomes depends on the days before it alone, so that
    days which an export adds change none that were there. Later readings of a day are rounded as
    its first one was: what did not change stays, and what grew does not fall.

    Args:
        counts: [n] at least 0, none missing.
        item: [n] the line item of each row.
        day: [n] its day; of several rows of a day the first is its first reading.
        start: [n] of its line item, at least 0 and below 1.
    """
    one = round(1 / FRACTION)
    floor = np.floor(counts + FRACTION / 2)
    part = np.rint((counts - floor) / FRACTION).astype(np.int64)
    rows = pd.DataFrame({"item": item, "day": day, "part": part})
    first = rows.drop_duplicates(["item", "day"]).sort_values(["item", "day"])
    first["before"] = first.groupby("item")["part"].cumsum() - first["part"]
    before = rows[["item", "day"]].merge(first, how="left")["before"].to_numpy(dtype=np.int64)
    carried = (before + np.floor(start * one).astype(np.int64)) % one
    return np.asarray(floor + (part + carried) // one, dtype=np.float64)
