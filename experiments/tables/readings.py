"""Several readings of one day and line item: which of them counts.

A platform's export of a day changes while conversions arrive late. Where `as_of` tells readings
apart, exactly one of them is the day's total; their sum would count the same conversions twice.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from promopilot.experiments.tables.keys import ITEM

AS_OF = "as_of"
KEY = ("date", *ITEM)  # what a reading is of


def count_earlier(performance: pd.DataFrame) -> int:
    """Rows that another reading of their day and line item takes the place of."""
    key = [c for c in KEY if c in performance]
    if AS_OF not in performance or not key:
        return 0
    return int(performance.duplicated(key).sum())


def latest_readings(performance: pd.DataFrame, known_on: date | None = None) -> pd.DataFrame:
    """One row per day and line item, in the order of `performance`.

    Args:
        performance: The contract's table; returned as it is where it has no `as_of`.
        known_on: First day of a flight. Days before it count as they were known then: by the latest
            reading made before it, else by the first one after it. None: the latest reading of
            every day.
    """
    if AS_OF not in performance:
        return performance
    key = [c for c in KEY if c in performance]
    if not performance.duplicated(key).any():
        return performance
    read = performance[AS_OF]
    # Larger is better: readings that count in order of their day, the others in reverse below them.
    rank = read.astype("int64")
    if known_on is not None:
        cut = pd.Timestamp(known_on)
        rank = rank.where((read < cut) | (performance["date"] >= cut), -rank)
    best = rank.groupby([performance[c] for c in key], sort=False).transform("max")
    return performance[rank == best].reset_index(drop=True)
