"""Rules inside the tables that a folder may well lack: lift tests and events."""

from __future__ import annotations

import numpy as np

from promopilot.experiments.errors import Problem
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.rules import check_dates
from promopilot.experiments.tables.schema import EVENTS, LIFT_TESTS


def check_lift_tests(parsed: Parsed) -> list[Problem]:
    """Each test is of one promotion or of one placement, and does not end before it starts."""
    return [*_check_tested(parsed), *check_dates(parsed)]


def _check_tested(parsed: Parsed) -> list[Problem]:
    both = tuple(LIFT_TESTS.optional)
    there = tuple(c for c in both if c in parsed.frame)
    if not there:
        if not any(c in parsed.frame for c in LIFT_TESTS.required):
            return []  # every column is missing, which is reported already
        rule = "must be there, one of the two at least"
        mend = "add the column of what the tests held back"
        return [Problem(parsed.file, None, ", ".join(both), None, rule, mend)]
    filled = parsed.frame[list(there)].notna().sum(axis=1).to_numpy(dtype=np.int64)
    if len(there) == 2:
        rule = "must have exactly one of the two filled"
        mend = "fill in what the test held back and leave the other empty"
    else:
        (other,) = set(both) - set(there)
        rule = f"must be filled in every row, because there is no column {other}"
        mend = f"fill it or add the column {other}"
    return parsed.problems(filled != 1, there, rule, mend)


def check_events(parsed: Parsed) -> list[Problem]:
    """No event stands twice on a day; several of different names may share it."""
    key = [c for c in ("date", "name") if c in parsed.frame]
    if len(key) < 2:  # required, and reported already
        return []
    events = parsed.frame[key]
    again = events.duplicated() & events.notna().all(axis=1)
    rule = f"must be one row per day and name of {EVENTS.name}, but repeats an earlier row"
    mend = "remove one, or give it a name of its own: factors of one day multiply"
    return parsed.problems(again.to_numpy(dtype=bool), tuple(key), rule, mend)
