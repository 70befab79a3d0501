"""Too few days, days without rows, and days that are still to come."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pandas as pd

from promopilot.envs.calibration.calibrating import LEARNING_DAYS, LEAST_DAYS
from promopilot.experiments.config import RunConfig
from promopilot.experiments.recent_weeks import CURRENT_DAYS
from promopilot.experiments.tables.readings import AS_OF
from promopilot.experiments.tables.warnings.rows import Numbered
from promopilot.experiments.tables.warnings.warning import (
    LISTED,
    Item,
    TableWarning,
    about_rows,
    some,
)

_WEEK = 7


def short_history(rows: Numbered, config: RunConfig) -> list[TableWarning]:
    """Impressions on fewer days before the flight than a run needs, or than it does well with."""
    shown = rows.frame[rows.frame["impressions"].gt(0)]
    if config.flight.start is not None:
        shown = shown[shown["date"] < pd.Timestamp(config.flight.start)]
    days = int(shown["date"].nunique())
    if days >= CURRENT_DAYS:
        return []
    before = "" if config.flight.start is None else f" before {config.flight.start}"
    found = f"impressions on {days} day{'s' if days != 1 else ''}{before}"
    mend = f"Export more days: {CURRENT_DAYS} at least, a year where you have it"
    if days < LEAST_DAYS:
        means = f"A run needs at least {LEAST_DAYS} days and will refuse this"
    elif days < LEARNING_DAYS:
        means = (
            f"With fewer than {LEARNING_DAYS} days season, prices, fatigue and saturation are "
            "assumptions and not learnt from your data"
        )
    else:
        means = (
            f"The current mix is the mean of {CURRENT_DAYS} days; with fewer, one odd week weighs "
            "heavily in it and in the budget that is taken from it"
        )
    first, last = (shown["date"].min().date(), shown["date"].max().date()) if days else (None, None)
    return [
        TableWarning("short_history", rows.file, "date", None, 0, first, last, found, means, mend)
    ]


def missing_days(rows: Numbered) -> list[TableWarning]:
    """Days between the first and the last without any row, or rows of every seventh day only."""
    days = sorted(day.date() for day in rows.frame["date"].drop_duplicates())
    gaps = [
        (before + timedelta(days=1), after - timedelta(days=1))
        for before, after in pairwise(days)
        if (after - before).days > 1
    ]
    if not gaps:
        return []
    lacking = sum((last - first).days + 1 for first, last in gaps)
    weekly = len(gaps) == len(days) - 1 and all(
        (after - before).days % _WEEK == 0 for before, after in pairwise(days)
    )
    if weekly:
        found = "rows stand on every seventh day only, as if each told of a week"
        means = "A run reads each row as one day: supply, budget and current mix would be wrong"
        mend = "Export by day"
    else:
        told = [str(a) if a == b else f"{a} to {b}" for a, b in gaps]
        found = f"{lacking:,} day{'s' if lacking > 1 else ''} without a row: {some(told)}"
        means = (
            f"Nothing counts as shown and spent on them; among the last {CURRENT_DAYS} days they "
            "lower the current mix and the budget that is taken from it"
        )
        mend = "Export these days too; if nothing ran on them, all is well"
    items: tuple[Item, ...] = tuple(
        {"first_day": a.isoformat(), "last_day": b.isoformat()} for a, b in gaps[:LISTED]
    )
    return [
        TableWarning(
            "weekly_rows" if weekly else "days_missing",
            *(rows.file, "date", None, 0, gaps[0][0], gaps[-1][1]),
            *(found, means, mend, items),
        )
    ]


def days_to_come(rows: Numbered, today: date) -> list[TableWarning]:
    """Rows that tell of a day after today, or were read on one."""
    warnings: list[TableWarning] = []
    for column in ("date", AS_OF):
        if column not in rows.frame:
            continue
        late = rows.frame[rows.frame[column] > pd.Timestamp(today)]
        warnings += about_rows(
            *("date_in_future", rows.file, column, late),
            f"{column} is after today, {today}",
            "What has not happened yet is read as history, and the flight starts after it",
            "Check day and month, the year, and the clock of this computer",
        )
    return warnings
