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
from promopilot.experiments.tables.readings import AS_OF

BoolArray = NDArray[np.bool_]
COUNTED_IN = ("clicks", "conversions")  # each a part of the one before it, the first of impressions
ELIGIBLE = "eligible_impressions"
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads evenly (Knuth, 6.4)
_ITEM = ["promotion", "placement", "segment"]
# Above this share of all, more clicks than impressions are no accident of dates.
_WRONG_COLUMN = 0.05


@dataclass(frozen=True)
class Performance:
    """R rows of the table, and what had to be done to its counts."""

    # date, promotion, placement, segment[, as_of], measures[, eligible_impressions]; ids as numbers
    frame: pd.DataFrame
    moved: dict[str, float]  # count -> events moved to another day of their line item
    left_out: dict[str, float]  # count -> events of line items that do not tell of it any more
    rounded: int  # rows whose conversions were a fraction
    unrounded: float  # the sum of conversions before they were made whole


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
    day = _added_up(rows, items)
    line_item = _number(day, _ITEM)
    reading = _number(day, [*_ITEM, AS_OF]) if AS_OF in day else line_item
    start = _starts(day, items)
    moved: dict[str, float] = {}
    left_out: dict[str, float] = {}
    rounded, unrounded = 0, 0.0
    most = day["impressions"].to_numpy(dtype=np.float64)
    counts = {f: day[f].to_numpy(dtype=np.float64) for f in COUNTED_IN if f in day}
    for name, exact in counts.items():
        fitted = _fitted(exact, most, reading)
        moved[name] = float(np.nansum(np.maximum(exact - fitted, 0.0)))
        beyond = _beyond(fitted, most, reading)
        _check_share(name, exact, beyond, files)
        if name == "clicks" and "conversions" in counts:
            beyond = beyond | _beyond(counts["conversions"], fitted, reading)
        left_out[name] = float(np.nansum(fitted[beyond]))
        kept = np.where(beyond, np.nan, fitted)
        known = ~np.isnan(kept)
        rounded += int((np.abs(kept[known] - np.rint(kept[known])) > FRACTION).sum())
        unrounded = float(kept[known].sum())  # in the end that of conversions, the last count
        dates = day["date"].to_numpy()[known]
        kept[known] = whole(kept[known], line_item[known], dates, start[known])
        day[name] = kept
        most = np.where(known, kept, most)
    key = [column for column in ("date", *_ITEM, AS_OF) if column in day]
    day = day[[*key, *day.columns.difference(key, sort=False)]]
    return Performance(
        day.sort_values(key, kind="stable", ignore_index=True),
        {name: count for name, count in moved.items() if count > FRACTION},
        {name: count for name, count in left_out.items() if count},
        rounded,
        unrounded,
    )


def _starts(day: pd.DataFrame, items: LineItems) -> FloatArray:
    """[n] a number from 0 to 1 for each line item, by its names alone, so that it never changes."""
    mixed = np.zeros(len(day), dtype=np.uint64)
    for name in _ITEM:
        names = np.array(getattr(items, name).names, dtype=object)
        mixed = mixed * _ODD + pd.util.hash_array(names)[day[name].to_numpy()]
    return np.asarray((mixed >> np.uint64(11)) / 2.0**53, dtype=np.float64)


def _added_up(rows: Rows, items: LineItems) -> pd.DataFrame:
    """Sums per line item, reading and day, in that order.

    A sum of nothing but missing cells is missing. Impressions that could have been had are those
    shown and those missed, impressions x (1 / share - 1), as far as a share tells of them.
    """
    frame = pd.DataFrame({name: getattr(items, name).codes for name in _ITEM})
    if rows.as_of is not None:
        frame[AS_OF] = rows.as_of
    frame["date"] = rows.date
    key = list(frame.columns)
    for field in MEASURES:
        if field in rows.measures:
            frame[field] = rows.measures[field]
    if rows.share is not None:
        frame[ELIGIBLE] = rows.measures["impressions"] * (1 / rows.share - 1)
    summed = frame.groupby(key, sort=True, dropna=False).sum(min_count=1).reset_index()
    summed["impressions"] = summed["impressions"].fillna(0.0)
    if ELIGIBLE in summed:
        summed[ELIGIBLE] = summed["impressions"] + np.rint(summed[ELIGIBLE])
    return summed


def _number(frame: pd.DataFrame, columns: list[str]) -> IntArray:
    """[n] One number per combination of the columns."""
    numbers = frame.groupby(columns, sort=False, dropna=False).ngroup()
    return np.asarray(numbers.to_numpy(), dtype=np.int64)


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
