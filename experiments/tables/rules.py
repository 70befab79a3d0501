"""Rules between columns and between tables."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from promopilot.experiments.errors import Problem
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.schema import Table

ALL = "all"  # the one placement or segment of a folder that has no table of them
KEY = ("date", "promotion_id", "placement_id", "segment_id", "as_of")


def check_key(parsed: Parsed, table: Table) -> list[Problem]:
    """Ids are unique in their table; the second and later rows are the problem."""
    if table.key is None or table.key not in parsed.frame:
        return []
    ids = parsed.frame[table.key]
    again = (ids.duplicated() & ids.notna()).to_numpy(dtype=bool)
    rule = f"must be unique in {table.name}"
    return parsed.problems(again, (table.key,), rule, "remove the row or give it an id of its own")


# The last row of plan_summary.csv, and the action of filling a block with nothing.
RESERVED = ("TOTAL", "none")


def check_promotions(parsed: Parsed) -> list[Problem]:
    """A promotion does not end before it starts, and no id is one that files of a run use."""
    frame = parsed.frame
    problems: list[Problem] = []
    if "promotion_id" in frame:
        reserved = frame["promotion_id"].isin(RESERVED).to_numpy(dtype=bool)
        rule = f"must not be {' or '.join(RESERVED)}, which a run's own files use"
        problems = parsed.problems(reserved, ("promotion_id",), rule, "rename the promotion")
    if "start_date" not in frame or "end_date" not in frame:
        return problems
    late = (frame["start_date"] > frame["end_date"]).to_numpy(dtype=bool)
    rule = "must not start after it ends"
    mend = "swap or correct the dates"
    return problems + parsed.problems(late, ("start_date", "end_date"), rule, mend)


def check_performance(parsed: Parsed) -> list[Problem]:
    """No stage of the funnel exceeds the one before it; one row per day and line item."""
    frame, problems = parsed.frame, []
    stages = [c for c in ("impressions", "clicks", "conversions") if c in frame]
    for above, below in pairwise(stages):
        more = (frame[below] > frame[above]).to_numpy(dtype=bool)
        # A cell already reported as wrong was set to 0; it says nothing about its neighbours.
        known = pd.to_numeric(parsed.raw[above], errors="coerce").ge(0).to_numpy(dtype=bool)
        rule = f"must not exceed {above}"
        mend = "check which column is which, and that both count the same rows"
        problems += parsed.problems(more & known, (below, above), rule, mend)
    key = [c for c in KEY if c in frame]
    if not key:  # none of the required columns is there, which is reported already
        return problems
    again = frame.duplicated(key).to_numpy(dtype=bool)
    again = again & frame[key].notna().all(axis=1).to_numpy(dtype=bool)
    rule = "must be one row per day and line item, but repeats an earlier row"
    return problems + parsed.problems(again, tuple(key), rule, "add the rows up or remove one")


def check_ids(performance: Parsed, parsed: Parsed | None, table: Table) -> list[Problem]:
    """Every id in performance stands in its table.

    Without a table of placements (or segments) the one id is `all`; with a table of several,
    performance must say which.
    """
    name = table.key or ""
    if name not in performance.frame:
        if parsed is None or parsed.frame.get(name, pd.Series(dtype="str")).nunique() <= 1:
            return []
        rule = f"is a required column, because {parsed.file} has several"
        mend = f"add the {name} of each row"
        return [Problem(performance.file, None, name, None, rule, mend)]
    ids = performance.frame[name]
    if parsed is None:
        strange = ids.ne(ALL) & ids.notna() & ~ids.duplicated()
        rule = f"needs a table {table.name}, which is missing"
        mend = f"add {table.name}.csv with this id, or leave the column out"
        return performance.problems(strange.to_numpy(dtype=bool), (name,), rule, mend)
    if name not in parsed.frame:
        return []
    unknown = ~ids.isin(parsed.frame[name]) & ids.notna()
    rule = f"must be an id of {parsed.file}"
    mend = f"correct it or add it to {parsed.file}"
    return performance.problems(np.asarray(unknown, dtype=bool), (name,), rule, mend)
