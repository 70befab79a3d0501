"""Columns of a log that models and diagnostics use, as SQL expressions."""

from promopilot.experiments.ope.bandit.table import Table

_MISSING = "('', 'na', 'n/a', 'nan', 'null', 'none')"  # how a missing value may be written
_TIMES = ("VARCHAR", "DATE", "TIMESTAMP")


def feature(table: Table, name: str) -> str:
    """SQL: a feature as a number: NaN where missing, text as the alphabetical rank of its value."""
    if table.is_number(name) or not _is_text(table, name):
        return table.number(name)
    given = _given(table, name)
    rank = f"dense_rank() over (order by {given} nulls last) - 1"
    return f"case when {given} is null then 'nan'::double else cast({rank} as double) end"


def timestamp(table: Table) -> str | None:
    """SQL: the log's column `timestamp` in UTC, NULL where it is not readable.

    None where the log has no such column, or it is neither a time nor text.
    """
    kind = table.types.get("timestamp", "")
    if not kind.startswith(_TIMES):
        return None
    return 'try_cast("timestamp" as timestamp)'


def _given(table: Table, name: str) -> str:
    text = table.text(name)
    return f"case when lower(trim({text})) in {_MISSING} then null else {text} end"


def _is_text(table: Table, name: str) -> bool:
    given = _given(table, name)
    return table.has(f"{given} is not null and try_cast({given} as double) is null")
