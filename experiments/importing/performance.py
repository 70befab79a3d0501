"""One row per day and line item, in counts that the tables take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.ids import IntArray
from promopilot.experiments.importing.line_items import LineItems
from promopilot.experiments.importing.mapping import MEASURES
from promopilot.experiments.importing.rows import Rows
from promopilot.experiments.importing.whole_counts import FRACTION, FloatArray, whole, within

BoolArray = NDArray[np.bool_]
COUNTED_IN = ("clicks", "conversions")  # each a part of the one before it, the first of impressions
_ORDER = ["date", "promotion", "placement", "segment", "as_of"]
# Above this share of all, more clicks than impressions are no accident of dates.
_WRONG_COLUMN = 0.05


@dataclass(frozen=True)
class Performance:
    """R rows of the table, and what had to be done to its counts."""

    frame: pd.DataFrame  # date, promotion, placement, segment[, as_of], measures; ids as numbers
    moved: dict[str, float]  # count -> events moved to another day of their line item
    left_out: dict[str, float]  # count -> events of line items that do not tell of it any more
    rounded: int  # rows whose conversions were a fraction


def performance_of(rows: Rows, items: LineItems, files: str) -> Performance:
    """Adds rows up and makes counts whole, with the same sums.

    Where a day has more clicks than impressions, or more conversions than clicks, what exceeds is
    moved to the nearest days of the line item with room. A line item that has more of them in all
    does not tell of them any more: of clicks where conversions came without one.

    Args:
        rows: n rows.
        items: What each is of.
        files: Their names, for messages.

    Raises:
        DataError: Too much of a count exceeds what it is a part of: a column is another one.
    """
    frame = _added_up(rows, items)
    key = [column for column in _ORDER[1:] if column in frame]  # of one reading each
    item = frame.groupby(key, sort=False, dropna=False).ngroup().to_numpy(dtype=np.int64)
    order = np.lexsort([frame["date"].to_numpy(), item])
    day = frame.iloc[order].reset_index(drop=True)
    of = np.asarray(item[order], dtype=np.int64)
    moved: dict[str, float] = {}
    left_out: dict[str, float] = {}
    rounded = 0
    most = day["impressions"].to_numpy(dtype=np.float64)
    counts = {f: day[f].to_numpy(dtype=np.float64) for f in COUNTED_IN if f in day}
    for name, exact in counts.items():
        fitted = _fitted(exact, most, of)
        moved[name] = float(np.nansum(np.maximum(exact - fitted, 0.0)))
        beyond = _beyond(fitted, most, of)
        _check_share(name, exact, beyond, files)
        if name == "clicks" and "conversions" in counts:
            beyond = beyond | _beyond(counts["conversions"], fitted, of)
        left_out[name] = float(np.nansum(fitted[beyond]))
        kept = np.where(beyond, np.nan, fitted)
        known = ~np.isnan(kept)
        rounded += int((np.abs(kept[known] - np.rint(kept[known])) > FRACTION).sum())
        kept[known] = whole(kept[known])
        day[name] = kept
        most = np.where(known, kept, most)
    columns = [column for column in _ORDER if column in day]
    return Performance(
        day.sort_values(columns, kind="stable", ignore_index=True),
        {name: count for name, count in moved.items() if count > FRACTION},
        {name: count for name, count in left_out.items() if count},
        rounded,
    )


def _added_up(rows: Rows, items: LineItems) -> pd.DataFrame:
    """Sums per day, line item and reading; a sum of nothing but missing cells is missing."""
    frame = pd.DataFrame(
        {
            "date": rows.date,
            "promotion": items.promotion.codes,
            "placement": items.placement.codes,
            "segment": items.segment.codes,
        }
    )
    if rows.as_of is not None:
        frame["as_of"] = rows.as_of
    key = list(frame.columns)
    for field in MEASURES:
        if field in rows.measures:
            frame[field] = rows.measures[field]
    summed = frame.groupby(key, sort=True, dropna=False).sum(min_count=1).reset_index()
    summed["impressions"] = summed["impressions"].fillna(0.0)
    return summed


def _fitted(counts: FloatArray, most: FloatArray, item: IntArray) -> FloatArray:
    """Counts [n] moved between days of their line item so that they fit into `most` [n]."""
    known = ~np.isnan(counts)
    fitted = counts.copy()
    fitted[known] = within(counts[known], most[known], item[known])
    return fitted


def _beyond(counts: FloatArray, most: FloatArray, item: IntArray) -> BoolArray:
    """[n] The rows of line items that have more in all than `most` allows, where both are known."""
    excess = pd.Series(np.nan_to_num(counts - most))
    return np.asarray(excess.groupby(item).transform("sum") > FRACTION, dtype=bool)


def _check_share(name: str, counts: FloatArray, beyond: BoolArray, files: str) -> None:
    """Checks that a count exceeds what it is a part of in few line items only.

    Raises:
        DataError: It does so in many.
    """
    total, wrong = float(np.nansum(counts)), float(np.nansum(counts[beyond]))
    if wrong <= _WRONG_COLUMN * total:
        return
    rule = (
        f"must not exceed impressions, but do so over all days in line items that have "
        f"{wrong:,.0f} of the {total:,.0f} {name}"
    )
    mend = "check which column is which, and that both count the same rows"
    raise DataError([Problem(files, None, f"{name}, impressions", None, rule, mend)])
