"""Sudden changes of level: another currency, another unit, micros."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.experiments.tables.warnings.rows import Numbered
from promopilot.experiments.tables.warnings.warning import (
    LISTED,
    ROW,
    TableWarning,
    figure,
    items_of,
    some,
)

_JUMP = 40.0  # no season explains so much from one day to the next
_WEEK = 7  # recorded days before a day that it is compared with
_LEAST = 3  # of these that must be there
_ENOUGH = 100.0  # impressions, or 5 conversions: below, one more or less changes the level
_FEW = 5.0
_UNITS = (
    (100.0, "as if hundredths (cents) stood beside whole units"),
    (1000.0, "as if thousands stood beside units"),
    (1e6, "as if micros (millionths) stood beside units"),
)
# name, column it is about, numerator, denominator (None: as it is), least of what carries it
_LEVELS = (
    ("spend per impression", "spend", "spend", "impressions", _ENOUGH),
    (
        "conversion value per conversion",
        "conversion_value",
        "conversion_value",
        "conversions",
        _FEW,
    ),
    ("impressions a day", "impressions", "impressions", None, _ENOUGH),
)


def level_jumps(rows: Numbered) -> list[TableWarning]:
    """Days on which a level is 40 times, or a fortieth of, its median of the recorded week before.

    Levels are taken per placement and day; of days in a row that stand out, the first is told.
    """
    place = "placement_id"
    frame = rows.frame if place in rows.frame else rows.frame.assign(**{place: "all"})
    warnings = []
    for name, column, above, below, least in _LEVELS:
        if not {above, below or above} <= set(frame):
            continue
        level = _level(frame, above, below, least)
        usual = level.rolling(_WEEK, min_periods=_LEAST).median().shift(1)
        factor = level / usual
        apart = np.abs(np.log(factor.where(factor > 0))) > np.log(_JUMP)
        begins = apart & ~apart.shift(1, fill_value=False)
        for day in level.index[begins.any(axis=1)]:
            places = level.columns[begins.loc[day]]
            found = pd.DataFrame({"level": level.loc[day], "before": usual.loc[day]}).loc[places]
            found.index = found.index.astype("str")
            warnings.append(_warning(rows, frame, name, column, day, found))
    return warnings[:LISTED]


def _level(frame: pd.DataFrame, above: str, below: str | None, least: float) -> pd.DataFrame:
    """A level by day (rows) and placement (columns); not a number where too little carries it."""
    names = list(dict.fromkeys([above, below or above]))
    good = frame.dropna(subset=names)
    sums = good.groupby(["date", "placement_id"], observed=True)[names].sum()
    carried = sums[below or above]
    level = sums[above] if below is None else sums[above] / carried.where(carried > 0)
    return level.where((carried >= least) & (level > 0)).unstack("placement_id")


def _warning(
    rows: Numbered, frame: pd.DataFrame, name: str, column: str, day: pd.Timestamp, at: pd.DataFrame
) -> TableWarning:
    factor = at["level"] / at["before"]
    items = items_of(at.rename_axis("placement_id").reset_index())
    told = [
        f"{place} {figure(now)} after {figure(before)}"
        for place, now, before in zip(at.index, at["level"], at["before"], strict=True)
    ]
    times = float(factor.median())
    size = max(times, 1 / times)
    unit = next((f", {said}" for near, said in _UNITS if near / 2 < size < near * 2), "")
    by = f"{times:,.0f} times" if times > 1 else f"1/{size:,.0f} of"
    which = frame["date"].eq(day) & frame["placement_id"].isin(at.index)
    return TableWarning(
        *("level_jump", rows.file, column, int(frame.loc[which, ROW].min()), int(which.sum())),
        *(day.date(), day.date()),
        f"{name} is suddenly {by} what it was in the 7 recorded days before ({some(told)}){unit}",
        "Rates, prices and the current mix would mix two units, and no plan on them would hold",
        "Check currency and unit of the export that this day came from; if it is so, all is well",
        items,
    )
