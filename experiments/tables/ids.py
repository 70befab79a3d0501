"""Rules of ids: each is unique in its table, and stands there where another table names it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.experiments.errors import Problem
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.schema import ALL, Table


def check_key(parsed: Parsed, table: Table) -> list[Problem]:
    """Ids are unique in their table; the second and later rows are the problem."""
    if table.key is None or table.key not in parsed.frame:
        return []
    ids = parsed.frame[table.key]
    again = (ids.duplicated() & ids.notna()).to_numpy(dtype=bool)
    rule = f"must be unique in {table.name}"
    return parsed.problems(again, (table.key,), rule, "remove the row or give it an id of its own")


def check_line_items(performance: Parsed, parsed: Parsed | None, table: Table) -> list[Problem]:
    """Every id in performance stands in its table.

    Without a table of placements (or segments) the one id is `all`; with a table of several,
    performance must say which.
    """
    name = table.key or ""
    if name in performance.frame:
        return check_ids(performance, parsed, table)
    if parsed is None or parsed.frame.get(name, pd.Series(dtype="str")).nunique() <= 1:
        return []
    rule = f"is a required column, because {parsed.file} has several"
    mend = f"add the {name} of each row"
    return [Problem(performance.file, None, name, None, rule, mend)]


def check_ids(naming: Parsed, parsed: Parsed | None, table: Table) -> list[Problem]:
    """Every id of `table` that `naming` has in its column of that name stands in `table`."""
    name = table.key or ""
    if name not in naming.frame:
        return []
    ids = naming.frame[name]
    if parsed is None:
        strange = ids.ne(ALL) & ids.notna() & ~ids.duplicated()
        rule = f"needs a table {table.name}, which is missing"
        mend = f"add {table.name}.csv with this id, or leave the column out"
        return naming.problems(strange.to_numpy(dtype=bool), (name,), rule, mend)
    if name not in parsed.frame:
        return []
    unknown = ~ids.isin(parsed.frame[name]) & ids.notna()
    rule = f"must be an id of {parsed.file}"
    mend = f"correct it or add it to {parsed.file}"
    return naming.problems(np.asarray(unknown, dtype=bool), (name,), rule, mend)
