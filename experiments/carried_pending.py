"""Conversions that the days before a flight have brought and nobody has seen yet."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.dynamics import Delay
from promopilot.experiments.tables.keys import ITEM
from promopilot.experiments.tables.readings import AS_OF


def carried_pending(
    before: pd.DataFrame, start: date, items: pd.MultiIndex, delay: Delay, projection: float
) -> Floats:
    """Pending conversions of the fast and the slow part of the delay `[2, L]`.

    A row read after a days shows the share F(a) of its conversions; of the rest, what is not seen
    by the flight's first day is still to come in it. Rows whose reading is not dated (`as_of`) are
    taken to be final.

    Args:
        before: `performance` before the flight.
        start: First day of the flight.
        items: Line items of the flight: promotion, placement, segment.
        delay: When conversions are seen.
        projection: Conversions in the business per recorded one.
    """
    pending = np.zeros((2, len(items)))
    if AS_OF not in before or "conversions" not in before:
        return pending
    rows = before.dropna(subset=[AS_OF, "conversions"])
    item = items.get_indexer(pd.MultiIndex.from_frame(rows[ITEM]))
    rows, item = rows[item >= 0], item[item >= 0]
    # A row read on its own day shows a part of that day; half a day is its mean age.
    read = np.maximum((rows[AS_OF] - rows["date"]).dt.days.to_numpy(dtype=np.float64), 0.5)
    age = (pd.Timestamp(start) - rows["date"]).dt.days.to_numpy(dtype=np.float64)
    booked = rows["conversions"].to_numpy(dtype=np.float64) / np.maximum(delay.seen(read), 1e-6)
    shares = (delay.fast_share, delay.fast_days), (1 - delay.fast_share, delay.slow_days)
    for part, (share, mean) in enumerate(shares):
        left = share * np.exp(-age / mean) if mean > 0 else np.zeros_like(age)
        np.add.at(pending[part], item, booked * left * projection)
    return pending
