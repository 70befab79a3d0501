"""Rules between the columns and between the rows of one table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.errors import Problem
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.readings import AS_OF, KEY

# The last row of plan_summary.csv, and the action of filling a block with nothing.
RESERVED = ("TOTAL", "none")
_APART = (
    "check which column is which; leave out conversions without a click (view-through) and second "
    "ones of a click, or the column clicks"
)


def check_promotions(parsed: Parsed) -> list[Problem]:
    """A promotion does not end before it starts, and no id is one that files of a run use."""
    frame = parsed.frame
    problems: list[Problem] = []
    if "promotion_id" in frame:
        reserved = frame["promotion_id"].isin(RESERVED).to_numpy(dtype=bool)
        rule = f"must not be {' or '.join(RESERVED)}, which a run's own files use"
        problems = parsed.problems(reserved, ("promotion_id",), rule, "rename the promotion")
    return problems + check_dates(parsed)


def check_dates(parsed: Parsed) -> list[Problem]:
    """What a row tells of does not end before it starts."""
    frame = parsed.frame
    if "start_date" not in frame or "end_date" not in frame:
        return []
    late = (frame["start_date"] > frame["end_date"]).to_numpy(dtype=bool)
    rule = "must not start after it ends"
    mend = "swap or correct the dates"
    return parsed.problems(late, ("start_date", "end_date"), rule, mend)


def check_performance(parsed: Parsed, outcomes: bool) -> list[Problem]:
    """Something was shown, counts fit into each other, and each reading stands there once.

    Without `outcomes` only line items and dates are of interest, and counts are not looked at.
    """
    problems = (
        [*_check_shown(parsed), *_check_funnel(parsed), *_check_eligible(parsed)]
        if outcomes
        else []
    )
    return problems + _check_readings(parsed)


def _check_shown(parsed: Parsed) -> list[Problem]:
    frame, raw = parsed.frame, parsed.raw
    if "impressions" not in frame or frame["impressions"].gt(0).any():
        return []
    if pd.to_numeric(raw["impressions"], errors="coerce").ne(0).any():
        return []  # not zeros but faulty cells, each of which is reported already
    rule = "must be above 0 in some row: nothing can be learnt from what was never shown"
    mend = "check which column is which"
    return [Problem(parsed.file, None, "impressions", None, rule, mend)]


def _check_funnel(parsed: Parsed) -> list[Problem]:
    """Clicks are among impressions; conversions among clicks where known, else among impressions.

    A cell that is empty, or already reported as wrong, says nothing about its neighbours.
    """
    frame, problems = parsed.frame, []
    stages = [c for c in ("impressions", "clicks", "conversions") if c in frame]
    filled = {
        c: pd.to_numeric(parsed.raw[c], errors="coerce").ge(0).to_numpy(dtype=bool, na_value=False)
        for c in stages
    }
    for below, wholes in (("clicks", ["impressions"]), ("conversions", ["clicks", "impressions"])):
        if below not in frame:
            continue
        compared = np.zeros(len(frame), dtype=bool)
        for above in (c for c in wholes if c in frame):
            more = (frame[below] > frame[above]).to_numpy(dtype=bool)
            rule = f"must not exceed {above}"
            mend = _APART if below == "conversions" else "check which column is which"
            bad = more & filled[above] & filled[below] & ~compared
            problems += parsed.problems(bad, (below, above), rule, mend)
            compared |= filled[above]
    return problems


def _check_eligible(parsed: Parsed) -> list[Problem]:
    """What could have been shown is not less than what was."""
    frame = parsed.frame
    if "eligible_impressions" not in frame or "impressions" not in frame:
        return []
    less = (frame["eligible_impressions"] < frame["impressions"]).to_numpy(dtype=bool)
    rule = "must not be less than impressions"
    columns = ("eligible_impressions", "impressions")
    return parsed.problems(less, columns, rule, "check which column is which")


def _check_readings(parsed: Parsed) -> list[Problem]:
    """One row per day and line item, or one per reading where `as_of` tells them apart."""
    frame = parsed.frame
    key = [c for c in KEY if c in frame]
    if not key:  # none of the required columns is there, which is reported already
        return []
    there = frame[key].notna().all(axis=1).to_numpy(dtype=bool)
    rule = "must be one row per day and line item, but repeats an earlier row"
    mend = "add the rows up or remove one"
    if AS_OF not in frame:
        return parsed.problems(_repeats(frame, key) & there, tuple(key), rule, mend)
    again = _repeats(frame, [*key, AS_OF]) & there
    undated = frame[AS_OF].isna().to_numpy(dtype=bool)
    empty = undated & parsed.raw[AS_OF].isna().to_numpy(dtype=bool)
    several = frame.duplicated(key, keep=False).to_numpy(dtype=bool) & there
    problems = parsed.problems(again & ~undated, (*key, AS_OF), rule, mend)
    rule = "must be filled where a day and line item has several rows"
    mend = "write the day on which the row was read, or keep one row"
    problems += parsed.problems(several & empty, (AS_OF,), rule, mend)
    if "date" not in frame:
        return problems
    early = (frame[AS_OF] < frame["date"]).to_numpy(dtype=bool)
    rule = "must not be before the day that it tells of"
    return problems + parsed.problems(early, (AS_OF, "date"), rule, "check which column is which")


def _repeats(frame: pd.DataFrame, key: list[str]) -> NDArray[np.bool_]:
    return frame.duplicated(key).to_numpy(dtype=bool)
